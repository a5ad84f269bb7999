"""How many documents have each term of an open Lucene index, and how many terms each document has.

Lucene's counts of a term's documents include deleted ones, and of a document's terms it has none. So each term's
postings become a bit for each document, in one call of Java, and numpy counts bits: in numbers whose binary digits lie
in arrays of their own, adding a bit for all documents at once changes two arrays on average.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..indexer.java import java_class

_INDEX = "org.apache.lucene.index."
_FIELD = "contents"


@dataclass(frozen=True, slots=True)
class PostingsCounts:
    """Of the documents that are not deleted. documents: that have each term, without terms that none has. terms: that
    each document has. deleted: documents that are in Lucene's files only."""

    documents: dict[str, int]
    terms: np.ndarray
    deleted: int


def count_postings(reader: Any) -> PostingsCounts:
    """Count all postings of a reader of Lucene's. Raises what Java throws."""
    most = int(reader.maxDoc())
    live = _live_words(reader)
    documents: dict[str, int] = {}
    counter = _BitCounter(-(-most // 64))
    for term, words in _bits_of_terms(reader):
        if live is not None:
            words &= live
        if count := int(np.bitwise_count(words).sum()):
            documents[term] = count
            counter.add(words)
    terms = counter.counts(most)
    if live is not None:
        terms = terms[np.unpackbits(live.view(np.uint8), count=most, bitorder="little").view(bool)]
    return PostingsCounts(documents, terms, most - len(terms))


class _BitCounter:
    """Counts one for each bit of 64-bit words that is set in what is added."""

    def __init__(self, words: int) -> None:
        self._words = words
        self._digits: list[np.ndarray] = []  # the lowest first

    def add(self, bits: np.ndarray) -> None:
        """Add one for each bit."""
        carry = bits
        for digit in self._digits:
            carried = digit & carry
            digit ^= carry
            carry = carried
            if not carry.any():
                return
        self._digits.append(carry.copy())

    def counts(self, most: int) -> np.ndarray:
        """int64: the counts of the first bits, so many of them."""
        counts = np.zeros(most, np.int64)
        for place, digit in enumerate(self._digits):
            bits = np.unpackbits(digit.view(np.uint8), count=most, bitorder="little")
            counts += bits.astype(np.int64) << place
        return counts


def _bits_of_terms(reader: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Each term, and a bit for each document that has it, deleted ones too: uint64 words, the lowest bit first."""
    every = java_class(f"{_INDEX}MultiTerms").getTerms(reader, _FIELD)
    if every is None:
        return
    bits = java_class("org.apache.lucene.util.FixedBitSet")(reader.maxDoc())
    nothing_else = java_class(f"{_INDEX}PostingsEnum").NONE
    terms, postings = every.iterator(), None
    while (term := terms.next()) is not None:
        bits.clear()
        postings = terms.postings(postings, nothing_else)
        bits.or_(postings)
        yield str(term.utf8ToString()), _words(bits)


def _live_words(reader: Any) -> np.ndarray | None:
    """A bit for each document that is not deleted; None where none is."""
    live = java_class(f"{_INDEX}MultiBits").getLiveDocs(reader)
    return None if live is None else _words(java_class("org.apache.lucene.util.FixedBitSet").copyOf(live))


def _words(bits: Any) -> np.ndarray:
    """The words of a FixedBitSet, copied."""
    return np.array(memoryview(bits.getBits())).astype("<u8", copy=False)
