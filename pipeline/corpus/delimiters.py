"""What stands between the fields of a CSV file: a comma, or what the first lines say."""

import csv
from collections.abc import Sequence

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LOOKED_AT = 50  # lines


def delimiter_of(lines: Sequence[str | None]) -> str:
    """The sign that cuts the first lines of a file into several fields, and most of them into the same number.

    Where no sign does, a comma; it also wins where others do no better.
    """
    text = [f"{line}\n" for line in lines if line is not None]
    return max(DELIMITERS, key=lambda sign: _fit(text, sign))


def _fit(lines: Sequence[str], sign: str) -> tuple[int, int]:
    """How many rows have as many fields as the first, if that has several, and how many these are."""
    widths = []
    try:
        for row in csv.reader(lines, delimiter=sign, strict=True):
            if row:
                widths.append(len(row))
    except csv.Error:
        pass  # a quote that is not closed: what is before it counts
    width = widths[0] if widths else 0
    return (0, 0) if width < 2 else (widths.count(width), width)
