"""Text columns as strings: what stands in them may be of another type from row to row."""

from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from ...storage.skipped_rows import BadRow
from ...storage.untrusted import sound
from .formats import OBJECTS
from .markup import without_markup
from .rows import Rows
from .timestamps import iso

_WORDS: dict[type, str] = {list: "a list of lists", dict: "an object", bytes: "bytes"}


class NoTextError(Exception):
    """A value that is not written as text. Its message says in words what it is."""


def with_texts(rows: Rows, columns: tuple[str, ...], *, strip_html: bool = False) -> Rows:
    """The rows with all columns but the first as strings, None where there is no text.

    A number, a boolean or a time is taken as it is written, and a list of these and of strings is joined with a space;
    an object makes its row bad, and so does a list of objects. columns: names of those but the first. strip_html: take
    markup out.
    """
    bad: dict[int, BadRow] = {}
    texts = []
    for name, values in zip(columns, rows.columns[1:], strict=True):
        if not rows.are_text(values) and not rows.are_text([value for value in values if value is not None]):
            values = [_text(value, name, offset, bad) for offset, value in enumerate(values)]
        if strip_html:
            values = [value and without_markup(value) for value in values]
        texts.append(values)
    return replace(rows, columns=(rows.columns[0], *texts)).with_bad(bad)


def as_text(value: Any) -> str | None:
    """A value as text; None of none, and of a number that is none. Raises NoTextError."""
    if value is None or type(value) is str:
        return value and sound(value)
    if type(value) is list:
        return " ".join(texts_of(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return None if value != value else str(value)
    if isinstance(value, date | time):
        return iso(value) if isinstance(value, datetime) else value.isoformat()
    raise NoTextError(_WORDS.get(type(value), f"a {type(value).__name__}"))


def texts_of(values: list[Any]) -> list[str]:
    """The values of a list as text, without those that are none. Raises NoTextError where one has parts."""
    if any(type(value) is dict for value in values):
        raise NoTextError(f"a {OBJECTS}")
    if any(type(value) is list for value in values):
        raise NoTextError(_WORDS[list])
    return [text for value in values if (text := as_text(value)) and not text.isspace()]


def _text(value: Any, column: str, offset: int, bad: dict[int, BadRow]) -> str | None:
    try:
        return as_text(value)
    except NoTextError as error:
        bad[offset] = BadRow("text", f"has {error} in column {column!r}, where text was expected")
        return None
