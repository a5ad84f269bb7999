"""A BM25 index opened for reading: an impact index in all but how texts become terms and how these are scored."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..indexer.bm25 import bm25_similarity, counted_terms, english_analyzer
from ..indexer.java import java_class
from ..storage.fields import Field
from .explain import Match
from .impact_index import ImpactIndex


class Bm25Index(ImpactIndex):
    """As ImpactIndex. A query is {term: how often it has that}, and a document's score is the sum over these terms of
    how often × the term's BM25 score in the document, as Anserini computes it."""

    def __init__(self, folder: Path, *, fields: Sequence[Field] = (), passages: bool = False) -> None:
        super().__init__(folder, fields=fields, passages=passages)
        self._analyzer = english_analyzer()

    def terms(self, texts: Sequence[str]) -> list[dict[str, int]]:
        """Texts as terms: each word that is no stop word, stemmed, and how often it stands in the text."""
        with self._reading("terms"):
            return [counted_terms(self._analyzer, text.encode(errors="replace").decode()) for text in texts]

    def explain(self, terms: Mapping[str, int], ids: Sequence[str]) -> list[list[Match]]:
        """As ImpactIndex. What a document has of a term is its BM25 score."""
        with self._reading("explain", bool(terms), bool(ids)):
            term_query, term_of = java_class("org.apache.lucene.search.TermQuery"), "org.apache.lucene.index.Term"
            queries = {term: term_query(java_class(term_of)("contents", term)) for term in terms}
            matches = []
            for number in map(self._number, ids):
                found = {term: self._searcher.explain(query, number) for term, query in queries.items()}
                scores = {term: float(one.getValue()) for term, one in found.items() if one.isMatch()}
                matches.append([Match(term, terms[term], score) for term, score in scores.items()])
        for matched in matches:
            matched.sort(key=lambda match: (-match.contribution, match.term))
        return matches

    def _similarity(self) -> Any:
        return bm25_similarity()
