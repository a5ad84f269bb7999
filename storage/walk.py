"""The files of data that folders and patterns lead to: links are followed, and nothing is taken twice."""

import errno
import fnmatch
import glob
import logging
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeGuard

from ..errors import SpartonError, listed
from .manifest import NAME as MANIFEST

_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_Identity = tuple[int, int]
_TOLD = 3  # names
HIDDEN = (".", "_")  # what Spark and Hive write beside their data begins so
_LIKE_DATA = re.compile(
    r"\.(jsonl?|ndjson|csv|tsv|tab|txt|xml|parquet|pq|arrow|feather|avro|orc|xlsx?|ods|sqlite|db|pkl|npz|tar|zip)"
    r"(\.(gz|bz2|xz|zst|lz4|zip|snappy|br|Z))?$",
    re.IGNORECASE,
)
log = logging.getLogger("sparton")


class Files:
    """Takes files, each real one once in all that is asked of it, under the first of the names that lead to it.

    is_data: whether a file is wanted, by its name. A search through a folder passes over names that begin as HIDDEN.
    met: names of wanted files so far, the second ones of a file included. Methods raise SpartonError for a wanted file
    that is none or a link that leads nowhere, and for a folder that cannot be listed.
    """

    def __init__(self, is_data: Callable[[str], bool]) -> None:
        self._is_data = is_data
        self._taken: set[_Identity] = set()
        self.met = self._again = self._nowhere = 0
        # Names of files in folders that are not taken: of others, and of wanted ones that are hidden.
        self._other: dict[_Identity, str] = {}
        self._hidden: dict[_Identity, str] = {}

    def take(self, path: Path) -> list[Path]:
        """A file, or nothing if it was taken before."""
        return self._take(path, look(path))

    def below(self, folder: Path, *, though_index: bool = False) -> list[Path]:
        """The files in a folder and below, in path order, but for hidden ones and what lies in an index of Sparton's.

        though_index: search through the folder itself even if it is one.
        """

        def is_searched(path: Path, names: Sequence[str]) -> bool:
            return MANIFEST not in names or (though_index and path == folder)

        found: list[Path] = []
        for path, status in self._walk(folder, HIDDEN, is_searched):
            if is_folder(status):
                self._note_hidden(path)
                continue
            if self._is_data(path.name):
                found += self._take(path, status)
            elif status is None:
                self._nowhere += 1
            elif stat.S_ISREG(status.st_mode) and path.name != MANIFEST:
                self._other[status.st_dev, status.st_ino] = path.name
        return found

    def matching(self, pattern: Path) -> list[Path]:
        """The files that a pattern names, in path order: those of glob.glob with recursive=True, which does not end
        where links go round in circles."""
        parts = pattern.relative_to(pattern.anchor).parts
        found = [Path(pattern.anchor)]
        for part in (*parts, "*") if parts[-1:] == ("**",) else parts:
            found = list(dict.fromkeys(path for folder in found for path in self._step(folder, part)))
        wanted = [(path, look(path)) for path in sorted(found) if self._is_data(path.name)]
        return [file for path, status in wanted if not is_folder(status) for file in self._take(path, status)]

    def report(self) -> None:
        """Log what was passed over."""
        if self._again:
            log.info("%d links or second names of files that are taken already were passed over", self._again)
        if self._nowhere:
            log.info("%d links that lead nowhere were passed over; their names are of no data file", self._nowhere)
        tell_hidden([name for identity, name in self._hidden.items() if identity not in self._taken])
        tell_others([name for identity, name in self._other.items() if identity not in self._taken])

    def _note_hidden(self, folder: Path) -> None:
        """Remember the files of data in a folder that are passed over for how their names begin."""
        for name in _names(folder):
            if name.startswith(HIDDEN) and self._is_data(name):
                status = look(folder / name)
                if status is not None and stat.S_ISREG(status.st_mode):
                    self._hidden[status.st_dev, status.st_ino] = name

    def _take(self, path: Path, status: os.stat_result | None) -> list[Path]:
        if status is None:
            raise SpartonError(
                f"{path} leads to {os.path.realpath(path)}, where there is no file; mend or remove the link"
            )
        if not stat.S_ISREG(status.st_mode):
            raise SpartonError(f"{path} is no regular file; leave it out, or put a file in its stead")
        self.met += 1
        return [path] if self._is_new(status, self._taken) else []

    def _step(self, folder: Path, part: str) -> Iterator[Path]:
        """What one part of a pattern leads to from a folder."""
        if part == "**":
            every = self._walk(folder, (".",), lambda path, names: True)
            yield from (path for path, status in every if is_folder(status))
        elif glob.has_magic(part):
            for name in _names(folder) if is_folder(look(folder)) else ():
                if fnmatch.fnmatchcase(name, part) and (part.startswith(".") or not name.startswith(".")):
                    yield folder / name
        elif os.path.lexists(folder / part):
            yield folder / part

    def _walk(
        self, top: Path, hidden: tuple[str, ...], is_searched: Callable[[Path, Sequence[str]], bool]
    ) -> Iterator[tuple[Path, os.stat_result | None]]:
        """What is in a folder and below, itself included, in path order, with what each leads to, None for nothing.

        Each real folder once. is_searched: told a folder and the names in it, says whether to go into it.
        """
        entered: set[_Identity] = set()
        waiting = [top]
        while waiting:
            path = waiting.pop()
            status = look(path)
            if is_folder(status):
                names = _names(path)
                if not is_searched(path, names) or not self._is_new(status, entered):
                    continue
                waiting += [path / name for name in reversed(names) if not name.startswith(hidden)]
            yield path, status

    def _is_new(self, status: os.stat_result, known: set[_Identity]) -> bool:
        identity = (status.st_dev, status.st_ino)
        if identity in known:
            self._again += 1
            return False
        known.add(identity)
        return True


def tell_others(names: Sequence[str]) -> None:
    """Log the files in a folder that were passed over because their names are of no data file: first those whose names
    are of data in a form that is not read."""
    if names:
        told = listed(list(map(repr, sorted(names, key=lambda name: _LIKE_DATA.search(name) is None))), _TOLD)
        log.info("%d files of other formats were passed over: %s", len(names), told)


def tell_hidden(names: Sequence[str]) -> None:
    """Log the files of data in a folder that were passed over because their names begin as hidden ones do."""
    if names:
        told = listed(list(map(repr, names)), _TOLD)
        log.info("%d files whose names begin with a dot or an underscore were passed over: %s", len(names), told)


def look(path: Path) -> os.stat_result | None:
    """What a path leads to; None for nothing. Raises SpartonError where nobody is let to look."""
    try:
        return path.stat()
    except OSError as error:
        if error.errno in _NOWHERE:
            return None
        raise SpartonError(
            f"{path} cannot be looked at ({error.strerror}); see to its permissions, or leave it out"
        ) from error


def is_folder(status: os.stat_result | None) -> TypeGuard[os.stat_result]:
    """Whether a path that was looked at leads to a folder."""
    return status is not None and stat.S_ISDIR(status.st_mode)


def _names(folder: Path) -> list[str]:
    """The names in a folder, sorted."""
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise SpartonError(
            f"the folder {folder} cannot be listed ({error.strerror}); see to its permissions, or leave it out"
        ) from error
