"""Postings of a term in memory, which numpy adds to the sums of all documents, or looks up for some.

Those of most terms are a list, of documents and their impacts. Of a term that many documents have there is an impact
for each document, with 0 where it has none: added up in half a nanosecond a document, where a posting of a list takes
three, and looked up without a search.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from .postings import PostingsReader

MOST_BYTES = 8  # of a posting, listed or not
_DENSE = 8  # bytes of a posting, up to which there is an impact for each document


class TermPostings(Protocol):
    """The postings of one term. is_dense: whether there is an impact for each document. largest: of its impacts, 0
    where no document has it. bytes: of memory."""

    is_dense: ClassVar[bool]

    @property
    def largest(self) -> int: ...

    @property
    def bytes(self) -> int: ...

    def add(self, sums: np.ndarray, impact: int) -> None:
        """Add to each document's sum what the term gives it in a query where it has an impact. sums: zero_sums, int32
        where all of them are whole numbers that a 32-bit float has; else float64, and what is added is rounded as
        Lucene does."""

    def of(self, documents: np.ndarray, impact: int, kind: np.dtype) -> np.ndarray:
        """What `add` adds to the sums of some documents. documents: their numbers. kind: of the sums."""


@dataclass(frozen=True, slots=True)
class ListedPostings:
    """Documents that have the term, in order, and the impacts that it has in them."""

    is_dense: ClassVar[bool] = False
    documents: np.ndarray
    impacts: np.ndarray
    largest: int

    @property
    def bytes(self) -> int:
        """As TermPostings."""
        return self.documents.nbytes + self.impacts.nbytes

    def add(self, sums: np.ndarray, impact: int) -> None:
        """As TermPostings."""
        # With indices of another type numpy takes half as long again, more than it takes to convert them.
        np.add.at(sums, self.documents.astype(np.intp), _products(impact, self.impacts, sums.dtype))

    def of(self, documents: np.ndarray, impact: int, kind: np.dtype) -> np.ndarray:
        """As TermPostings."""
        found = np.zeros(len(documents), kind)
        if self.largest:
            rows = np.minimum(np.searchsorted(self.documents, documents), len(self.documents) - 1)
            has = self.documents[rows] == documents
            found[has] = _products(impact, self.impacts[rows[has]], kind)
        return found


@dataclass(frozen=True, slots=True)
class DensePostings:
    """The impact that the term has in each document."""

    is_dense: ClassVar[bool] = True
    impacts: np.ndarray
    largest: int

    @property
    def bytes(self) -> int:
        """As TermPostings."""
        return self.impacts.nbytes

    def add(self, sums: np.ndarray, impact: int) -> None:
        """As TermPostings."""
        some = sums[: len(self.impacts)]
        some += _products(impact, self.impacts, sums.dtype)

    def of(self, documents: np.ndarray, impact: int, kind: np.dtype) -> np.ndarray:
        """As TermPostings."""
        return _products(impact, self.impacts[documents], kind)


def read_postings(reader: PostingsReader, term: str) -> TermPostings:
    """A term's postings, with impacts in as few bytes as they take. Raises what Java throws."""
    numbers, impacts = reader.of(term)
    largest = int(impacts.max(initial=0))
    impacts = impacts.astype(np.min_scalar_type(largest))
    if reader.documents * impacts.itemsize >= len(numbers) * _DENSE:
        return ListedPostings(numbers, impacts, largest)
    every = np.zeros(reader.documents, impacts.dtype)
    every[numbers] = impacts
    return DensePostings(every, largest)


def _products(impact: int, impacts: np.ndarray, kind: np.dtype) -> np.ndarray:
    if kind == np.int32:
        return impacts * np.int32(impact)
    return (impacts.astype(np.float32) * np.float32(impact)).astype(np.float64)
