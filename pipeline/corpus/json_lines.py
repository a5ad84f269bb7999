"""JSON lines: an object a line. Every line is read by itself, so a column may change its type from line to line."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import orjson

from .files import DataFile
from .formats import ANY
from .lines import LONGEST_LINE, numbered_lines, open_bytes
from .rows import ROWS_A_BATCH, BadRow, Rows

_MARK = b"\xef\xbb\xbf"  # that some programs put before UTF-8


class JsonLines:
    """Reads JSON lines."""

    title = "JSON lines"

    def schema(self, file: DataFile) -> Mapping[str, str]:
        """The names that any line has: all lines are read for it."""
        names: dict[str, None] = {}
        for _, row in _objects(file):
            if isinstance(row, dict):
                names.update(dict.fromkeys(row))
        return dict.fromkeys(names, ANY)

    def rows(self, file: DataFile, columns: Sequence[str]) -> Iterator[Rows]:
        """All lines but empty ones."""
        lines = _objects(file)
        while batch := list(islice(lines, ROWS_A_BATCH)):
            bad = {offset: row for offset, (_, row) in enumerate(batch) if isinstance(row, BadRow)}
            rows = [{} if isinstance(row, BadRow) else row for _, row in batch]
            values = tuple([row.get(name) for row in rows] for name in columns)
            yield Rows(file, "line", [number for number, _ in batch], values, bad)


def _objects(file: DataFile) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    with open_bytes(file) as stream:
        for number, line in numbered_lines(stream):
            if number == 1:
                line = line.removeprefix(_MARK)
            if not line.isspace():
                yield number, read_object(line)


def read_object(line: bytes) -> dict[str, Any] | BadRow:
    """The object on a line, or what is wrong with the line."""
    try:
        found = orjson.loads(line)
        if type(found) is dict and float not in map(type, found.values()):
            return found
    except orjson.JSONDecodeError:
        pass
    return _read_carefully(line)


def _read_carefully(line: bytes) -> dict[str, Any] | BadRow:
    """The same, slower: with half characters, and whole numbers of any length, which orjson takes for floats."""
    if len(line) >= LONGEST_LINE:
        return BadRow("too long", f"is longer than {LONGEST_LINE:,} bytes, where a JSON object was expected")
    try:
        found = json.loads(line.rstrip().decode())
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
