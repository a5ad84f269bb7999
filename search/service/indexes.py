"""The indexes that a service has, by name, and how people write which they are."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ...errors import Parameter, SpartonError, UsageError, listed, short
from ...storage.redaction import redacted
from ..hit_content import document_content
from ..options import SearcherOptions
from ..searcher import Searcher
from .current import FIRST_QUERY, CurrentSearcher

Places = str | Path | Mapping[str, str | Path] | Sequence[str | Path]
ALONE = "index"  # the name, in paths, of an index that was given none
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
Searchers = Searcher | CurrentSearcher | Mapping[str, Searcher | CurrentSearcher] | Mapping[str | None, CurrentSearcher]
_NAMES = "letters, digits, -, _ and ., the first a letter or a digit, 64 at most"


class NoSuchError(UsageError):
    """Nothing that is served has the name that a client sent."""


class ServedIndex:
    """An index of a service. name: in paths; None for one that is alone and was given none."""

    def __init__(self, current: CurrentSearcher, name: str | None = None) -> None:
        self.current = current
        self.name = ALONE if name is None else name
        self._is_named = name is not None

    @property
    def title(self) -> str:
        """What people call it: its name, or that of its folder."""
        return self.name if self._is_named else self.current.newest.name

    def document(self, searcher: Searcher, name: str) -> dict[str, Any]:
        """A document by its id, as JSON has it. Raises NoSuchError."""
        found = searcher.get(name)
        if found is None:
            raise NoSuchError(f"{self.title} has no document with the id {short(name)}")
        return document_content(found)


class Indexes:
    """The indexes of a service, in order. Paths that name none are of the first."""

    def __init__(self, served: Sequence[ServedIndex]) -> None:
        self._served = tuple(served)
        self.first = self._served[0]

    def __iter__(self) -> Iterator[ServedIndex]:
        return iter(self._served)

    def __len__(self) -> int:
        return len(self._served)

    def by_name(self) -> dict[str, CurrentSearcher]:
        """The searchers of each, by its name in paths."""
        return {one.name: one.current for one in self._served}

    def named(self, name: str | None, *, are_secret: bool = False) -> ServedIndex:
        """The index of a name, the first for no name. are_secret: whether the names of the others are. Raises
        NoSuchError."""
        found = self.first if name is None else next((one for one in self._served if one.name == name), None)
        if found is None:
            others = "" if are_secret else f"; expected one of {listed([one.name for one in self._served])}"
            raise NoSuchError(f"no index has the name {short(name)}{others}")
        return found


def served_indexes(searchers: Searchers) -> Indexes:
    """The indexes of searchers, which are named if there are several."""
    if isinstance(searchers, Mapping):
        return Indexes([ServedIndex(_current(one), name) for name, one in searchers.items()])
    return Indexes([ServedIndex(_current(searchers))])


def described(name: str, searcher: Searcher) -> dict[str, Any]:
    """An index as JSON describes it."""
    settings = searcher.manifest.settings
    return {
        "name": name,
        "documents": len(searcher),
        "generation": searcher.manifest.state,
        "fields": [{"name": field.name, "kind": field.kind} for field in settings.fields],
        "model": settings.model and settings.model.name.rstrip("/").rpartition("/")[2],
    }


def named_places(places: Places) -> dict[str | None, str | Path]:
    """Where the indexes are, by name; the one that is alone may have none.

    places: a path or a URI, or several as name=PLACE, or by their names. What is a path that exists is no name=PLACE.
    Raises UsageError for a name that no path can have, or that stands twice, and for several without names.
    """
    if isinstance(places, Mapping):
        named: list[tuple[str | None, str | Path]] = [(_checked_name(name), place) for name, place in places.items()]
    else:
        several = [places] if isinstance(places, str | Path) else list(places)
        named = [_named(place) for place in several]
    if not named:
        raise UsageError(Parameter("index"), " names no index; expected at least one")
    names = [name for name, _ in named]
    if None in names and len(names) > 1:
        place = redacted(str(named[names.index(None)][1]))
        raise UsageError(
            Parameter("index"), f" is {place} and there are several indexes; name each of them, as in shop={place}"
        )
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(Parameter("index"), f" has the name {twice} twice; expected each name once")
    return dict(named)


def opened_indexes(
    places: Mapping[str | None, str | Path], searching: SearcherOptions, until_the_end: ExitStack
) -> dict[str | None, CurrentSearcher]:
    """The indexes, warm. until_the_end: has each of them closed. Raises as Searcher, naming the one of several."""
    opened: dict[str | None, CurrentSearcher] = {}
    first: Searcher | None = None
    for name, place in places.items():
        try:
            searcher = Searcher(place, searching=searching, beside=first)
            opened[name] = CurrentSearcher(searcher)
            until_the_end.callback(opened[name].close)
            searcher.terms(FIRST_QUERY)
        except SpartonError as error:
            if name is None:
                raise
            raise type(error)(f"of the index {name}: ", *error.args) from error
        first = first or searcher
    return opened


def place_text(places: Mapping[str | None, str | Path]) -> str:
    """The indexes as they are told to people, without keys."""
    return ", ".join(
        redacted(str(place)) if name is None else f"{name}={redacted(str(place))}" for name, place in places.items()
    )


def _named(place: str | Path) -> tuple[str | None, str | Path]:
    """A name and where its index is. What stands before = is none where it has / or :, as paths and URIs do."""
    if not isinstance(place, str | Path):
        raise UsageError(Parameter("index"), f" is {short(place)}; expected a folder, a URI or name=PLACE")
    if isinstance(place, Path) or "=" not in place or _exists(place):
        return None, place
    name, _, rest = place.partition("=")
    if re.search("[/\\\\:]", name):
        return None, place
    checked = _checked_name(name)
    if not rest:
        raise UsageError(Parameter("index"), f" is {place}, with no folder or URI behind the name")
    return checked, rest


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(Parameter("index"), f" has the name {short(name)}; expected {_NAMES}")
    return name


def _current(searcher: Searcher | CurrentSearcher) -> CurrentSearcher:
    return searcher if isinstance(searcher, CurrentSearcher) else CurrentSearcher(searcher)


def _exists(place: str) -> bool:
    try:
        return os.path.exists(place)
    except ValueError:  # no path has a NUL
        return False
