"""BM25 as a way to search: a query is the words that it has, stemmed and counted, and no model is asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import SpartonError
from ..storage.beside import check_generation, renew
from ..storage.fields import Field
from ..storage.index_folder import BM25
from ..storage.manifest import Manifest
from .bm25_build import check_stored_texts
from .bm25_index import Bm25Index
from .explain import Match
from .facets import Facets
from .impact_index import Selection
from .lucene_hits import ScoredDoc
from .max_passage import folded
from .way import Encode, checked_terms


class Bm25Way:
    """As Way, by a BM25 index, which is closed with it. passages: whether its documents are passages."""

    needs_model = takes_vectors = numbered = fused = False

    def __init__(self, index: Bm25Index, *, passages: bool) -> None:
        self._index, self._passages = index, passages

    def terms(self, texts: Sequence[str], encode: Encode) -> list[dict[str, Any]]:
        """As Way: how often each word stands in a text."""
        return self._index.terms(texts)

    def rank(self, terms: Mapping[str, int], most: int, selection: Selection) -> list[ScoredDoc]:
        """As Way."""
        terms = checked_terms(terms)

        def search(asked: int) -> list[ScoredDoc]:
            return self._index.rank(terms, asked, selection)

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
        self._index.close()


def open_bm25(folder: Path, manifest: Manifest, search_with: str, name: str) -> Bm25Way:
    """The BM25 index of the generation that a manifest names. folder: of the index. search_with: the way to search that
    needs it. name: of the index, as it may be printed.

    Raises SpartonError where there is none, where it is of another generation, or where it cannot be opened.
    """
    if manifest.bm25 is None:
        check_stored_texts(manifest, name)
    check_generation(manifest, BM25, search_with, name)
    recorded, settings = manifest.bm25, manifest.settings
    assert recorded is not None
    path = folder / BM25 / recorded.folder
    try:
        index = Bm25Index(path, fields=settings.fields, passages=settings.chunk)
    except SpartonError as error:
        found = f"the BM25 index of {name} cannot be opened by Lucene: {path} is damaged, or not there; "
        raise SpartonError(found, *renew(BM25, name)) from error
    return Bm25Way(index, passages=settings.chunk)
