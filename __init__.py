"""Sparton: from a Parquet file to a searchable learned-sparse index.

    import sparton

    sparton.build_index("corpus.parquet", "sparton-index")
    for hit in sparton.Searcher("sparton-index").search("small black leather crossbody bag", k=5):
        print(hit.score, hit.id, hit.text)

Names are imported when first used, so that `import sparton` (and `sparton --help`) does not pay for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

if TYPE_CHECKING:
    from .errors import SpartonError as SpartonError
    from .exports.export import export_index as export_index
    from .head import SpartonHead as SpartonHead
    from .head import splade_head as splade_head
    from .head.fuse import fuse as fuse
    from .jobs.corpus import build_index as build_index
    from .jobs.update import compact_index as compact_index
    from .jobs.update import delete_documents as delete_documents
    from .jobs.update import update_index as update_index
    from .jobs.vectors import index_vectors as index_vectors
    from .pipeline.encoding.encoder import Encoder as Encoder
    from .search.searcher import Hit as Hit
    from .search.searcher import Searcher as Searcher
    from .terminal.build_report import BuildReport as BuildReport
    from .terminal.export_report import ExportReport as ExportReport
    from .terminal.update_report import UpdateReport as UpdateReport

_HOMES = {
    "BuildReport": "terminal.build_report",
    "build_index": "jobs.corpus",
    "index_vectors": "jobs.vectors",
    "update_index": "jobs.update",
    "delete_documents": "jobs.update",
    "compact_index": "jobs.update",
    "UpdateReport": "terminal.update_report",
    "export_index": "exports.export",
    "ExportReport": "terminal.export_report",
    "SpartonError": "errors",
    "Encoder": "pipeline.encoding.encoder",
    "fuse": "head.fuse",
    "SpartonHead": "head",
    "splade_head": "head",
    "Hit": "search.searcher",
    "Searcher": "search.searcher",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
