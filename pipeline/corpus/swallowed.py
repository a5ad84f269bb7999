"""Fields of CSV whose lines look like rows: the quotes around them may be a stray one and the next."""

import logging
from collections.abc import Mapping
from itertools import pairwise

from .delimiters import DELIMITERS
from .files import DataFile
from .rows import Rows

_LEAST = 2  # lines behind the first; a single one with a comma is common
log = logging.getLogger("sparton")


class SwallowedRows:
    """Looks through the fields that are read for such ones. widths: how many columns each file has."""

    def __init__(self, widths: Mapping[DataFile, int]) -> None:
        self._widths = widths
        self._first: tuple[str, int] | None = None  # where, and how many lines
        self._fields = 0

    def add(self, rows: Rows) -> None:
        """Look at some rows, as they are read."""
        numbers, width = rows.numbers, self._widths[rows.file]
        if width < 2 or not numbers:
            return
        long = [offset for offset, (one, next_one) in enumerate(pairwise(numbers)) if next_one - one > _LEAST]
        for offset in (*long, len(numbers) - 1):
            for column in (*rows.columns, *rows.fields):
                lines = _lines_like_rows(column[offset], width)
                if lines:
                    self._first = self._first or (rows.where(offset), lines)
                    self._fields += 1

    def tell(self) -> None:
        """Log the first such field, and how many there are."""
        if self._first:
            where, lines = self._first
            more = f"; there are {self._fields:,} such fields" if self._fields > 1 else ""
            log.info(
                "%s has a field between quotes with %d more lines, each of which looks like a row: see that its quotes "
                "are meant%s",
                where,
                lines,
                more,
            )


def _lines_like_rows(field: str | None, width: int) -> int:
    """How many lines of a field follow its first, if each could be a row of so many columns; else 0."""
    if not field or field.count("\n") < _LEAST:
        return 0
    lines = field.split("\n")[1:]
    like = any(all(line.count(sign) == width - 1 for line in lines) for sign in DELIMITERS)
    return len(lines) if like else 0
