"""The formats of exports by name. A format is imported when it is chosen."""

from .format import Format

FORMATS = ("seismic", "ciff", "opensearch", "elasticsearch", "qdrant", "vespa", "parquet")


def format_named(name: str) -> type[Format]:
    """The format with a name, which is one of FORMATS."""
    match name:
        case "seismic":
            from .seismic import Seismic

            return Seismic
        case "ciff":
            from .ciff import Ciff

            return Ciff
        case "opensearch":
            from .opensearch import OpenSearch

            return OpenSearch
        case "elasticsearch":
            from .elasticsearch import Elasticsearch

            return Elasticsearch
        case "qdrant":
            from .qdrant import Qdrant

            return Qdrant
        case "vespa":
            from .vespa import Vespa

            return Vespa
        case "parquet":
            from .parquet import Parquet

            return Parquet
    raise KeyError(name)
