"""A Lucene impact index opened for reading."""

import os
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Parameter, SpartonError
from ..indexer.index_writer import open_reader, postings_analyzer
from ..indexer.java import (
    alone_at_first,
    check_process,
    forget_thread_at_end,
    java_array,
    java_class,
    java_exception,
    java_name,
    to_java,
)
from ..indexer.read_vectors import BEFORE_IMPACT, BETWEEN_TERMS, join_postings
from ..pipeline.encoding.query_terms import Words
from ..storage.fields import Field
from .doc_values import ids
from .document_ids import DocumentIds
from .explain import Match
from .facets import FacetCounter, Facets
from .filters.accepted import Accepted, AcceptedDocuments, flags_of
from .filters.typed import Typed, field_named, kinds_of, typed_filter
from .filters.words import has_all_of, kinds_of_words
from .first_pass.first_pass import FirstPass
from .first_pass.rescoring import rescored
from .lucene_hits import DamagedIndexError, ScoredDoc, hits_of, rank
from .sorting import FieldOrder, best_then_id, field_order, lucene_order
from .stored_texts import Stored, stored_documents
from .top_scores import TopScores, best_of

_INDEX = "org.apache.lucene.index."
_FIELD = "contents"
_UNFINDABLE = re.compile(f"[{BETWEEN_TERMS}{BEFORE_IMPACT}\ud800-\udfff]")
# Lucene's own limit of 1,024 is meant for words that people type; a long query expands to more terms.
_MOST_TERMS = 2**20
_SOME = 5  # values of a field, to tell of


@dataclass(frozen=True, slots=True)
class Selection:
    """Which documents are searched, and how hits are ordered. order: None for by score. words: of a query, of which a
    document must have one, and all terms of that; without any it may have what it likes."""

    filters: tuple[Typed, ...] = ()
    order: FieldOrder | None = None
    words: Words = ()

    @property
    def is_part(self) -> bool:
        """Whether some documents are not searched."""
        return bool(self.filters or self.words)


EVERYTHING = Selection()


class ImpactIndex:
    """An index that is open, or several as if they were one. Threads may share it.

    fields: that its documents may have. passages: whether these are passages of documents. commits: of each folder the
    commit that is meant, as Manifest.commits.

    Searches as Anserini's SimpleImpactSearcher does, without loading it: that takes half a second of a cold start.
    Raises SpartonError, when it is made, for a folder that holds no index; in its methods, for an index that is damaged
    or closed, or in a process that was forked.
    """

    def __init__(
        self,
        *folders: Path,
        commits: Sequence[str | None] = (),
        fields: Sequence[Field] = (),
        passages: bool = False,
    ) -> None:
        check_process()
        self._name = str(folders[0] if len(folders) == 1 else folders[0].parent)
        forget_thread_at_end()
        readers = _open_readers(folders, commits or (None,) * len(folders))
        # One reader over all: each posting is scored alike in every index, and ties go by id, not by number.
        self._reader = _as_one(readers) if len(readers) > 1 else readers[0]
        searcher = java_class("org.apache.lucene.search.IndexSearcher")
        searcher.setMaxClauseCount(_MOST_TERMS)
        self._searcher = searcher(self._reader)
        self._searcher.setSimilarity(self._similarity())
        # What Lucene would keep is what filters let pass, and accepted.py keeps that.
        self._searcher.setQueryCache(None)
        self._best_then_id = best_then_id()
        self._ids = DocumentIds(self._reader)
        self._top_scores = TopScores(self._searcher, self._best_then_id, self._ids)
        self._accepted = AcceptedDocuments(self._searcher)
        self._counter = FacetCounter(self._searcher, passages=passages)
        self._queries = java_class("org.apache.lucene.util.QueryBuilder")(postings_analyzer("delimitedBoost"))
        self._fields = {field.name: field for field in fields}
        self._documents = int(self._reader.numDocs())
        self._process = os.getpid()
        self._closed = False

    def __len__(self) -> int:
        return self._documents

    def selection(self, filters: Sequence[str], sort: str | None = None) -> Selection:
        """What filters and an order mean to this index. Raises UsageError where they mean nothing."""
        with self._reading("selection", bool(filters), bool(sort)):
            tests = tuple(typed_filter(text, self._fields, self._some_values) for text in filters)
        return Selection(tests, None if sort is None else field_order(sort, self._fields))

    def rank(self, terms: Mapping[str, int], k: int, selection: Selection = EVERYTHING) -> list[ScoredDoc]:
        """The k documents with the largest sum of query impact x document impact, ties in order of id; or of those that
        pass the filters of a selection, or in its order."""
        with self._reading("rank", *_kinds(selection)):
            query = self._query(terms)
            if query is None:
                return []
            accepted = self._searched(selection)
            most = min(k, len(self) if accepted is None else accepted.count)
            if not most:
                return []
            bits = None if accepted is None else accepted.bits
            if selection.order is None:
                return self._top_scores.rank(query, most, bits)
            return rank(self._searcher, query, most, lucene_order(selection.order), bits, by_field=True)

    def rank_with(
        self, first_pass: FirstPass, terms: Mapping[str, int], k: int, selection: Selection = EVERYTHING
    ) -> list[ScoredDoc]:
        """As rank, of the documents that a first pass finds; all there are where it finds too few, or where hits are in
        another order than by score."""
        if selection.order is not None:
            return self.rank(terms, k, selection)
        with self._reading("rank with", type(first_pass).__name__, *_kinds(selection)):
            findable = _findable(terms)
            accepted = self._searched(selection)
            most = min(k, len(self) if accepted is None else accepted.count)
            if not findable or not most:
                return []
            bits = None if accepted is None else accepted.bits
            found = first_pass.candidates(self._searcher, findable, most, bits)
            if found is not None and found.scores is not None:
                with alone_at_first("ids of candidates"):
                    return best_of(found.numbers, found.scores, self._ids.of(found.numbers), most)
            if found is not None:
                with alone_at_first("rescored"):
                    hits = rescored(self._searcher, self._query(terms), found.numbers, most, self._best_then_id)
                    if len(ranked := [hit for hit in hits_of(hits) if hit.score > 0]) == most:
                        return ranked
        return self.rank(terms, k, selection)

    def _searched(self, selection: Selection) -> Accepted | None:
        """The documents that may be found, whatever finds them; None for all."""
        if not selection.is_part:
            return None
        findable = (frozenset(_findable(dict.fromkeys(word, 1))) for word in selection.words)
        return self._accepted.of(selection.filters, tuple(filter(None, findable)) if selection.words else None)

    def facet_fields(self, names: Sequence[str]) -> list[Field]:
        """The fields to count, each once. Raises UsageError for one that the index does not have."""
        return [field_named(name, self._fields, "a facet") for name in dict.fromkeys(names)]

    def facets(self, terms: Mapping[str, int], fields: Sequence[Field], selection: Selection = EVERYTHING) -> Facets:
        """How many documents match, and of each field the most frequent values in these."""
        with self._reading("facets", frozenset(field.kind for field in fields), *_kinds(selection)):
            findable = list(_findable(terms))
            if not findable or not len(self):
                return Facets(0, {field.name: [] for field in fields})
            accepted = self._searched(selection)
            return self._counter.count(findable, None if accepted is None else accepted.bits, fields)

    def frequent_values(self, name: str, most: int) -> list[Any]:
        """The most frequent values that a field has among all documents. Raises UsageError where there is no such
        field."""
        field = field_named(name, self._fields, "frequent_values")
        with self._reading("frequent values", field.kind):
            return self._counter.frequent_values(field, most)

    def _some_values(self, name: str) -> list[str]:
        return self._counter.frequent_values(self._fields[name], _SOME)

    def stored(self, ranked: Sequence[ScoredDoc]) -> list[Stored]:
        """The stored texts and fields."""
        with self._reading("stored", bool(ranked)):
            return stored_documents(self._reader, ranked, self._fields)

    def texts(self, ranked: Sequence[ScoredDoc]) -> list[str | None]:
        """The stored texts, None where there is none."""
        return [document.text for document in self.stored(ranked)]

    def with_id(self, name: str) -> list[ScoredDoc]:
        """The document that has an id, if there is one."""
        with self._reading("id"):
            return rank(self._searcher, _term_query("id", name), 1, self._best_then_id)

    def with_prefix(self, prefix: str) -> list[ScoredDoc]:
        """All documents whose ids begin so, in order of id."""
        with self._reading("prefix"):
            query = java_class("org.apache.lucene.search.PrefixQuery")(java_class(f"{_INDEX}Term")("id", prefix))
            count = int(self._searcher.count(query))
            return rank(self._searcher, query, count, self._best_then_id) if count else []

    def located(self, ranked: Sequence[ScoredDoc]) -> list[ScoredDoc]:
        """Documents that another index of the same documents has found, with the numbers that they have in this one."""
        with self._reading("located", bool(ranked)):
            to_bytes = java_class("org.apache.lucene.util.BytesRef")
            names = java_array("org.apache.lucene.util.BytesRef", [to_bytes(to_java(one.id)) for one in ranked])
            every = java_class("java.util.Arrays").asList(names)
            query = java_class("org.apache.lucene.search.TermInSetQuery")("id", every)
            found = rank(self._searcher, query, len(ranked), self._best_then_id) if ranked else []
            numbers = {one.id: one.number for one in found}
            if missing := next((one.id for one in ranked if one.id not in numbers), None):
                raise DamagedIndexError(f"it has no document {missing!r}, and another index of its documents has")
        return [one._replace(number=numbers[one.id]) for one in ranked]

    def ids(self, selection: Selection) -> list[str]:
        """The ids of all documents that pass the filters of a selection."""
        with self._reading("all ids", *_kinds(selection)):
            passing = np.flatnonzero(flags_of(self._accepted.of(selection.filters).bits))
            return [name.decode() for name in ids(self._reader, passing)]

    def warm_like(self, older: "ImpactIndex") -> None:
        """Read what another has of this one's fields, and find what passes the filters that it was asked for."""
        with self._reading("warm"):
            for name in older._counter.fields_read():
                if (field := self._fields.get(name)) is not None and field == older._fields[name]:
                    self._counter.read(field)
            if self._fields == older._fields:  # or a filter may mean another thing, or nothing
                for filters in older._accepted.asked():
                    self._accepted.of(filters)

    def first_term(self) -> str | None:
        """The first of the index's terms in Lucene's order, None if it has none."""
        with self._reading("first"):
            every = java_class(f"{_INDEX}MultiTerms").getTerms(self._reader, _FIELD)
            found = every.iterator().next() if every else None
            return None if found is None else str(found.utf8ToString())

    def document_frequencies(self, terms: Sequence[str]) -> list[int]:
        """How many documents have each of some terms, deleted ones not among them."""
        with self._reading("document frequencies", bool(terms)):
            # From the dictionary of terms alone where nothing was deleted, else by going through the postings in Java.
            findable = _findable(dict.fromkeys(terms, 1))
            return [int(self._searcher.count(_term_query(_FIELD, one))) if one in findable else 0 for one in terms]

    def count_with_all(self, terms: Sequence[str]) -> int:
        """How many documents have all of some terms, deleted ones not among them."""
        with self._reading("documents with all terms", bool(terms)):
            query = _all_of(terms)
            return 0 if query is None else int(self._searcher.count(query))

    def heaviest_with_all(self, terms: Sequence[str], k: int) -> list[ScoredDoc]:
        """Of the documents that have all of some terms the k with the largest sums of their impacts, ties in order of
        id."""
        with self._reading("heaviest with all terms", len(set(terms)) > 1):
            query = _all_of(terms)
            return [] if query is None else rank(self._searcher, query, k, self._best_then_id)

    def _similarity(self) -> Any:
        """What scores documents, as Lucene has it."""
        return java_class("io.anserini.search.similarity.ImpactSimilarity")()

    def _query(self, terms: Mapping[str, int]) -> Any:
        """The disjunction of the terms, each weighted with its impact; None where nothing can be found."""
        terms = _findable(terms)
        # Made in one call rather than three a term.
        return self._queries.createBooleanQuery(_FIELD, to_java(join_postings(terms))) if terms and len(self) else None

    def explain(self, terms: Mapping[str, int], ids: Sequence[str]) -> list[list[Match]]:
        """For each document, the matching terms, largest contribution first. Raises KeyError for an unknown id."""
        matches: list[list[Match]] = [[] for _ in ids]
        with self._reading("explain", bool(terms), bool(ids)):
            numbers = [self._number(name) for name in ids]
            # A postings list is read forwards only, so documents are visited in Lucene's order.
            order = sorted(range(len(ids)), key=numbers.__getitem__)
            every = java_class(f"{_INDEX}MultiTerms").getTerms(self._reader, _FIELD)
            frequencies = java_class(f"{_INDEX}PostingsEnum").FREQS
            to_bytes = java_class("org.apache.lucene.util.BytesRef")
            for term, impact in _findable(terms).items() if every else ():
                cursor = every.iterator()
                if not cursor.seekExact(to_bytes(term)):
                    continue
                postings = cursor.postings(None, frequencies)
                current = -1
                for row in order:
                    if current < numbers[row]:
                        current = int(postings.advance(numbers[row]))
                    if current == numbers[row]:
                        matches[row].append(Match(term, impact, int(postings.freq())))
        for found in matches:
            found.sort(key=lambda match: (-match.contribution, match.term))
        return matches

    def close(self) -> None:
        """Close the index's files, once nobody reads them any more. In a process that was forked nothing is closed."""
        if not self._closed and self._process == os.getpid():
            self._closed = True
            self._ids.close()
            self._reader.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def check(self) -> None:
        """Raise SpartonError if it was closed, or if this process was forked since it was opened."""
        check_process()
        if self._closed:
            raise self._was_closed()

    @contextmanager
    def _reading(self, *kind: Hashable) -> Iterator[None]:
        """Keep the files open, and turn what Java throws into a sentence. kind: of calls, by which Java is asked the
        same; one of few."""
        self.check()
        forget_thread_at_end()
        with alone_at_first(*kind):
            if not self._reader.tryIncRef():  # by another thread, just now
                raise self._was_closed()
            try:
                yield
            except java_exception() as error:
                raise _trouble(self._name, error) from error
            except DamagedIndexError as error:
                raise _damaged(self._name, str(error)) from error
            finally:
                self._reader.decRef()

    def _was_closed(self) -> SpartonError:
        return SpartonError(f"the index {self._name} was closed; open it again to search it")

    def _number(self, name: str) -> int:
        hits = self._searcher.search(_term_query("id", name), 1).scoreDocs
        if not len(hits):
            raise KeyError(name)
        return int(hits[0].doc)


def _kinds(selection: Selection) -> tuple[frozenset[str], frozenset[bool], str | None]:
    """Which kinds of filters, of words and of order a selection has."""
    order = None if selection.order is None else selection.order.field.kind
    return frozenset(kinds_of(selection.filters)), kinds_of_words(selection.words), order


def _findable(terms: Mapping[str, int]) -> Mapping[str, int]:
    """Without terms that no document holds, and Java cannot be told of: with a character that separates terms, at which
    Lucene would split them, or half of a character."""
    return {term: impact for term, impact in terms.items() if not _UNFINDABLE.search(term)}


def _all_of(terms: Sequence[str]) -> Any:
    """What matches documents with all of some terms; None where none can."""
    distinct = frozenset(terms)
    return has_all_of(distinct) if distinct and len(_findable(dict.fromkeys(distinct, 1))) == len(distinct) else None


def _open_reader(folder: Path, segments: str | None) -> Any:
    try:
        return open_reader(folder, segments)
    except java_exception() as error:
        raise SpartonError(
            f"{folder} cannot be opened by Lucene ({java_name(error)}); build the index again with ",
            Parameter("overwrite", True),
        ) from error


def _open_readers(folders: Sequence[Path], commits: Sequence[str | None]) -> list[Any]:
    readers: list[Any] = []
    try:
        for folder, segments in zip(folders, commits, strict=True):
            readers.append(_open_reader(folder, segments))
    except SpartonError:
        for reader in readers:
            reader.close()
        raise
    return readers


def _as_one(readers: Sequence[Any]) -> Any:
    return java_class(f"{_INDEX}MultiReader")(java_array(f"{_INDEX}IndexReader", readers))


def _trouble(folder: str, error: Exception) -> SpartonError:
    """The sentence for what Java threw while it read an index."""
    if java_name(error) == "OutOfMemoryError":
        return SpartonError(
            f"Java ran out of memory while it searched {folder}; ask for fewer hits, or at fewer at once"
        )
    return _damaged(folder, java_name(error))


def _damaged(folder: str, found: str) -> SpartonError:
    return SpartonError(
        f"the Lucene index {folder} cannot be read ({found}); check it with `sparton info --check`, and build it again "
        "with ",
        Parameter("overwrite", True),
    )


def _term_query(field: str, term: str) -> Any:
    return java_class("org.apache.lucene.search.TermQuery")(java_class(f"{_INDEX}Term")(field, term))
