"""JSON lines: an object a line. Every line is read by itself, so a column may change its type from line to line."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from typing import Any

import orjson

from ...errors import SpartonError
from ...storage.nesting import not_too_deep
from ...storage.skipped_rows import BadRow
from .files import DataFile
from .json_kinds import JsonKinds
from .lines import LONGEST_LINE, line_blocks, open_bytes
from .names import is_within
from .paths import leaves, value_at
from .rows import Rows

_WHOLE_IN_ORJSON = 2.0**63
_MARK = b"\xef\xbb\xbf"  # that some programs put before UTF-8


class JsonLines:
    """Reads JSON lines."""

    title, by_columns, named_by_rows = "JSON lines", False, True
    heading: bool | None = None

    def schema(self, file: DataFile) -> Mapping[str, str]:
        """The names that any line has: all lines are read for it."""
        known = JsonKinds()
        for some in _objects(file):
            known.add(some.rows)
        return known.kinds

    def rows(self, file: DataFile, columns: Sequence[str], fields: Sequence[str] = ()) -> Iterator[Rows]:
        """All lines but empty ones."""
        for some in _objects(file, tuple(name for name in (*columns, *fields) if "." in name)):
            values, kept = (tuple(_column(some.rows, name) for name in names) for names in (columns, fields))
            rows = Rows(file, "line", some.numbers, values, some.bad, some.halves, some.names, kept, some.rows)
            if any(float in set(map(type, column)) for column in values) or any(map(_has_large, kept)):
                rows = _with_numbers(rows, some.lines, columns, fields)
            yield rows


@dataclass(frozen=True, slots=True)
class _Objects:
    """Some lines, their numbers, and the object on each; {} where `bad` says what is wrong with the line. halves: as
    Rows has it; what orjson reads has whole characters. names: that any line so far has."""

    numbers: Sequence[int]
    lines: Sequence[bytes]
    rows: Sequence[dict[str, Any]]
    bad: Mapping[int, BadRow]
    halves: bool
    names: tuple[str, ...]


class Written(float):
    """A number that remembers how it is written."""

    def __new__(cls, text: str) -> "Written":
        """Read it."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str

    def __str__(self) -> str:
        return self.text


def _has_large(column: Sequence[Any]) -> bool:
    """Whether a float among some values could be a whole number that orjson does not take."""
    return any(type(value) is float and abs(value) >= _WHOLE_IN_ORJSON for value in column)


def _with_numbers(rows: Rows, lines: Sequence[bytes], columns: Sequence[str], fields: Sequence[str]) -> Rows:
    """The rows with each float as it is written: it may be a whole number, of which orjson takes 64 bits at most."""
    bad: dict[int, BadRow] = {}
    objects = list(rows.objects or ())
    for offset, line in enumerate(lines):
        if any(type(column[offset]) is float for column in rows.columns) or any(
            _has_large(column[offset : offset + 1]) for column in rows.fields
        ):
            row = _read_carefully(line)
            if isinstance(row, BadRow):
                bad[offset] = row
            else:
                objects[offset] = row
                for name, column in zip((*columns, *fields), (*rows.columns, *rows.fields), strict=True):
                    column[offset] = value_at(row, name)
    return replace(rows, halves=True, objects=objects).with_bad(bad)


def _column(rows: Sequence[dict[str, Any]], name: str) -> list[Any]:
    """What each object has under a name, None where it has not."""
    try:
        return list(map(itemgetter(name), rows))
    except KeyError:
        return [row.get(name) for row in rows] if "." not in name else [value_at(row, name) for row in rows]


def _objects(file: DataFile, dotted: Sequence[str] = ()) -> Iterator[_Objects]:
    """All lines but empty ones, some at a time. dotted: names of columns within others, of which the names are told."""
    names: tuple[str, ...] = ()
    begun = False
    with open_bytes(file) as stream:
        for first, lines in line_blocks(stream):
            if first == 1:
                lines[0] = lines[0].removeprefix(_MARK)
            if not begun and (start := next(filter(None, map(bytes.strip, lines)), None)):
                _refuse_whole_document(file, start)
                begun = True
            numbers: Sequence[int] = range(first, first + len(lines))
            bad: dict[int, BadRow] = {}
            rows = _all_objects(lines)
            halves = rows is None
            if rows is None:
                numbers = [number for number, line in enumerate(lines, first) if line and not line.isspace()]
                lines = [lines[number - first] for number in numbers]
                found = list(map(_read_object, lines))
                bad = {offset: row for offset, row in enumerate(found) if isinstance(row, BadRow)}
                rows = [{} if isinstance(row, BadRow) else row for row in found]
            if not set().union(*rows) <= set(names):
                names = tuple(dict.fromkeys(chain(names, *rows)))
            if dotted:
                names = tuple(dict.fromkeys(chain(names, *(_beside(row, dotted) for row in rows))))
            yield _Objects(numbers, lines, rows, bad, halves, names)


def _beside(row: Mapping[str, Any], dotted: Sequence[str]) -> list[str]:
    """The names of what is within the objects of a row that some names lead into."""
    outer = {name: value for name, value in row.items() if any(is_within(one, name) for one in dotted)}
    return [name for name, _ in leaves(outer)]


def _refuse_whole_document(file: DataFile, start: bytes) -> None:
    """Raise SpartonError for a file that is one JSON array, or objects over several lines: no line is a row then.

    start: the first line that is not blank.
    """
    if start == b"[" or start[:2] == b"[{":
        what, query = "is a JSON array", ".[]"
    elif start == b"{":
        what, query = "has JSON objects that reach over several lines", "."
    else:
        return
    raise SpartonError(
        f"{file} {what}, where each line should be an object; convert it to JSON lines, as with jq -c '{query}'"
    )


def _all_objects(lines: Sequence[bytes]) -> list[dict[str, Any]] | None:
    """The object on each line; None where a line has none, or has one that orjson does not read."""
    try:
        rows: list[Any] = list(map(orjson.loads, lines))
    except orjson.JSONDecodeError:
        return None
    return rows if set(map(type, rows)) == {dict} else None


def _read_object(line: bytes) -> dict[str, Any] | BadRow:
    """The object on a line, or what is wrong with the line."""
    try:
        found = orjson.loads(line)
        if type(found) is dict:
            return found
    except orjson.JSONDecodeError:
        pass
    return _read_carefully(line)


def _read_carefully(line: bytes) -> dict[str, Any] | BadRow:
    """The same of what orjson does not read, half characters for example."""
    if len(line) >= LONGEST_LINE:
        return BadRow("too long", f"is longer than {LONGEST_LINE:,} bytes, where a JSON object was expected")
    try:
        found = json.loads(not_too_deep(line.rstrip().decode()), parse_float=Written)
    except UnicodeDecodeError as error:
        return BadRow("not UTF-8", f"is not UTF-8 (byte {error.start + 1} is 0x{line[error.start]:02x})")
    except RecursionError:
        return BadRow("nested too deep", "is nested too deep to be a document")
    except json.JSONDecodeError as error:
        return BadRow("not JSON", f"is not JSON ({error.msg[:1].lower()}{error.msg[1:]} at column {error.colno})")
    except ValueError:  # a number of thousands of digits
        return BadRow("not JSON", "is not JSON that can be read (a number has too many digits)")
    if not isinstance(found, dict):
        return BadRow("no object", f"is {_WORDS[type(found)]}, where a JSON object was expected")
    return found


_WORDS = {list: "a list", str: "a string", int: "a number", float: "a number", bool: "a boolean", type(None): "null"}
