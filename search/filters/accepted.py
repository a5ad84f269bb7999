"""Which documents of an open index pass filters, kept for the filters that are asked again and again."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...indexer.java import java_class
from .lucene import query_of
from .typed import AllOf, Typed

# That are kept: as many filters, and bytes of their bitsets, which is 53 filters of 10 million documents.
_MOST, _MOST_BYTES = 256, 2**26


@dataclass(frozen=True, slots=True)
class Accepted:
    """Documents that pass filters, and are not deleted. bits: Lucene's FixedBitSet of each segment. count: of them."""

    bits: tuple[Any, ...]
    count: int


class AcceptedDocuments:
    """Finds them, and keeps what it found lately. Threads may share it. searcher: Lucene's, of an open index."""

    def __init__(self, searcher: Any) -> None:
        self._searcher = searcher
        self._leaves = tuple(searcher.getIndexReader().leaves())
        self._most = min(_MOST, max(1, _MOST_BYTES * 8 // max(1, int(searcher.getIndexReader().maxDoc()))))
        self._kept: OrderedDict[tuple[Typed, ...], Accepted] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, filters: Sequence[Typed]) -> Accepted:
        """The documents that pass all filters. Raises what Java throws."""
        key = tuple(dict.fromkeys(filters))
        with self._lock:
            if found := self._kept.get(key):
                self._kept.move_to_end(key)
                return found
        # Two threads may find the same at once, which costs time and nothing else.
        found = self._found(key)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found

    def asked(self) -> list[tuple[Typed, ...]]:
        """The filters whose documents are kept, those that were asked for last at the end."""
        with self._lock:
            return list(self._kept)

    def _found(self, filters: tuple[Typed, ...]) -> Accepted:
        bits = matching_bits(self._searcher, self._leaves, query_of(AllOf(filters)))
        return Accepted(bits, sum(int(segment.cardinality()) for segment in bits))


def matching_bits(
    searcher: Any, leaves: Sequence[Any], query: Any, accepted: Sequence[Any] | None = None
) -> tuple[Any, ...]:
    """What a query matches, as a FixedBitSet of each segment. searcher, leaves, query: Lucene's. accepted: documents of
    each segment that may be among them, as FixedBitSets; without it all that are not deleted."""
    mode = java_class("org.apache.lucene.search.ScoreMode").COMPLETE_NO_SCORES
    weight = searcher.createWeight(searcher.rewrite(query), mode, 1.0)
    found = tuple(_bits_of(weight, leaf) for leaf in leaves)
    for number, (bits, leaf) in enumerate(zip(found, leaves, strict=True)):
        if accepted is not None:
            bits.and_(accepted[number])
        elif (live := leaf.reader().getLiveDocs()) is not None:
            bits.and_(java_class("org.apache.lucene.util.FixedBitSet").copyOf(live))
    return found


def flags_of(bits: Sequence[Any]) -> np.ndarray:
    """The FixedBitSets of all segments as one array of truth values, one a document."""
    words = (np.array(memoryview(one.getBits())).astype("<u8", copy=False).view(np.uint8) for one in bits)
    flags = [
        np.unpackbits(some, count=int(one.length()), bitorder="little") for some, one in zip(words, bits, strict=True)
    ]
    return np.concatenate(flags).view(bool) if flags else np.empty(0, bool)


def _bits_of(weight: Any, leaf: Any) -> Any:
    bits = java_class("org.apache.lucene.util.FixedBitSet")(leaf.reader().maxDoc())
    if (scorer := weight.scorer(leaf)) is not None:
        bits.or_(scorer.iterator())
    return bits
