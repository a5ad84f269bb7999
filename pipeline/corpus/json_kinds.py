"""Kinds of columns as the objects of JSON lines show them."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from .formats import ANY, OBJECT, OBJECTS
from .paths import leaves


class JsonKinds:
    """The kinds of columns that some objects show, those within others too."""

    def __init__(self) -> None:
        self._seen: dict[str, set[str]] = {}

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Look at some objects."""
        for row in rows:
            for name, value in chain(row.items(), _inner(row)):
                seen = self._seen.setdefault(name, set())
                if value is not None:
                    seen.add(_kind_of(value))

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of each column by its name: ANY, or another where all values are of that."""
        return {name: next(iter(seen)) if len(seen) == 1 else ANY for name, seen in self._seen.items()}


def _inner(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The names and values of what is in objects in an object."""
    outer = {name: value for name, value in row.items() if type(value) is dict}
    return leaves(outer) if outer else iter(())


def _kind_of(value: Any) -> str:
    if type(value) is dict:
        return OBJECT
    return OBJECTS if type(value) is list and any(type(one) is dict for one in value) else ANY
