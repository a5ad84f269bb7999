"""OpenSearch: bulk requests, with impacts as `rank_features`, and `neural_sparse` searches."""

from collections.abc import Mapping
from typing import Any

from .bulk import Bulk
from .format import Target

_LARGEST = 64  # weight of a query's token
_MOST_TERMS = 1_024  # clauses of a query, of which each token is one


class OpenSearch(Bulk):
    """OpenSearch's bulk requests."""

    def __init__(self, target: Target) -> None:
        super().__init__(target, "rank_features", _search, _MOST_TERMS)


def _search(terms: Mapping[str, int]) -> Any:
    """A query whose weights are the impacts, divided by a power of two until none is too large: exactly, so that scores
    are the sums divided by it."""
    divisor = 1
    while max(terms.values()) > _LARGEST * divisor:
        divisor *= 2
    return {"neural_sparse": {"impacts": {"query_tokens": {term: impact / divisor for term, impact in terms.items()}}}}
