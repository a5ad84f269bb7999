"""What stands between the fields of a CSV file: a comma, or what the first lines say."""

import csv
import logging
from collections.abc import Mapping, Sequence

from ...errors import listed

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LOOKED_AT = 50  # lines
log = logging.getLogger("sparton")


def delimiter_of(lines: Sequence[str | None]) -> str:
    """The sign that cuts the first lines of a file into several fields, and most of them into the same number.

    Where no sign does, a comma; it also wins where others do no better.
    """
    text = [f"{line}\n" for line in lines if line is not None]
    return max(DELIMITERS, key=lambda sign: _fit(text, sign))


def tell_delimiters(found: Mapping[str, str]) -> None:
    """Log which CSV files have other signs than commas. found: the sign of each file."""
    for sign, words in DELIMITERS.items():
        files = [name for name, one in found.items() if one == sign and sign != ","]
        if files:
            log.info("fields are between %s in %s", words, listed(files, 3))


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
