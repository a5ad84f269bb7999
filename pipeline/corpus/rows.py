"""Rows of a file as a reader gives them, with what could not be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...errors import Parameter, SpartonError
from ...storage.skipped_rows import BadRow
from ...storage.untrusted import is_whole
from .files import DataFile
from .spooled import SpooledFile

ROWS_A_BATCH = 1024


@dataclass(frozen=True, slots=True)
class Rows:
    """Consecutive rows of one file.

    numbers: of each row within the file, counted from 1. unit: what they count, "row" or "line".
    columns: the values of each column that was asked for, None where there is none.
    bad: what is wrong with rows, by their offsets; all their values are None.
    halves: whether strings may have halves of characters, which JSON can spell.
    names: of a format in which only the rows name the columns, those that rows of the file so far have; else None.
    fields: the values of each column that is to be a field; once they are checked, one list of JSON objects.
    objects: of a format in which only the rows name the columns, all that each has; {} of a bad one.
    """

    file: DataFile
    unit: str
    numbers: Sequence[int]
    columns: tuple[list[Any], ...]
    bad: Mapping[int, BadRow] = field(default_factory=dict)
    halves: bool = False
    names: tuple[str, ...] | None = None
    fields: tuple[list[Any], ...] = ()
    objects: Sequence[Mapping[str, Any]] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def are_given(self) -> bool:
        """Whether a program gave them, and the file is one of our own."""
        return isinstance(self.file, SpooledFile)

    def where(self, offset: int) -> str:
        """The file and number of a row, as a sentence has them."""
        number = self.numbers[offset]
        return f"row {number} of {self.file}" if self.are_given else f"{self.file} {self.unit} {number}"

    def slice(self, start: int, stop: int) -> "Rows":
        """Some of the rows."""
        columns, fields = (tuple(one[start:stop] for one in some) for some in (self.columns, self.fields))
        bad = {offset - start: bad for offset, bad in self.bad.items() if start <= offset < stop}
        return replace(self, numbers=self.numbers[start:stop], columns=columns, bad=bad, fields=fields, objects=None)

    def with_bad(self, bad: Mapping[int, BadRow]) -> "Rows":
        """The same, with more rows that are bad."""
        if not bad:
            return self
        columns, fields = (
            tuple([None if offset in bad else value for offset, value in enumerate(one)] for one in some)
            for some in (self.columns, self.fields)
        )
        return replace(self, columns=columns, bad={**bad, **self.bad}, fields=fields)

    def are_text(self, values: Sequence[Any]) -> bool:
        """Whether values of these rows are all strings, of whole characters."""
        if not set(map(type, values)) <= {str}:
            return False
        return not self.halves or all(map(is_whole, values))


def unreadable(rows: Rows, offset: int) -> SpartonError:
    """The error for a bad row."""
    bad = rows.bad[offset]
    mend = "save the file as UTF-8" if bad.kind == "not UTF-8" and rows.unit == "line" else "mend it"
    return SpartonError(
        f"{rows.where(offset)} {bad.found}; {mend}, or leave out such rows with ",
        Parameter("skip_bad_rows", True),
    )
