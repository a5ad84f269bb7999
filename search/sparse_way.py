"""The learned way to search: a query is the terms that the model gives it, with their impacts."""

from collections.abc import Mapping, Sequence
from typing import Any

from .first_pass.first_pass import FirstPass
from .impact_index import ImpactIndex, Selection
from .index_way import IndexWay
from .lucene_hits import ScoredDoc
from .way import Encode


class SparseWay(IndexWay):
    """As Way, by the impact index, which whoever opened it closes. first_pass: what finds candidates. passages: whether
    its documents are passages."""

    needs_model = takes_vectors = True

    def __init__(self, index: ImpactIndex, first_pass: FirstPass, *, passages: bool) -> None:
        super().__init__(index, passages=passages)
        self.first_pass = first_pass

    def terms(self, texts: Sequence[str], encode: Encode) -> list[dict[str, Any]]:
        """As Way."""
        return list(encode(texts))

    def _found(self, terms: Mapping[str, int], most: int, selection: Selection) -> list[ScoredDoc]:
        return self._index.rank_with(self.first_pass, terms, most, selection)

    def close(self) -> None:
        """As Way."""
        self.first_pass.close()
