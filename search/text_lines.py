"""The lines of a text file, plain or gzip, with their numbers; their fields; and text that can be written out again."""

import re
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from ..errors import SpartonError
from ..storage.zipped import unzipped

BLANKS = " \t\n\v\f\r"  # what separates fields, to trec_eval and so to us: a no-break space does not
MOST_BYTES = 2**24  # of a line
_NO_WORD = re.compile(f"[{BLANKS}\0]")


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of each line that is not blank, without its line end.

    Raises SpartonError naming the file if it cannot be read, and the line where it is not UTF-8, is longer than
    MOST_BYTES, or has a carriage return that ends no line (a file with no other line ends would be one line).
    """
    try:
        with path.open("rb") as plain, unzipped(plain) as stream:
            # By bytes: to Python's text files more is a line end than to those who wrote these.
            for number, line in enumerate(iter(partial(stream.readline, MOST_BYTES + 1), b""), start=1):
                text = _decoded(line, path, number)
                if text.strip(BLANKS):
                    yield number, text
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpartonError(f"{path} cannot be read ({reason})") from error


def refuse_folder(path: Path, what: str, names: Sequence[str] = ()) -> None:
    """Raise SpartonError for a folder where a file is expected. what: that file is of. names: patterns of such files,
    one of which is named if the folder has it."""
    if path.is_dir():
        found = next((file for name in names for file in sorted(path.glob(name))), None)
        example = f", as {found}" if found else ""
        raise SpartonError(f"{path} is a folder; expected a file of {what}{example}")


def fields_of(text: str) -> list[str]:
    """The words of a text, between blanks as trec_eval has them."""
    if text.isprintable():  # then the only white space are spaces, for which Python's own words are the same
        return text.split()
    return [word.decode() for word in text.encode().split()]


def is_word(text: str) -> bool:
    """Whether a text can be a field of a run: it is not empty, and has neither blanks nor NUL."""
    return bool(text) and not _NO_WORD.search(text)


def _decoded(line: bytes, path: Path, number: int) -> str:
    """The text of a line, without its end. Where the line is comes into a sentence only: a run has millions."""
    if len(line) > MOST_BYTES:
        raise SpartonError(
            f"{path}, line {number} is longer than {MOST_BYTES >> 20} MiB; expected lines that end in LF or CRLF"
        )
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise SpartonError(
            f"{path}, line {number}: this is not UTF-8 ({error.reason}); save the file as UTF-8"
        ) from error
    if "\r" in text:
        raise SpartonError(
            f"{path}, line {number} has a carriage return within it; expected lines that end in LF or CRLF"
        )
    return text
