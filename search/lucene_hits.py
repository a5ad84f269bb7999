"""What Lucene found, taken over in one call: documents' numbers, ids and scores.

Each call from Python to Java costs microseconds, so asking a thousand hits one by one takes longer than the search. The
ids are in what Lucene sorted by (ties go by id), so no stored document need be read, and Arrays.toString writes all
hits out as one text, in Java.
"""

import re
from array import array
from typing import Any, NamedTuple

from ..indexer.java import from_java, java_class

# FieldDoc.toString: doc=7 score=NaN shardIndex=-1 fields=[120.0, [64 37]], the bytes in hexadecimal, not padded.
_HIT = re.compile(r"doc=(\d+) [^\[]*fields=\[([^,\]]+), \[([0-9a-f ]*)\]\]")


class DamagedIndexError(ValueError):
    """An index holds what none can hold. Its message says what that is."""


class ScoredDoc(NamedTuple):
    """A document that Lucene found, with its score. number: the one that Lucene gives it in the open index."""

    number: int
    id: str
    score: float


def rank(searcher: Any, query: Any, k: int, sort: Any) -> list[ScoredDoc]:
    """The k best documents of a query. searcher, query, sort: Lucene's; sort is by score, then by id.

    Raises DamagedIndexError for an id that is no text.
    """
    hits = searcher.search(query, k, sort).scoreDocs
    ranked = read_hits(from_java(java_class("java.util.Arrays").toString(hits)))
    if len(ranked) != len(hits):
        raise DamagedIndexError(f"{len(hits) - len(ranked)} hits have no id")
    return ranked


def read_hits(text: str) -> list[ScoredDoc]:
    """Each hit, from Java's text of them. Raises DamagedIndexError as `rank`."""
    found = _HIT.findall(text)
    # Java writes as few digits as tell a 32-bit number from others: as one it must be read.
    scores = array("f", (float(score) for _, score, _ in found))
    try:
        return [
            ScoredDoc(int(number), _bytes(name).decode(), score)
            for (number, _, name), score in zip(found, scores, strict=True)
        ]
    except UnicodeDecodeError as error:
        raise DamagedIndexError(f"an id is no text: {error}") from error


def _bytes(hexadecimal: str) -> bytes:
    try:
        return bytes.fromhex(hexadecimal)
    except ValueError:  # a byte below 16 has one digit
        return bytes(int(byte, 16) for byte in hexadecimal.split())
