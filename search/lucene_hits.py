"""What Lucene found, taken over in one call: documents' numbers, ids and scores.

Each call from Python to Java costs microseconds, so asking a thousand hits one by one takes longer than the search. The
ids are in what Lucene sorted by (ties go by id), so no stored document need be read, and Arrays.toString writes all
hits out as one text, in Java.
"""

import re
from array import array
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from ..indexer.java import from_java, java_class

# FieldDoc.toString: doc=7 score=NaN shardIndex=-1 fields=[120.0, [64 37]], the bytes in hexadecimal, not padded.
_HIT = re.compile(r"doc=(\d+) [^\[]*fields=\[([^,\]]+), \[([0-9a-f ]*)\]\]")
# Sorted by a field, that comes first, perhaps as bytes too, and the score last.
_HIT_BY_FIELD = re.compile(r"doc=(\d+) [^\[]*fields=\[(\[[0-9a-f ]*\]|[^,\[\]]+), \[([0-9a-f ]*)\], ([^,\]]+)\]")
_EVERY = 2**31 - 1


class DamagedIndexError(ValueError):
    """An index holds what none can hold. Its message says what that is."""


class ScoredDoc(NamedTuple):
    """A document that Lucene found, with its score. number: the one that Lucene gives it in the open index. key: equal
    for documents with an equal value of the field that they are sorted by, "" where they are sorted by score."""

    number: int
    id: str
    score: float
    key: str = ""


def scored_docs(numbers: Iterable[int], ids: Iterable[str], scores: Iterable[float]) -> list[ScoredDoc]:
    """Documents sorted by score. A thousand are a part of a search: made of tuples, and not one by one in Python, they
    take a third as long."""
    return list(map(tuple.__new__, repeat(ScoredDoc), zip(numbers, ids, scores, repeat(""))))


def rank(
    searcher: Any, query: Any, k: int, sort: Any, accepted: Sequence[Any] | None = None, *, by_field: bool = False
) -> list[ScoredDoc]:
    """The k best documents of a query. searcher, query, sort: Lucene's; sort is by score, then by id; or by_field, by a
    field, then by id, then by score. accepted: of each segment the documents that may be among them, as Bits.

    Raises DamagedIndexError for an id that is no text.
    """
    if accepted is None:
        hits = searcher.search(query, k, sort).scoreDocs
    else:
        hits = _accepted_hits(searcher, query, k, sort, accepted)
    return hits_of(hits, by_field=by_field)


def hits_of(hits: Any, *, by_field: bool = False) -> list[ScoredDoc]:
    """Lucene's FieldDocs as hits. by_field, and what is raised: as `rank`."""
    ranked = read_hits(from_java(java_class("java.util.Arrays").toString(hits)), by_field=by_field)
    if len(ranked) != len(hits):
        raise DamagedIndexError(f"{len(hits) - len(ranked)} hits have no id")
    return ranked


def _accepted_hits(searcher: Any, query: Any, k: int, sort: Any, accepted: Sequence[Any]) -> Any:
    """As IndexSearcher.search finds them, with `accepted` where that has the documents that are not deleted: a filter
    then costs no more than asking for a bit, and each score is computed as it is without one."""
    collector = _collector(sort, k)
    weight = searcher.createWeight(searcher.rewrite(query), collector.scoreMode(), 1.0)
    for leaf, bits in zip(searcher.getIndexReader().leaves(), accepted, strict=True):
        scorer = weight.bulkScorer(leaf)
        if scorer is not None:
            scorer.score(collector.getLeafCollector(leaf), bits, 0, _EVERY)
    return collector.topDocs().scoreDocs


def _collector(sort: Any, k: int) -> Any:
    """What collects the k best, and lets Lucene pass over documents that cannot be among them."""
    collector = java_class("org.apache.lucene.search.TopFieldCollector")
    if hasattr(collector, "create"):
        return collector.create(sort, k, k)
    return java_class("org.apache.lucene.search.TopFieldCollectorManager")(sort, k, k).newCollector()  # Lucene 10


def read_hits(text: str, *, by_field: bool = False) -> list[ScoredDoc]:
    """Each hit, from Java's text of them. by_field: as `rank`. Raises DamagedIndexError as `rank`."""
    if by_field:
        found = [(number, score, name, key) for number, key, name, score in _HIT_BY_FIELD.findall(text)]
    else:
        found = [(number, score, name, "") for number, score, name in _HIT.findall(text)]
    # Java writes as few digits as tell a 32-bit number from others: as one it must be read.
    scores = array("f", (float(score) for _, score, _, _ in found))
    try:
        return [
            ScoredDoc(int(number), _bytes(name).decode(), score, key)
            for (number, _, name, key), score in zip(found, scores, strict=True)
        ]
    except UnicodeDecodeError as error:
        raise DamagedIndexError(f"an id is no text: {error}") from error


def _bytes(hexadecimal: str) -> bytes:
    try:
        return bytes.fromhex(hexadecimal)
    except ValueError:  # a byte below 16 has one digit
        return bytes(int(byte, 16) for byte in hexadecimal.split())
