"""How often each value of a field stands in the documents that a query matches.

What a query matches is a bit for each document, which Java sets by the postings of the query's terms; what values the
documents have is read once of an open index, as numbers; counting is numpy's.
"""

import dataclasses
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..indexer.field_types import lucene_name, timestamp_of
from ..indexer.java import java_class, to_java
from ..pipeline.tokens.passages import DELIMITER
from ..storage.fields import BOOLEAN, NUMBER, TIMESTAMP, Field
from .doc_values import ids, keyword_values, number_values
from .filters.accepted import flags_of, matching_bits
from .filters.words import has_one_of

MOST_VALUES = 20  # of a field, the most frequent ones
_FEW = 64  # different values
_MOST_KEPT = 100_000  # keywords of a field, taken over from Java
_WHOLE = 2**53  # up to which a double is surely the whole number that a document has


@dataclass(frozen=True, slots=True)
class FacetCount:
    """A value of a field, as documents have it, and how many of those that match have it."""

    value: str | int | float | bool
    count: int


@dataclass(frozen=True, slots=True)
class Facets:
    """total: how many documents match. counts: of each field the most frequent values, ties in order of value. more: of
    each field that has more values than these, how many more."""

    total: int
    counts: dict[str, list[FacetCount]]
    more: dict[str, int] = dataclasses.field(default_factory=dict)


class FacetCounter:
    """Counts for an open index. Threads may share it. searcher: Lucene's. passages: whether the index has passages, of
    which documents are counted.

    Holds, of each field that was asked for, up to 8 bytes a document, or a value of those that have several; with
    passages 4 bytes a passage.
    """

    def __init__(self, searcher: Any, *, passages: bool) -> None:
        self._searcher, self._reader = searcher, searcher.getIndexReader()
        self._leaves = tuple(self._reader.leaves())
        self._passages = passages
        self._columns: dict[str, _Column] = {}
        self._documents: np.ndarray | None = None
        self._lock = threading.Lock()

    def count(self, terms: Sequence[str], accepted: Sequence[Any] | None, fields: Sequence[Field]) -> Facets:
        """Count among the documents that have one of the terms. accepted: those of each segment that may count, as
        FixedBitSets; without it all that are not deleted.

        Raises what Java throws.
        """
        columns = [self._column(field) for field in fields]
        matches = self._matches(has_one_of(terms), accepted)
        if self._passages:
            matches = self._one_of_each_document(matches)
        found = _Matches.of(matches)
        facets = Facets(len(found.numbers), {})
        for field, column in zip(fields, columns, strict=True):
            facets.counts[field.name], different = column.most_frequent(found)
            if different > MOST_VALUES:
                facets.more[field.name] = different - MOST_VALUES
        return facets

    def frequent_values(self, field: Field, most: int) -> list[Any]:
        """The most frequent values of a field. Raises what Java throws."""
        every = self._matches(java_class("org.apache.lucene.search.MatchAllDocsQuery")(), None)
        return [one.value for one in self._column(field).most_frequent(_Matches.of(every))[0][:most]]

    def read(self, field: Field) -> None:
        """Have the values of a field ready, and with passages the documents that these are of. Raises what Java
        throws."""
        self._column(field)
        if self._passages:
            self._document_numbers()

    def fields_read(self) -> list[str]:
        """The names of the fields whose values are ready."""
        with self._lock:
            return list(self._columns)

    def _matches(self, query: Any, accepted: Sequence[Any] | None) -> np.ndarray:
        """Whether each document matches."""
        return flags_of(matching_bits(self._searcher, self._leaves, query, accepted))

    def _one_of_each_document(self, matches: np.ndarray) -> np.ndarray:
        """Of the passages that match one of each document: all of a document's have its fields."""
        documents = self._document_numbers()
        passages = np.flatnonzero(matches)
        one = np.full(len(documents), -1, np.int64)
        one[documents[passages]] = passages
        chosen = np.zeros_like(matches)
        chosen[one[one >= 0]] = True
        return chosen

    def _document_numbers(self) -> np.ndarray:
        """The number of the document that each passage is of."""
        with self._lock:
            if self._documents is None:
                numbers: dict[bytes, int] = {}
                names = (name.rpartition(DELIMITER.encode())[0] for name in ids(self._reader))
                self._documents = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int32)
            return self._documents

    def _column(self, field: Field) -> "_Column":
        with self._lock:
            if field.name not in self._columns:
                self._columns[field.name] = _read_column(self._reader, field)
            return self._columns[field.name]


@dataclass(frozen=True, slots=True)
class _Matches:
    """Documents that match: whether each does, as bools and as bits in uint64, and the numbers of those that do."""

    mask: np.ndarray
    numbers: np.ndarray
    bits: np.ndarray

    @classmethod
    def of(cls, mask: np.ndarray) -> "_Matches":
        return cls(mask, np.flatnonzero(mask), _bits(mask))


def _bits(mask: np.ndarray) -> np.ndarray:
    packed = np.packbits(mask, bitorder="little")
    return np.pad(packed, (0, -len(packed) % 8)).view(np.uint64)


class _Column:
    """The values of a field. Each stands in one of `documents`, and `numbers` has its number among the different ones,
    which are in order. most: documents of the index."""

    def __init__(
        self, documents: np.ndarray, numbers: np.ndarray, different: "_Keywords | _Numbers", most: int
    ) -> None:
        self._different = different
        self._sets: np.ndarray | None = None
        if len(different) <= _FEW:
            # Of few values each has the bits of its documents: counting those of two sets is quickest.
            self._sets = np.zeros((len(different), -(-most // 64)), np.uint64)
            for number in range(len(different)):
                mask = np.zeros(most, bool)
                mask[documents[numbers == number]] = True
                self._sets[number] = _bits(mask)
            return
        kind = np.min_scalar_type(len(different))
        self._documents: np.ndarray | None = documents
        self._numbers = numbers.astype(kind)
        if not (np.diff(documents) == 0).any():
            # One value a document, or none, which gets the number after all others.
            self._documents, self._numbers = None, np.full(most, len(different), kind)
            self._numbers[documents] = numbers

    def most_frequent(self, matches: _Matches) -> tuple[list[FacetCount], int]:
        """The values that most of the documents that match have, and how many different ones these have in all."""
        counts = self._counts(matches)
        best = [FacetCount(self._different[number], int(counts[number])) for number in _most_frequent(counts)]
        return best, int(np.count_nonzero(counts))

    def _counts(self, matches: _Matches) -> np.ndarray:
        """Of each different value in how many documents that match it stands."""
        if self._sets is not None:
            counted: np.ndarray = np.bitwise_count(self._sets & matches.bits).sum(axis=1, dtype=np.int64)
            return counted
        # Taking by numbers is several times as fast as by a mask.
        numbers = matches.numbers
        if self._documents is not None:
            numbers = np.flatnonzero(matches.mask.take(self._documents))
        return np.bincount(self._numbers.take(numbers), minlength=len(self._different) + 1)[: len(self._different)]


def _most_frequent(counts: np.ndarray) -> list[int]:
    """The numbers of those that are counted most, ties in their order."""
    least = _least_of_the_most(counts)
    more = np.flatnonzero(counts > least)
    found = np.concatenate([more, np.flatnonzero(counts == least)[: MOST_VALUES - len(more)]])
    best: list[int] = found[np.argsort(-counts[found], kind="stable")].tolist()
    return best


def _least_of_the_most(counts: np.ndarray) -> int:
    """The count of the last of those that are counted most, at least 1."""
    if len(counts) <= MOST_VALUES:
        return 1
    if counts.max() > len(counts):
        return max(1, int(np.partition(counts, -MOST_VALUES)[-MOST_VALUES]))
    # Of many values most are counted seldom: counting the counts is quicker than ordering them.
    at_least = np.cumsum(np.bincount(counts)[::-1])[::-1]
    return max(1, int(np.flatnonzero(at_least >= MOST_VALUES)[-1]))


class _Keywords:
    """The different keywords of a field, in their order, taken from Lucene when they are first asked for."""

    def __init__(self, values: Any, kind: str) -> None:
        self._values, self._kind = values, kind
        self._length = int(values.getValueCount()) if values is not None else 0
        self._kept: dict[int, str] = {}
        self._lock = threading.Lock()  # Lucene's object is for one thread at a time

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, number: int) -> str | bool:
        found = self._kept.get(number)
        if found is None:
            with self._lock:
                found = str(self._values.lookupOrd(number).utf8ToString())
                if len(self._kept) >= _MOST_KEPT:
                    self._kept.clear()
                self._kept[number] = found
        return found == "true" if self._kind == BOOLEAN else found


class _Numbers:
    """The different numbers or times of a field, in their order."""

    def __init__(self, values: np.ndarray, kind: str) -> None:
        self._values, self._kind = values, kind

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, number: int) -> str | int | float:
        value = self._values[number].item()
        if self._kind == TIMESTAMP:
            return timestamp_of(value)
        return int(value) if value.is_integer() and abs(value) <= _WHOLE else value


def _read_column(reader: Any, field: Field) -> _Column:
    name, most = to_java(lucene_name(field.name)), int(reader.maxDoc())
    if field.kind in (NUMBER, TIMESTAMP):
        documents, values = number_values(reader, name, field.kind)
        different, numbers = np.unique(values, return_inverse=True)
        return _Column(documents, numbers.astype(np.int32), _Numbers(different, field.kind), most)
    keywords, documents, numbers = keyword_values(reader, name)
    return _Column(documents, numbers, _Keywords(keywords, field.kind), most)
