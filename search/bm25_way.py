"""BM25 as a way to search: a query is the words that it has, stemmed and counted, and no model is asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import SpartonError
from ..storage.beside import check_generation, renew
from ..storage.index_folder import BM25
from ..storage.manifest import Manifest
from .bm25_build import check_stored_texts
from .bm25_index import Bm25Index
from .index_way import IndexWay
from .way import Encode


class Bm25Way(IndexWay):
    """As Way, by a BM25 index, which is closed with it. passages: whether its documents are passages."""

    _index: Bm25Index
    # Its documents have other numbers than the impact index's.
    needs_model = takes_vectors = numbered = False

    def terms(self, texts: Sequence[str], encode: Encode) -> list[dict[str, Any]]:
        """As Way: how often each word stands in a text."""
        return self._index.terms(texts)

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
