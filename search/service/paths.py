"""Paths of requests as metrics count them: few, whatever is asked for."""

import re

OTHER = "other"
_OF_AN_INDEX = re.compile("(/indexes/[^/]+)?(/.*)", re.DOTALL)
_OWN = frozenset(("/indexes", "/health", "/metrics", "/mcp", "/docs", "/openapi.json"))
_INDEX = re.compile("/indexes/[^/]+", re.DOTALL)
_OF_INDEXES = frozenset(("/", "/search", "/encode", "/index"))
_OPEN = frozenset(("/health", "/", "/indexes/{name}", "/indexes/{name}/", "/docs", "/openapi.json"))


def counted_path(path: str) -> str:
    """A path without the names that are in it, as /doc/{id}; `other` for one that is not served."""
    if path in _OWN:
        return path
    if _INDEX.fullmatch(path):
        return "/indexes/{name}"
    found = _OF_AN_INDEX.fullmatch(path)
    if found is None:
        return OTHER
    rest = "/doc/{id}" if found[2].startswith("/doc/") else found[2]
    if not rest.startswith("/doc/") and rest not in _OF_INDEXES:
        return OTHER
    return f"/indexes/{{name}}{rest}" if found[1] else rest


def is_bounded(path: str) -> bool:
    """Whether requests for a path, as it is counted, wait for models and indexes, so that there may be too many."""
    return path.endswith(("/search", "/encode", "/doc/{id}", "/mcp"))


def is_open(path: str) -> bool:
    """Whether GET of a path, as it is counted, needs no key in any case."""
    return path in _OPEN
