"""JSON that anyone may have written, read as the types that it should have.

A type is a dataclass, str, int, float, bool, tuple[X, ...], dict[str, X], X | None, Any, or one of these with
conditions, as in Annotated[int, Where(...)].
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from ..errors import shortened
from .nesting import not_too_deep

MOST_BYTES = 2**24
NEEDED = object()  # of a field that no file may lack, although it has a default
_MOST = 2**63 - 1
_HALF = re.compile("[\ud800-\udfff]")
_LONGEST_NAME = 60  # characters of a name, as a sentence repeats it
_NUL = "\0"
_WORDS = {
    str: "a string of UTF-8 without NUL",
    int: f"a whole number from 0 to {_MOST:,}",
    float: "a number",
    bool: "true or false",
    tuple: "a list",
}


class UnexpectedError(Exception):
    """JSON that is not what it should be. Its message says in one line which entry, what was found, what expected."""


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on the values of a type. words: what is expected, after `expected`."""

    words: str
    holds: Callable[[Any], bool]


def matching(pattern: str, words: str) -> Where:
    """The condition that a string matches a pattern as a whole."""
    return Where(words, lambda value: re.fullmatch(pattern, value) is not None)


def load_json(path: Path) -> Any:
    """The content of a JSON file. Raises UnexpectedError as parse_json, OSError where it cannot be read."""
    if not path.is_file():
        raise UnexpectedError("it is no file")  # a pipe would be waited for
    with path.open("rb") as stream:
        return parse_json(stream.read(MOST_BYTES + 1))


def parse_json(content: bytes) -> Any:
    """The content of a JSON text. Raises UnexpectedError where it is none, too large or too deep, or says one entry
    twice."""
    if len(content) > MOST_BYTES:
        raise UnexpectedError(f"it is larger than {MOST_BYTES >> 20} MiB")
    try:
        return json.loads(not_too_deep(content.decode()), parse_int=_whole_number, object_pairs_hook=once)
    except ValueError as error:
        raise UnexpectedError("it is not JSON") from error
    except RecursionError as error:
        raise UnexpectedError("it is nested too deeply") from error


def read(kind: Any, value: Any, name: str = "") -> Any:
    """`value`, from JSON, as a value of the type `kind`: a dataclass for an object, a tuple for a list.

    An object has the fields of its dataclass and no others; one with a default may be missing, if it is not NEEDED.
    name: of the entry, with dots. Raises UnexpectedError.
    """
    return _read(kind, value, name, _words(kind))


def once(entries: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of some entries, as json's object_pairs_hook. Raises UnexpectedError for a name that stands twice."""
    content = dict(entries)
    if len(content) < len(entries):
        twice = next(name for name, times in Counter(name for name, _ in entries).items() if times > 1)
        raise UnexpectedError(f"{_dotted('', twice)} stands twice in an object; expected once")
    return content


def in_json(value: Any) -> str:
    """A value as JSON has it, in ASCII, or the beginning of that; of one with parts only what it is."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return shortened(json.dumps(value))


def _read(kind: Any, value: Any, name: str, words: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        kept = _read(arguments[0], value, name, words)
        if not all(where.holds(kept) for where in arguments[1:] if isinstance(where, Where)):
            raise _unexpected(name, json.dumps(value), words)
        return kept
    if origin in (Union, UnionType):
        (kind,) = (argument for argument in arguments if argument is not NoneType)
        return None if value is None else _read(kind, value, name, words)
    if origin is tuple and isinstance(value, list):
        return tuple(read(arguments[0], item, f"{name}[{offset}]") for offset, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        names = [read(str, key, f"a name in {name or 'it'}") for key in value]
        return {key: read(arguments[1], value[key], _dotted(name, key)) for key in names}
    if is_dataclass(kind) and isinstance(value, dict):
        return _read_fields(kind, value, name)
    if kind is not Any and not _is_a(kind, value):
        raise _unexpected(name, in_json(value), words)
    return value


def _read_fields(kind: Any, value: dict[str, Any], name: str) -> Any:
    known = {one.name: one for one in fields(kind)}
    for key in value:
        if key not in known:
            raise _unexpected(_dotted(name, key), in_json(value[key]), "no such entry")
    for key, one in known.items():
        if key not in value and _is_needed(one):
            raise _unexpected(_dotted(name, key), "missing", _words(one.type))
    return kind(**{key: read(known[key].type, item, _dotted(name, key)) for key, item in value.items()})


def _is_needed(one: "Field[Any]") -> bool:
    return (one.default is MISSING and one.default_factory is MISSING) or NEEDED in get_args(one.type)


def _is_a(kind: Any, value: Any) -> bool:
    """Whether a value without parts is of a type, and within its bounds."""
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and 0 <= value <= _MOST
    if kind is float:
        return isinstance(value, int | float) and math.isfinite(value)
    return kind is str and isinstance(value, str) and _NUL not in value and is_whole(value)


def is_whole(text: str) -> bool:
    """Whether all characters of a text are whole: JSON can spell halves, which UTF-8 does not know."""
    return _HALF.search(text) is None


def sound(text: str) -> str:
    """A text with U+FFFD for each half of a character."""
    return _HALF.sub("\ufffd", text)


def _words(kind: Any) -> str:
    """What is expected of a type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return next((where.words for where in arguments[1:] if isinstance(where, Where)), _words(arguments[0]))
    if origin in (Union, UnionType):
        (kind,) = (argument for argument in arguments if argument is not NoneType)
        return f"{_words(kind)}, or null"
    return _WORDS.get(origin or kind, "an object")


def _unexpected(name: str, found: str, words: str) -> UnexpectedError:
    return UnexpectedError(f"{name or 'it'} is {shortened(found)}; expected {words}")


def _dotted(name: str, key: str) -> str:
    """The name of an entry within another. Names that are none in Python are quoted: they may hold anything."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,40}", key):
        key = json.dumps(key[:_LONGEST_NAME])
    return f"{name}.{key}" if name else key


def _whole_number(digits: str) -> int | float:
    """Python refuses to read more than some thousand digits; as a float they are a number that is too large."""
    return int(digits) if len(digits) <= len(str(_MOST)) + 1 else float(digits)
