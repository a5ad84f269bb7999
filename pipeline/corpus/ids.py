"""Ids are checked before anything is encoded: hours of work must not end on row 8,000,001."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from ...errors import SpartonError
from ...storage.skipped_rows import BadRow
from ...storage.untrusted import is_whole
from .rows import Rows

# Lucene takes terms of at most 32,766 bytes, and a character is at most 4.
LONGEST_ID = 8_191
_WORDS: dict[type, str] = {bool: "a boolean", dict: "an object", list: "a list", bytes: "bytes"}
_EXACT = 2**53  # up to which a double is each whole number


def with_ids(rows: Rows, column: str) -> Rows:
    """The rows with their first column, that of ids, as strings. A null, empty or too long id makes its row bad, and so
    does a number that is not whole. column: its name."""
    values = rows.columns[0]
    if rows.are_text(values) and all(values) and max(map(len, values), default=0) <= LONGEST_ID:
        return rows
    bad: dict[int, BadRow] = {}
    ids: list[str | None] = []
    for offset, value in enumerate(values):
        found = None if offset in rows.bad else _id(value, column)
        if isinstance(found, BadRow):
            bad[offset] = found
            found = None
        ids.append(found)
    return replace(rows, columns=(ids, *rows.columns[1:])).with_bad(bad)


def _id(value: Any, column: str) -> str | BadRow:
    if value is None or value == "":
        return BadRow("no id", f"has no id in column {column!r}, and every document needs one")
    if isinstance(value, float | Decimal):
        if value != value or abs(value) == float("inf") or value != int(value):
            return BadRow("id", f"has the id {value} in column {column!r}, where a string or whole number was expected")
        if isinstance(value, float) and abs(value) > _EXACT:
            return BadRow(
                "id", f"has the id {value} in column {column!r}, too large to be exact as a float; save ids as strings"
            )
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        words = _WORDS.get(type(value), f"a {type(value).__name__}")
        return BadRow("id", f"has {words} in column {column!r}, where an id was expected, a string or whole number")
    name = str(value)
    if len(name) > LONGEST_ID:
        return BadRow("id", f"has an id of {len(name)} characters in column {column!r}, where {LONGEST_ID} are allowed")
    if not is_whole(name):
        return BadRow("id", f"has the id {name!r} in column {column!r}, which is no Unicode text")
    return name


class IdCheck:
    """Finds ids that stand twice. Holds 8 bytes a row, 16 at the end: a hash of each id."""

    def __init__(self) -> None:
        self._hashes: list[np.ndarray] = []

    def add(self, rows: Rows) -> None:
        """Take the ids of some rows; None is none."""
        ids = [name for name in rows.columns[0] if name is not None]
        self._hashes.append(np.fromiter(map(hash, ids), np.int64, len(ids)))

    def refuse_repeated(self, again: Iterable[Rows]) -> None:
        """Raise SpartonError with both rows of the first id that stands twice. again: the same rows; equal hashes are
        looked up in them before they are called equal ids."""
        every = np.concatenate(self._hashes) if self._hashes else np.empty(0, dtype=np.int64)
        self._hashes.clear()
        every.sort()
        suspects = set(every[1:][every[1:] == every[:-1]].tolist())
        if not suspects:
            return
        seen: dict[str, str] = {}
        for rows in again:
            for offset, name in enumerate(rows.columns[0]):
                if name is None or hash(name) not in suspects:
                    continue
                where = rows.where(offset)
                if name in seen:
                    raise SpartonError(f"the id {name!r} stands twice: at {seen[name]} and at {where}; make ids unique")
                seen[name] = where
