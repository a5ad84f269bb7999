"""JSON that is laid out otherwise than as JSON lines, and how it becomes those."""

import re

_ARRAY = re.compile(r"\s*\[\s*(\{|$)")
_OBJECT = re.compile(r"\s*\{\s*$")


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
