"""Fields: typed values of documents beside their text, to be shown with hits, filtered by, counted and sorted by."""

from dataclasses import dataclass
from typing import Annotated

from .untrusted import Where

# A timestamp is kept as ISO 8601 in UTC, as 2026-11-26T08:00:00Z. Strings are a list of them.
STRING, NUMBER, BOOLEAN, TIMESTAMP, STRINGS = KINDS = ("string", "number", "boolean", "timestamp", "strings")
MOST_LETTERS = 256

FieldValue = str | int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an index. name: as the corpus has it, with dots where it is within others. kind: one of KINDS.

    decimal: what stands before the decimals of numbers that the corpus has as strings, a point or a comma; "" where
    none of them said which.
    """

    name: Annotated[str, Where(f"a name of 1 to {MOST_LETTERS} characters", lambda name: 0 < len(name) <= MOST_LETTERS)]
    kind: Annotated[str, Where("string, number, boolean, timestamp or strings", lambda kind: kind in KINDS)]
    decimal: Annotated[str, Where('".", "," or ""', lambda sign: sign in (".", ",", ""))] = ""
