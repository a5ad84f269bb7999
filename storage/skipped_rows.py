"""Rows that an index is made without, because they are bad."""

import json
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .atomic import whole_file
from .untrusted import UnexpectedError, parse_json, read

log = logging.getLogger("sparton")
_TOLD = 10


@dataclass(frozen=True, slots=True)
class BadRow:
    """What is wrong with a row. kind: in few words, by which such rows are counted. found: a predicate with the row as
    its subject, which says what was found and what was expected."""

    kind: str
    found: str


@dataclass(frozen=True, slots=True)
class SavedLine:
    """What SkippedRows.save writes of a line. file: its path, in which there may be bytes that are not Unicode."""

    file: Any
    line: int
    kind: str
    found: str


class SkippedRows:
    """Rows that are left out because they are bad: counted by what is wrong, and all written down. To be closed.

    kinds: how many there are of each.
    """

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self._first: list[str] = []
        self._lines = tempfile.TemporaryFile()  # noqa: SIM115  # on a disk, for there may be many

    def add(self, file: str, unit: str, number: int, bad: BadRow, where: str | None = None) -> None:
        """Take a row. unit: what its number within the file counts, "row" or "line". where: all that as a sentence has
        it, if not so."""
        if len(self._first) < _TOLD:
            self._first.append(f"{where or f'{file} {unit} {number}'} {bad.found}")
        self.kinds[bad.kind] += 1
        line = {"file": file, unit: number, "kind": bad.kind, "found": bad.found}
        self._lines.write(json.dumps(line).encode() + b"\n")

    def forget(self) -> None:
        """Take none for bad yet."""
        self.kinds.clear()
        self._first.clear()
        self._lines.truncate(0)
        self._lines.seek(0)

    def report(self) -> None:
        """Log the first ten, and how many there are of each kind, if there are any."""
        for row in self._first:
            log.warning("left out: %s", row)
        if self.kinds:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.kinds.most_common())
            total = self.kinds.total()
            log.warning("%s left out: %s", "1 row is" if total == 1 else f"{total:,} rows are", kinds)

    def close(self) -> None:
        """Let go of what was written down."""
        self._lines.close()

    def save(self, path: Path) -> None:
        """Write all of them to a file of JSON lines, if there are any."""
        if not self.kinds:
            return
        self._lines.seek(0)
        with whole_file(path) as stream:
            while block := self._lines.read(2**20):
                stream.write(block)


def saved_lines(path: Path) -> Iterator[SavedLine]:
    """What SkippedRows.save wrote of rows that are lines; nothing, if there is no such file.

    Raises UnexpectedError for a file that holds anything else.
    """
    if not path.is_file():
        return
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                yield read(SavedLine, parse_json(line))
            except UnexpectedError as error:
                raise UnexpectedError(f"{path} line {number} is damaged: {error}") from error
