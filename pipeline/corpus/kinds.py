"""What the kinds of columns say: Arrow's names of types, and those that every format has."""

import re

from ...storage.fields import BOOLEAN, NUMBER, STRING, STRINGS, TIMESTAMP
from .formats import ANY, NULL, OBJECT, OBJECTS, TEXT

_NUMBER = r"u?int\d+|halffloat|float|double|decimal.*"
_STRING = r"string|large_string|string_view|dictionary<values=(?:large_)?string(?:_view)?, .*>"
_INSTANT = r"timestamp\[.*\]|date(?:32|64)\[.*\]"
_ITEM = rf"{_NUMBER}|{_STRING}|bool"
_SCALAR = rf"{_ITEM}|{_INSTANT}|time(?:32|64)\[.*\]"
_LIST = r"(?:large_|fixed_size_)?list(?:_view)?<[^<>]*?: (?:{})(?: not null)?>(?:\[\d+\])?"


def is_id(kind: str) -> bool:
    """Whether ids may be of a kind."""
    return kind in (TEXT, NULL, ANY) or re.fullmatch(_NUMBER, kind) is not None


def is_text(kind: str) -> bool:
    """Whether a column of a kind can be read as text: strings, other values that are written, or a list of these."""
    return kind in (TEXT, NULL, ANY) or re.fullmatch(f"{_SCALAR}|{_LIST.format(_ITEM)}", kind) is not None


def is_words(kind: str) -> bool:
    """Whether a column of a kind is text without being asked: strings, or a list of them."""
    return kind == TEXT or re.fullmatch(_LIST.format(_STRING), kind) is not None


def is_container(kind: str) -> bool:
    """Whether columns of a kind have others within them, which are named with dots."""
    return kind == OBJECT or kind.startswith("struct<")


def field_kind(kind: str) -> str | None:
    """The kind of field that a column of one of Arrow's types is; None of one that is none."""
    if kind == TEXT or re.fullmatch(r"time(?:32|64)\[.*\]", kind):
        return STRING
    patterns = {NUMBER: _NUMBER, BOOLEAN: "bool", TIMESTAMP: _INSTANT, STRINGS: _LIST.format(_ITEM)}
    return next((found for found, pattern in patterns.items() if re.fullmatch(pattern, kind)), None)


def in_words(kind: str) -> str:
    """A kind that no field has, as a sentence has it."""
    if kind in (OBJECT, OBJECTS):
        return f"{'an' if kind == OBJECT else 'a'} {kind}"
    if re.match(r"(?:large_|fixed_size_)?list(?:_view)?<[^<>]*: struct<", kind):
        return f"a {OBJECTS}"
    if re.match(r"\w*list\w*<[^<>]*: \w*list\w*<", kind):
        return "a list of lists"
    return f"of type {kind.partition('<')[0]}"
