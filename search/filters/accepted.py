"""Which documents of an open index pass filters, kept for the filters that are asked again and again; and which of
these have a word of a query, kept while it is answered."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...indexer.java import java_class
from .lucene import query_of
from .typed import AllOf, Typed
from .words import Words, has_a_word

# That are kept: as many filters, and bytes of their bitsets, which is 53 filters of 10 million documents.
_MOST, _MOST_BYTES = 256, 2**26
_MOST_WORDS = 16  # queries whose documents are kept, for their facets and the next page


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
        self._passing: OrderedDict[tuple[Typed, ...], Accepted] = OrderedDict()
        self._with_words: OrderedDict[Hashable, Accepted] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, filters: Sequence[Typed], words: Words | None = None) -> Accepted:
        """The documents that pass all filters; with words those of them that have all terms of one of these. Raises
        what Java throws."""
        key = tuple(dict.fromkeys(filters))
        if words is None:
            return self._kept(self._passing, key, self._most, lambda: self._found(query_of(AllOf(key))))

        def with_words() -> Accepted:
            return self._found(has_a_word(words), self.of(key).bits if key else None)

        both = key, tuple(map(frozenset, words))
        return self._kept(self._with_words, both, min(_MOST_WORDS, self._most), with_words)

    def asked(self) -> list[tuple[Typed, ...]]:
        """The filters whose documents are kept, those that were asked for last at the end."""
        with self._lock:
            return list(self._passing)

    def _kept(
        self, kept: OrderedDict[Any, Accepted], key: Hashable, most: int, find: Callable[[], Accepted]
    ) -> Accepted:
        """What is kept for a key, or else found, and kept in the place of what was asked for longest ago."""
        with self._lock:
            if found := kept.get(key):
                kept.move_to_end(key)
                return found
        # Two threads may find the same at once, which costs time and nothing else.
        found = find()
        with self._lock:
            kept[key] = found
            while len(kept) > most:
                kept.popitem(last=False)
        return found

    def _found(self, query: Any, accepted: Sequence[Any] | None = None) -> Accepted:
        bits = matching_bits(self._searcher, self._leaves, query, accepted)
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
