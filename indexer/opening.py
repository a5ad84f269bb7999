"""How a file of vectors begins: whether a line of it is an object, and which entries the first one has."""

import json
import zlib
from pathlib import Path

from ..errors import SpartonError
from ..storage.json_layout import begins_as_utf16, other_layout
from ..storage.nesting import not_too_deep
from ..storage.zipped import unzipped

_MOST_BYTES = 2**24  # of a line; a longer one is not looked at
_KNOWN = {"id", "contents", "fields", "vector"}
_STORING = {"contents", "fields"}  # with either, all of a line but its vector is stored


def unused_entries(path: Path) -> tuple[str, ...]:
    """The names in the first line of a file of which nothing gets into an index.

    Raises SpartonError for a file that is UTF-16, a JSON array, or of objects over several lines. What else is wrong
    with a line is told by whoever reads all of them.
    """
    start = _first_line(path)
    if layout := other_layout(start):
        raise SpartonError(f"{path} {layout}")
    try:
        content = json.loads(not_too_deep(start))
    except (ValueError, RecursionError):
        return ()
    if not isinstance(content, dict) or _STORING & content.keys():
        return ()
    return tuple(name for name in content if name not in _KNOWN)


def _first_line(path: Path) -> str:
    """The first line that is not blank; "" where that is not to be had."""
    try:
        with path.open("rb") as file, unzipped(file) as stream:
            while line := stream.readline(_MOST_BYTES):
                if begins_as_utf16(line):
                    raise SpartonError(f"{path} is UTF-16; save the file as UTF-8")
                if text := line.decode("utf-8-sig", errors="replace").strip():
                    return text
    except (OSError, EOFError, zlib.error):  # which reading the file will tell of
        pass
    return ""
