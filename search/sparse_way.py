"""The learned way to search: a query is the terms that the model gives it, with their impacts."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..storage.fields import Field
from .explain import Match
from .facets import Facets
from .first_pass.first_pass import FirstPass
from .impact_index import ImpactIndex, Selection
from .lucene_hits import ScoredDoc
from .max_passage import folded
from .way import Encode, checked_terms


class SparseWay:
    """As Way, by the impact index, which whoever opened it closes. first_pass: what finds candidates. passages: whether
    its documents are passages."""

    needs_model = takes_vectors = numbered = True
    fused = False

    def __init__(self, index: ImpactIndex, first_pass: FirstPass, *, passages: bool) -> None:
        self._index, self.first_pass, self._passages = index, first_pass, passages

    def terms(self, texts: Sequence[str], encode: Encode) -> list[dict[str, Any]]:
        """As Way."""
        return [dict(terms) for terms in encode(texts)]

    def rank(self, terms: Mapping[str, int], most: int, selection: Selection) -> list[ScoredDoc]:
        """As Way."""
        terms = checked_terms(terms)

        def search(asked: int) -> list[ScoredDoc]:
            return self._index.rank_with(self.first_pass, terms, asked, selection)

        return folded(search, most, by_field=selection.order is not None) if self._passages else search(most)

    def refuse(self, *, order: bool = False, facets: bool = False, explain: bool = False) -> None:
        """As Way: nothing is refused."""

    def facets(self, terms: Mapping[str, int], fields: Sequence[Field], selection: Selection) -> Facets:
        """As Way."""
        return self._index.facets(terms, fields, selection)

    def explain(self, terms: Mapping[str, int], ids: Sequence[str]) -> list[list[Match]]:
        """As Way."""
        return self._index.explain(terms, ids)

    def close(self) -> None:
        """As Way."""
        self.first_pass.close()
