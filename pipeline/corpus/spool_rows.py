"""Rows that a program gives as dicts, to a file of JSON lines: each may have other columns, and other types in them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from ...errors import SpartonError, short
from ...storage.scratch import unwritable
from .spooled import SpooledFile

_BLOCK = 2**18  # bytes
_NONE = ("NAType", "NaTType")  # of pandas, which need not be installed


def spool_rows(items: Iterable[Any], kind: str, folder: Path) -> SpooledFile:
    """Write them to a file in a folder. kind: the type of what gives them.

    Raises SpartonError for no row, one that is no dict or holds what JSON does not, and where the folder takes no more.
    What the iterator raises comes through.
    """
    path, rows = folder / "rows.jsonl", 0
    with path.open("wb", buffering=0) as stream:
        for so_far, block in _blocks(items, kind):
            rows, rest = so_far, memoryview(block)
            try:
                while rest:
                    rest = rest[stream.write(rest) :]
            except OSError as error:
                raise unwritable(folder, error) from error
    if not rows:
        raise SpartonError(f"the {kind} has no rows; there is nothing to index")
    return SpooledFile(path, kind, rows)


def _blocks(items: Iterable[Any], kind: str) -> Iterator[tuple[int, bytes]]:
    """Many lines at a time, and how many there are so far."""
    lines: list[bytes] = []
    row = size = 0
    for row, item in enumerate(items, start=1):
        lines.append(_line(item, f"row {row} of the {kind}"))
        size += len(lines[-1])
        if size >= _BLOCK:
            yield row, b"".join(lines)
            lines, size = [], 0
    if lines:
        yield row, b"".join(lines)


def _line(item: Any, where: str) -> bytes:
    """A row as a line. where: it is, as a sentence has it."""
    if not isinstance(item, Mapping):
        raise SpartonError(f"{where} is {short(item)}; expected a dict with values by the names of their columns")
    row = item if type(item) is dict else dict(item)
    try:
        return orjson.dumps(row, _plain, orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return b"{" + b",".join(_entry(name, value, where) for name, value in row.items()) + b"}\n"


def _entry(name: Any, value: Any, where: str) -> bytes:
    """A column's name and value, which may be a whole number of any length, or hold halves of characters."""
    if not isinstance(name, str):
        raise SpartonError(f"{where} has the column {short(name)}; expected names of columns, which are strings")
    try:
        content = orjson.dumps(value, _plain, orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError:
        try:
            content = json.dumps(value, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise SpartonError(
                f"{where} has a {type(value).__name__} in column {name!r}, which cannot be written as JSON; expected "
                "text, a number, a boolean, a date, a list or a dict"
            ) from error
    return json.dumps(str(name)).encode() + b":" + content


def _plain(value: Any) -> Any:
    """A value that orjson does not know, as one that it does. Raises TypeError for others."""
    if isinstance(value, Decimal):  # with all its digits
        return orjson.Fragment(str(value)) if value.is_finite() else None
    if type(value).__name__ in _NONE:
        return None
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "isoformat"):  # pandas' own kinds of datetime
        return value.isoformat()
    if hasattr(value, "as_py"):  # Arrow's scalars
        return value.as_py()
    if hasattr(value, "tolist"):  # what orjson does not take of NumPy, arrays of strings for one
        return value.tolist()
    raise TypeError
