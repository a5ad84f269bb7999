"""CSV and TSV: every column is text, so that an id of "007" stays what it is."""

import csv
import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import BinaryIO

from ...errors import SpartonError, listed
from ...storage.skipped_rows import BadRow
from ...storage.untrusted import is_whole
from .delimiters import DELIMITERS, LOOKED_AT, delimiter_of
from .files import DataFile
from .formats import TEXT
from .lines import LONGEST_LINE, line_blocks, open_bytes
from .rows import ROWS_A_BATCH, Rows

log = logging.getLogger("sparton")
csv.field_size_limit(LONGEST_LINE)
_Row = list[str] | BadRow
_Numbered = Generator[tuple[int, _Row], None, None]


@dataclass(frozen=True, slots=True)
class Delimited:
    """Reads fields between delimiters.

    split: gives the fields of each row with the number of its first line. heading: whether the first line names the
    columns; if not, their numbers are their names.
    """

    title: str
    split: Callable[[BinaryIO], _Numbered]
    heading: bool
    by_columns, named_by_rows = False, False

    def schema(self, file: DataFile) -> Mapping[str, str]:
        """The names in the first line; without a heading the columns' numbers."""
        with open_bytes(file) as stream, closing(self.split(stream)) as rows:
            return dict.fromkeys(self._names(file, next(rows, (1, []))), TEXT)

    def rows(self, file: DataFile, columns: Sequence[str], fields: Sequence[str] = ()) -> Iterator[Rows]:
        """All rows but empty lines. One with more or fewer fields than the first is bad."""
        with open_bytes(file) as stream, closing(self.split(stream)) as rest:
            first = next(rest, None)
            if first is None:
                return
            names = self._names(file, first)
            indexes = [names.index(name) if name in names else None for name in (*columns, *fields)]
            rows = iter(rest) if self.heading else chain([first], rest)
            while batch := list(islice(rows, ROWS_A_BATCH)):
                found = [_checked(row, len(names), indexes) for _, row in batch]
                bad = {offset: row for offset, row in enumerate(found) if isinstance(row, BadRow)}
                values = [
                    [None if isinstance(row, BadRow) or index is None else row[index] for row in found]
                    for index in indexes
                ]
                texts, kept = tuple(values[: len(columns)]), tuple(values[len(columns) :])
                yield Rows(file, "line", [number for number, _ in batch], texts, bad, fields=kept)

    def _names(self, file: DataFile, first: tuple[int, _Row]) -> list[str]:
        """Raises SpartonError for a heading that does not name each column."""
        number, row = first
        if isinstance(row, BadRow):
            raise SpartonError(
                f"{file} line {number} {row.found}, and it is the first, which tells the columns; mend it"
            )
        if not self.heading:
            return [str(column) for column in range(1, len(row) + 1)]
        for column, name in enumerate(row):
            if not is_whole(name):
                raise SpartonError(f"{file} line {number} is not UTF-8; save the file as UTF-8")
            if name in row[:column]:
                raise SpartonError(f"{file} has two columns {name!r}; give each a name of its own")
        return row


def tell_delimiters(files: Sequence[DataFile]) -> None:
    """Log which CSV files have other signs than commas between their fields."""
    found: dict[str, list[str]] = {}
    for file in files:
        with open_bytes(file) as stream:
            sign = delimiter_of([text for _, text in islice(_texts(stream), LOOKED_AT)])
        found.setdefault(sign, []).append(str(file))
    for sign, names in found.items():
        if sign != ",":
            log.info("fields are between %s in %s", DELIMITERS[sign], listed(names, 3))


def csv_rows(stream: BinaryIO) -> _Numbered:
    """The rows of CSV: commas between fields, or another sign if the first lines say so (see delimiters.py), and double
    quotes around one that has such signs, quotes or line ends."""
    texts = (text for _, text in _texts(stream))
    first = list(islice(texts, LOOKED_AT))
    sign = delimiter_of(first)
    lines = _Lines(text if text is None else f"{text}\n" for text in chain(first, texts))
    reader = csv.reader(lines, delimiter=sign, strict=True)
    while True:
        lines.begin_row()
        number = lines.number + 1
        row: _Row
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            row = _TOO_LONG if lines.is_too_long else _WRONG_END if "new-line" in str(error) else _OPEN_QUOTE
            lines.skip_line()
            reader = csv.reader(lines, delimiter=sign, strict=True)
        if row:
            yield number, row


def tsv_rows(stream: BinaryIO) -> _Numbered:
    """The rows of TSV: tabs between fields, and no quotes, so that a field has neither tabs nor line ends."""
    for number, text in _texts(stream):
        if text is None:
            yield number, _TOO_LONG
        elif text and not text.isspace():
            yield number, text.rstrip("\r").split("\t")


def _texts(stream: BinaryIO) -> Iterator[tuple[int, str | None]]:
    """Each line with its number; None for one that is too long. A byte that is not UTF-8 becomes half a character."""
    for first, lines in line_blocks(stream):
        for number, line in enumerate(lines, first):
            encoding = "utf-8-sig" if number == 1 else "utf-8"
            yield number, None if len(line) >= LONGEST_LINE else line.decode(encoding, errors="surrogateescape")


_TOO_LONG = BadRow("too long", f"is longer than {LONGEST_LINE:,} bytes, where a row was expected")
_OPEN_QUOTE = BadRow("stray quote", "has a quote that is not closed at the end of a field")
_WRONG_END = BadRow("line end", "has a carriage return within it, where LF or CRLF was expected")


class _Lines:
    """Gives a csv.reader its lines, of which those of the row that is being read can be taken back."""

    def __init__(self, lines: Iterable[str | None]) -> None:
        self._lines, self._back = iter(lines), deque[str | None]()
        self._row: list[str | None] = []
        self._size, self.number = 0, 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._size > LONGEST_LINE:
            raise csv.Error("this row goes on for longer than any does")
        line = self._back.popleft() if self._back else next(self._lines)
        self._row.append(line)
        self.number += 1
        if line is None:
            raise csv.Error("this line is too long")
        self._size += len(line)
        return line

    @property
    def is_too_long(self) -> bool:
        """Whether the row that was begun is a line that is too long."""
        return self._row == [None]

    def begin_row(self) -> None:
        """What is taken from now on belongs to another row."""
        self._row, self._size = [], 0

    def skip_line(self) -> None:
        """Go on behind the first line of the row that was begun."""
        again = self._row[1:]
        self._back.extendleft(reversed(again))
        self.number -= len(again)


def _checked(row: _Row, width: int, indexes: Sequence[int | None]) -> _Row:
    """The row, or what is wrong with it."""
    if isinstance(row, BadRow):
        return row
    if len(row) != width:
        return BadRow("number of fields", f"has {len(row)} fields, where {width} were expected")
    if not all(index is None or is_whole(row[index]) for index in indexes):
        return BadRow("not UTF-8", "is not UTF-8")
    return row
