"""What ways to search have in common that find documents in one Lucene index: all but how texts become terms."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..pipeline.encoding.query_terms import split_words
from ..storage.fields import Field
from .explain import Match
from .facets import Facets
from .impact_index import ImpactIndex, Selection
from .lucene_hits import ScoredDoc
from .max_passage import folded
from .way import checked_terms


class IndexWay:
    """As Way, but for terms, needs_model, takes_vectors and close. passages: whether the index's documents are such."""

    numbered, fused = True, False

    def __init__(self, index: ImpactIndex, *, passages: bool) -> None:
        self._index, self._passages = index, passages

    def rank(self, terms: Mapping[str, int], most: int, selection: Selection) -> list[ScoredDoc]:
        """As Way."""
        checked, part = checked_terms(terms), _with_words(selection, terms)

        def search(asked: int) -> list[ScoredDoc]:
            return self._found(checked, asked, part)

        return folded(search, most, by_field=selection.order is not None) if self._passages else search(most)

    def _found(self, terms: Mapping[str, int], most: int, selection: Selection) -> list[ScoredDoc]:
        return self._index.rank(terms, most, selection)

    def refuse(self, *, order: bool = False, facets: bool = False, explain: bool = False) -> None:
        """As Way: nothing is refused."""

    def facets(self, terms: Mapping[str, int], fields: Sequence[Field], selection: Selection) -> Facets:
        """As Way."""
        return self._index.facets(terms, fields, _with_words(selection, terms))

    def explain(self, terms: Mapping[str, int], ids: Sequence[str]) -> list[list[Match]]:
        """As Way."""
        return self._index.explain(terms, ids)


def _with_words(selection: Selection, terms: Mapping[str, int]) -> Selection:
    """Of a selection what a query can find: documents that have one of its words whole, and not pieces alone."""
    words = split_words(terms)
    return replace(selection, words=words) if words else selection
