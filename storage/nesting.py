"""How deep JSON is nested: Python's reader takes its own stack for it, and may end the process before it notices."""

import re

MOST = 500  # levels; Python 3.11 itself stops at some 900
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


def not_too_deep(text: str) -> str:
    """The JSON text itself. Raises RecursionError, as json.loads may, for one that is nested deeper than MOST."""
    if text.count("[") + text.count("{") <= MOST:
        return text
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        found = match[0]
        if found in "[{":
            depth += 1
            if depth > MOST:
                raise RecursionError(f"it is nested deeper than {MOST} levels")
        elif found in "]}":
            depth -= 1
    return text
