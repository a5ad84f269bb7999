"""Kinds of fields as Lucene has them, and a look at values that anyone may have written.

Each value is in Lucene twice: where a filter finds documents by it (as a keyword or a point), and by document, to be
counted and sorted by. Both of a document's field are named `field.` and the field's name.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from ..storage.fields import BOOLEAN, NUMBER, STRING, STRINGS, TIMESTAMP, Field, FieldValue
from ..storage.untrusted import in_json, is_whole
from .java import java_class, to_java

MOST_BYTES = 32_766  # of a keyword, to Lucene
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_KEYWORDS = 10_000  # of which Lucene's objects are kept: a brand stands in many documents
_EXPECTED = {
    STRING: "a text",
    NUMBER: "a finite number",
    BOOLEAN: "true or false",
    TIMESTAMP: "a time as 2026-11-26T08:00:00Z",
    STRINGS: "a list of texts",
}


class FieldError(ValueError):
    """What is wrong with a document's fields, as the end of a sentence about it."""


def lucene_name(field: str) -> str:
    """What Lucene calls a field."""
    return f"field.{field}"


def checked_fields(content: Any, fields: Mapping[str, Field]) -> dict[str, FieldValue]:
    """Fields as JSON has them, looked at and in the order of the index's.

    fields: of the index by name. Raises FieldError for a field that it does not have and a value that is not of the
    field's kind.
    """
    if not isinstance(content, dict):
        raise FieldError(f"has the fields {in_json(content)}; expected an object")
    if unknown := next((name for name in content if name not in fields), None):
        raise FieldError(f"has the field {in_json(unknown)}, which is none of {', '.join(fields) or 'no fields'}")
    for name, value in content.items():
        if not _is_a(fields[name].kind, value):
            raise FieldError(
                f"has in the field {in_json(name)} {in_json(value)}; expected {_EXPECTED[fields[name].kind]}"
            )
    return {name: content[name] for name in fields if name in content}


def _is_a(kind: str, value: Any) -> bool:
    if kind == STRING:
        return isinstance(value, str) and is_whole(value)
    if kind == NUMBER:
        return isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)
    if kind == BOOLEAN:
        return isinstance(value, bool)
    if kind == TIMESTAMP:
        return isinstance(value, str) and microseconds_of(value) is not None
    return isinstance(value, list) and all(isinstance(item, str) and is_whole(item) for item in value)


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond them all
        return False


def microseconds_of(timestamp: str) -> int | None:
    """A timestamp as a document has it, in microseconds since 1970; None if it is none."""
    if not _TIMESTAMP.fullmatch(timestamp):
        return None
    try:
        return microseconds_between_1970_and(datetime.fromisoformat(timestamp))
    except ValueError:  # the 30th of February
        return None


def microseconds_between_1970_and(time: datetime) -> int:
    """How many there are to a time with its zone; below 0 before 1970."""
    return (time - _EPOCH) // _MICROSECOND


def timestamp_of(microseconds: int) -> str:
    """The timestamp of so many microseconds since 1970, as documents have it."""
    return (_EPOCH + microseconds * _MICROSECOND).isoformat().replace("+00:00", "Z")


def keywords_of(value: FieldValue) -> tuple[str, ...]:
    """A value that is no number as keywords, each once; without those that are too long for Lucene."""
    if isinstance(value, bool):
        return ("true" if value else "false",)
    values = value if isinstance(value, list) else [str(value)]
    return tuple(keyword for keyword in dict.fromkeys(values) if len(keyword.encode()) <= MOST_BYTES)


class LuceneFields:
    """Makes what a document's fields are in Lucene. fields: of the index."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._kinds = {field.name: field.kind for field in fields}
        self._names = {field.name: to_java(lucene_name(field.name)) for field in fields}
        self._keyword = lru_cache(_KEYWORDS)(_keyword)
        self._no = java_class("org.apache.lucene.document.Field$Store").NO
        self._number = java_class("org.apache.lucene.document.DoubleField")
        self._whole_number = java_class("org.apache.lucene.document.LongField")

    def of(self, values: Mapping[str, FieldValue]) -> Iterator[Any]:
        """Lucene's fields of a document."""
        for name, value in values.items():
            kind = self._kinds[name]
            if kind == NUMBER:
                assert isinstance(value, int | float)
                yield self._number(self._names[name], value + 0.0, self._no)  # -0.0 becomes 0.0, which it equals
            elif kind == TIMESTAMP:
                yield self._whole_number(self._names[name], microseconds_of(str(value)), self._no)
            else:
                for keyword in keywords_of(value):
                    yield self._keyword(name, keyword)


def _keyword(name: str, keyword: str) -> Any:
    """A keyword of a field; Lucene's object of it may stand in many documents."""
    value = java_class("org.apache.lucene.util.BytesRef")(to_java(keyword))
    return java_class("org.apache.lucene.document.KeywordField")(
        to_java(lucene_name(name)), value, java_class("org.apache.lucene.document.Field$Store").NO
    )
