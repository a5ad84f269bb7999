"""Text columns as strings: what stands in them may be of another type from row to row."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from ...storage.skipped_rows import BadRow
from ...storage.untrusted import sound
from .rows import Rows

_WORDS = {bool: "a boolean", list: "a list", dict: "an object"}


def with_texts(rows: Rows, columns: tuple[str, ...]) -> Rows:
    """The rows with all columns but the first as strings, None where there is no text. A number is taken as it is
    written; a list, an object or a boolean makes its row bad. columns: names of those but the first."""
    bad: dict[int, BadRow] = {}
    texts = []
    for name, values in zip(columns, rows.columns[1:], strict=True):
        if not rows.are_text(values) and not rows.are_text([value for value in values if value is not None]):
            values = [_text(value, name, offset, bad) for offset, value in enumerate(values)]
        texts.append(values)
    return replace(rows, columns=(rows.columns[0], *texts)).with_bad(bad)


def _text(value: Any, column: str, offset: int, bad: dict[int, BadRow]) -> str | None:
    if value is None or type(value) is str:
        return value and sound(value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return None if value != value else str(value)
    what = _WORDS.get(type(value), f"a {type(value).__name__}")
    bad[offset] = BadRow("text", f"has {what} in column {column!r}, where text was expected")
    return None
