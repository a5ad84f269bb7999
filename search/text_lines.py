"""The lines of a text file, plain or gzip, with their numbers, and text that can be written out again."""

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import SpartonError

_GZIP = b"\x1f\x8b"
_HALF = re.compile("[\ud800-\udfff]")


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of each line that is not blank, without its line end.

    Raises SpartonError naming the file if it cannot be read, and the line where it is not UTF-8.
    """
    try:
        with path.open("rb") as plain:
            zipped = plain.read(2) == _GZIP
            plain.seek(0)
            with gzip.open(plain) if zipped else plain as stream:
                # By bytes: to Python's text files more is a line end than to those who wrote these.
                for number, line in enumerate(stream, start=1):
                    try:
                        text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                    except UnicodeDecodeError as error:
                        raise SpartonError(f"{path}, line {number}: this is not UTF-8 ({error.reason})") from error
                    if text.strip():
                        yield number, text
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpartonError(f"{path} cannot be read ({reason})") from error


def sound(text: str) -> str:
    """With U+FFFD for the halves of characters, which JSON's escapes can spell and UTF-8 cannot."""
    return _HALF.sub("\ufffd", text)
