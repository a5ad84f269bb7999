"""How often each value of a field stands in the documents that a query matches.

What a query matches is a bit for each document, which Java sets by the postings of the query's terms; what values the
documents have is read once of an open index, as numbers; counting is numpy's.
"""

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

MOST_VALUES = 20  # of a field, the most frequent ones
_MOST_KEPT = 100_000  # keywords of a field, taken over from Java
_WHOLE = 2**53  # up to which a double is surely the whole number that a document has


@dataclass(frozen=True, slots=True)
class FacetCount:
    """A value of a field, as documents have it, and how many of those that match have it."""

    value: str | int | float | bool
    count: int


@dataclass(frozen=True, slots=True)
class Facets:
    """total: how many documents match. counts: of each field the most frequent values, ties in order of value."""

    total: int
    counts: dict[str, list[FacetCount]]


class FacetCounter:
    """Counts for an open index. Threads may share it. searcher: Lucene's. passages: whether the index has passages, of
    which documents are counted.

    Holds, of each field that was asked for, 4 bytes a document and as many a value; with passages 4 bytes a passage.
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
        matches = self._matches(_has_one_of(terms), accepted)
        if self._passages:
            matches = self._one_of_each_document(matches)
        counts = {field.name: column.counts(matches) for field, column in zip(fields, columns, strict=True)}
        return Facets(int(np.count_nonzero(matches)), counts)

    def frequent_values(self, field: Field, most: int) -> list[Any]:
        """The most frequent values of a field. Raises what Java throws."""
        every = self._matches(java_class("org.apache.lucene.search.MatchAllDocsQuery")(), None)
        return [one.value for one in self._column(field).counts(every)[:most]]

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
        found = []
        for number, bits in enumerate(matching_bits(self._searcher, self._leaves, query)):
            segment = self._leaves[number].reader()
            if accepted is not None:
                bits.and_(accepted[number])
            elif (live := segment.getLiveDocs()) is not None:
                bits.and_(java_class("org.apache.lucene.util.FixedBitSet").copyOf(live))
            found.append(bits)
        return flags_of(found)

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


class _Column:
    """The values of a field. Each stands in `documents`, and has in `numbers` its rank among all different
    values. documents: None where no document has two."""

    def __init__(
        self, documents: np.ndarray, numbers: np.ndarray, different: "_Keywords | _Numbers", most: int
    ) -> None:
        self._different = different
        self._documents: np.ndarray | None = documents
        self._numbers = numbers
        if not (np.diff(documents) == 0).any():
            # One value a document, or none, which gets the number after all others.
            self._documents, self._numbers = None, np.full(most, len(different), np.int32)
            self._numbers[documents] = numbers

    def counts(self, matches: np.ndarray) -> list[FacetCount]:
        """Of documents that match, whose bits these are."""
        numbers = self._numbers[matches if self._documents is None else matches[self._documents]]
        counts = np.bincount(numbers, minlength=len(self._different) + 1)[: len(self._different)]
        found = np.flatnonzero(counts)
        if len(found) > MOST_VALUES:
            least = np.partition(counts[found], -MOST_VALUES)[-MOST_VALUES]
            found = found[counts[found] >= least]
        best = found[np.argsort(-counts[found], kind="stable")][:MOST_VALUES].tolist()
        return [FacetCount(self._different[number], int(counts[number])) for number in best]


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


def _has_one_of(terms: Sequence[str]) -> Any:
    """What matches documents that have one of the terms: all their postings are gone through, one after the other."""
    search, to_bytes = "org.apache.lucene.search.", java_class("org.apache.lucene.util.BytesRef")
    every = java_class("java.util.ArrayList")()
    for term in terms:
        every.add(to_bytes(to_java(term)))
    rewriting = java_class(f"{search}MultiTermQuery").CONSTANT_SCORE_REWRITE
    return java_class(f"{search}TermInSetQuery")(rewriting, "contents", every)
