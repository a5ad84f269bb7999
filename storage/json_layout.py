"""Files that are no lines of UTF-8 or no JSON lines, by how they begin, and how they become those."""

import codecs
import re

_ARRAY = re.compile(r"\s*\[\s*(\{|$)")
_OBJECT = re.compile(r"\s*\{\s*$")


def begins_as_utf16(start: bytes) -> bool:
    """Whether the first bytes of a file are the mark that programs put before UTF-16."""
    return start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def other_layout(start: str) -> str | None:
    """What a file is in place of JSON lines, as a predicate, and what to do; None if nothing shows that.

    start: its first line that is not blank.
    """
    if _ARRAY.match(start):
        what, query = "is a JSON array", ".[]"
    elif _OBJECT.match(start):
        what, query = "has JSON objects that reach over several lines", "."
    else:
        return None
    return f"{what}, where each line should be an object; convert it to JSON lines, as with jq -c '{query}'"
