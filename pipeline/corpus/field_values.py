"""Fields of rows: the values of columns by their kinds, as the JSON object of each row."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import orjson

from ...errors import short
from ...storage.fields import BOOLEAN, NUMBER, STRING, STRINGS, TIMESTAMP, Field
from ...storage.skipped_rows import BadRow
from .markup import without_markup
from .names import is_within
from .numbers import numbers_in
from .paths import leaves
from .rows import Rows
from .texts import NoTextError, as_text, texts_of
from .timestamps import iso, read_iso

BOOLEANS: Mapping[str, bool] = {"true": True, "false": False, "yes": True, "no": False}
_WORDS = {
    STRING: "a string",
    NUMBER: "a number",
    BOOLEAN: "true or false",
    TIMESTAMP: "a time as ISO 8601 has it",
    STRINGS: "a list of strings",
}
_IN_ORJSON = 2**63


class _WrongError(Exception):
    """A value that is not of its field's kind, or not surely one value of it, which the text says then."""


def with_fields(rows: Rows, fields: Sequence[Field], *, strip_html: bool = False) -> Rows:
    """The rows with a JSON object for the values of their fields, "" where there is none.

    An empty string is no value, nor is a number that is not finite. A value of another kind makes its row bad. fields:
    of the columns that the rows have as such. strip_html: take markup out of strings.
    """
    bad: dict[int, BadRow] = {}
    columns = []
    for field, values in zip(fields, rows.fields, strict=True):
        read = _reader(field, fields, strip_html)
        found: list[Any] = []
        for offset, value in enumerate(values):
            try:
                found.append(None if value is None else read(value))
            except (_WrongError, NoTextError) as error:
                found.append(None)
                why = isinstance(error, _WrongError) and str(error)
                what = f"has {_told(value)} in column {field.name!r}"
                bad[offset] = BadRow("field", f"{what}, {why or f'where {_WORDS[field.kind]} was expected'}")
        columns.append(found)
    names = [field.name for field in fields]
    objects = [_json(names, values) for values in zip(*columns, strict=True)]
    return replace(rows, fields=(objects,)).with_bad(bad)


def is_empty(text: str) -> bool:
    """Whether a string is no value: nothing, or blanks."""
    return not text or text.isspace()


def _json(names: Sequence[str], values: Sequence[Any]) -> str:
    row = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    return orjson.dumps(row).decode() if row else ""


def _reader(field: Field, fields: Sequence[Field], strip_html: bool) -> Callable[[Any], Any]:
    """What makes of a column's value that of a field. It raises _WrongError or NoTextError."""
    has_within = any(is_within(other.name, field.name) for other in fields)
    clean = without_markup if strip_html else str

    def string(value: Any) -> str | None:
        text = as_text(value)
        return None if text is None or is_empty(text) or is_empty(text := clean(text)) else text

    def strings(value: Any) -> list[str] | None:
        found = [clean(text) for text in texts_of(value if type(value) is list else [value])]
        return [text for text in found if not is_empty(text)] or None

    kinds: dict[str, Callable[[Any], Any]] = {
        STRING: string,
        NUMBER: lambda value: _number(value, field.decimal),
        BOOLEAN: _boolean,
        TIMESTAMP: _timestamp,
        STRINGS: strings,
    }
    read = kinds[field.kind]

    def one(value: Any) -> Any:
        if type(value) is dict:
            if has_within or all(inner is None or inner == [] or _is_blank(inner) for _, inner in leaves(value)):
                return None
            raise _WrongError
        if _is_blank(value) or (isinstance(value, float | Decimal) and not math.isfinite(value)):
            return None
        if type(value) is list and field.kind != STRINGS:
            if value:
                raise _WrongError
            return None
        return read(value)

    return one


def _is_blank(value: Any) -> bool:
    return type(value) is str and is_empty(value)


def _number(value: Any, decimal: str) -> Any:
    if type(value) is str:
        if not (readings := numbers_in(value, decimal)):
            raise _WrongError
        if len(readings) > 1:
            raise _WrongError(f"which may be {' or '.join(readings)}, and no value of the index said which")
        return orjson.Fragment(readings[0])
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _WrongError
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    if isinstance(value, float):
        return float(value)
    return value if -_IN_ORJSON <= value < _IN_ORJSON else orjson.Fragment(str(value))


def _boolean(value: Any) -> bool:
    found = BOOLEANS.get(value.strip().lower()) if type(value) is str else value
    if type(found) is not bool:
        raise _WrongError
    return found


def _timestamp(value: Any) -> str:
    moment = read_iso(value) if type(value) is str else value
    if not isinstance(moment, date):
        raise _WrongError
    return iso(moment)


def _told(value: Any) -> str:
    """A value as the sentence about its row has it."""
    if type(value) is dict:
        return "an object"
    return "a list" if type(value) is list else short(value)
