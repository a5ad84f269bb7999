"""Elasticsearch: bulk requests, with impacts as `sparse_vector`, and searches of that name."""

from collections.abc import Mapping
from typing import Any

from .bulk import Bulk
from .format import Target


class Elasticsearch(Bulk):
    """Elasticsearch's bulk requests."""

    def __init__(self, target: Target) -> None:
        super().__init__(target, "sparse_vector", _search)


def _search(terms: Mapping[str, int]) -> Any:
    return {"sparse_vector": {"field": "impacts", "query_vector": terms, "prune": False}}
