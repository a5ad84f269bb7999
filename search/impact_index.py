"""A Lucene impact index opened for reading."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import SpartonError
from ..indexer.java import java_class
from ..indexer.lucene import framed_analyzer, open_directory
from ..indexer.vectors import BEFORE_IMPACT, BETWEEN_TERMS, frame
from .answers import Ranked, read_hits, search_to_text
from .explain import Match
from .text_lines import sound

_INDEX = "org.apache.lucene.index."
_FIELD = "contents"
# Lucene's own limit of 1,024 is meant for words that people type; a long query expands to more terms.
_MOST_TERMS = 2**20


class ImpactIndex:
    """An index that is open, or several as if they were one. Raises SpartonError for a folder that holds none.

    Searches as Anserini's SimpleImpactSearcher does, without loading it: that takes half a second of a cold start.
    """

    def __init__(self, *folders: Path) -> None:
        readers = [_open_reader(folder) for folder in folders]
        # One reader over all: each posting is scored alike wherever it stands, and ties go by id, not by place.
        several = len(readers) > 1
        self._reader = _as_reader(java_class(f"{_INDEX}MultiReader")(*readers)) if several else readers[0]
        searcher = java_class("org.apache.lucene.search.IndexSearcher")
        searcher.setMaxClauseCount(_MOST_TERMS)
        self._searcher = searcher(self._reader)
        self._searcher.setSimilarity(java_class("io.anserini.search.similarity.ImpactSimilarity")())
        self._best_then_id = _best_then_id()
        self._queries = java_class("org.apache.lucene.util.QueryBuilder")(framed_analyzer("delimitedBoost"))

    def __len__(self) -> int:
        return int(self._reader.numDocs())

    def rank(self, terms: Mapping[str, int], k: int) -> list[Ranked]:
        """The k documents with the largest sum of query impact x document impact, ties in order of id.

        Threads may share it.
        """
        query = self._query(terms)
        if query is None:
            return []
        most = java_class("java.lang.Integer")(min(k, len(self)))
        return read_hits(self._ranking.invokeWithArguments(query, most, self._best_then_id))

    @cached_property
    def _ranking(self) -> Any:
        return search_to_text(self._searcher)

    def texts(self, ranked: Sequence[Ranked]) -> list[str | None]:
        """The stored texts, None where there is none. Threads may share it."""
        stored = self._reader.storedFields()
        return [_text(stored.document(found.number).get("raw")) for found in ranked]

    def _query(self, terms: Mapping[str, int]) -> Any:
        """The disjunction of the terms, each weighted with its impact; None where nothing can be found."""
        # No document holds a term with a character that frames terms, and Lucene would take it apart.
        terms = {term: impact for term, impact in terms.items() if not {BETWEEN_TERMS, BEFORE_IMPACT} & set(term)}
        # Made in one call rather than three a term.
        return self._queries.createBooleanQuery(_FIELD, frame(terms)) if terms and len(self) else None

    def explain(self, terms: Mapping[str, int], ids: Sequence[str]) -> list[list[Match]]:
        """For each document, the matching terms, largest contribution first. Raises KeyError for an unknown id."""
        numbers = [self._number(name) for name in ids]
        matches: list[list[Match]] = [[] for _ in ids]
        # A postings list is read forwards only, so documents are visited in Lucene's order.
        order = sorted(range(len(ids)), key=numbers.__getitem__)
        every = java_class("org.apache.lucene.index.MultiTerms").getTerms(self._reader, _FIELD)
        frequencies = java_class("org.apache.lucene.index.PostingsEnum").FREQS
        for term, impact in terms.items() if every else ():
            cursor = every.iterator()
            if not cursor.seekExact(java_class("org.apache.lucene.util.BytesRef")(term.encode())):
                continue
            postings = cursor.postings(None, frequencies)
            for place in order:
                number = numbers[place]
                if postings.docID() < number:
                    postings.advance(number)
                if postings.docID() == number:
                    matches[place].append(Match(term, impact, int(postings.freq())))
        for found in matches:
            found.sort(key=lambda match: (-match.contribution, match.term))
        return matches

    def close(self) -> None:
        """Close the index's files."""
        self._reader.close()

    def _number(self, name: str) -> int:
        hits = self._searcher.search(_term_query("id", name), 1).scoreDocs
        if not hits:
            raise KeyError(name)
        return int(hits[0].doc)


def _open_reader(folder: Path) -> Any:
    directory = open_directory(folder)
    from jnius import JavaException  # not before Java was started our way

    try:
        return _as_reader(java_class(f"{_INDEX}DirectoryReader").open(directory))
    except JavaException as error:
        reason = str(error.classname).rpartition(".")[2]
        raise SpartonError(
            f"{folder} cannot be opened by Lucene ({reason}); build the index again with --overwrite"
        ) from error


def _as_reader(reader: Any) -> Any:
    """As a subclass, pyjnius would take it for other subclasses too when it chooses between overloads."""
    from jnius import cast

    return cast(f"{_INDEX}IndexReader", reader)


def _best_then_id() -> Any:
    """Anserini's order: by score, ties by id."""
    field = java_class("org.apache.lucene.search.SortField")
    kind = java_class("org.apache.lucene.search.SortField$Type")
    return java_class("org.apache.lucene.search.Sort")(field.FIELD_SCORE, field("id", kind.STRING_VAL))


def _term_query(field: str, term: str) -> Any:
    return java_class("org.apache.lucene.search.TermQuery")(java_class("org.apache.lucene.index.Term")(field, term))


def _text(raw: str | None) -> str | None:
    """The text inside a stored document: JSON with `contents`, as Pyserini stores it."""
    text = None if raw is None else json.loads(raw).get("contents")
    return None if text is None else sound(text if isinstance(text, str) else json.dumps(text, ensure_ascii=False))
