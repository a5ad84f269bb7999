"""Whether a stream is a terminal, how wide that is, whether it has colours; and texts by its cells."""

import os
import shutil
import sys
import unicodedata
from typing import Any

_WIDE = frozenset("WF")  # of Unicode's East Asian widths
_NO_CELL = frozenset(("Mn", "Me", "Cf"))  # categories of what stands upon the letter before it, or is not seen
_AS_EMOJI = "\ufe0f"  # has the character before it shown as an emoji


def is_terminal(stream: Any) -> bool:
    """Whether people look at a stream."""
    return stream is not None and stream.isatty()


def takes_commands(stream: Any) -> bool:
    """Whether a stream is a terminal that moves its cursor and takes lines back when told to; a dumb one prints it."""
    return is_terminal(stream) and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def has_colours(stream: Any) -> bool:
    """Whether a stream is to be written to in colours: as NO_COLOR and FORCE_COLOR say, which count unless they are
    empty, else as the terminal is."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or takes_commands(stream)


def columns() -> int | None:
    """How many cells a line of the standard output has. None where it is no terminal: nothing is cut there."""
    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None


def cells(text: str) -> int:
    """How many cells of a terminal a text takes, or more, where a terminal joins several emoji to one."""
    return len(text) if text.isascii() else sum(map(_cells_of, text)) + text.count(_AS_EMOJI)


def cut(text: str, most: int | None) -> str:
    """A text, or as much of its beginning as has room in so many cells. None: all of it."""
    if most is None or cells(text) <= most:
        return text
    taken = 0
    for end, letter in enumerate(text):
        taken += _cells_of(letter) + (letter == _AS_EMOJI)
        if taken > max(0, most - 1):
            return text[:end] + "…"
    return text


def padded(text: str, width: int) -> str:
    """A text with blanks behind it, so that it takes so many cells, or more if it is longer."""
    return text + " " * (width - cells(text))


def wrapped(line: str, most: int | None, hang: int) -> str:
    """A line, broken behind commas where it takes more cells, with `hang` blanks before what follows. What stands
    between commas stays whole: it may be a path, to be copied. None: the line as it is."""
    if most is None or cells(line) <= most:
        return line
    first, *rest = line.split(", ")
    lines = [first]
    for one in rest:
        if cells(lines[-1]) + cells(one) + 3 <= most:  # with a comma before and one behind it
            lines[-1] += f", {one}"
        else:
            lines[-1] += ","
            lines.append(" " * hang + one)
    return "\n".join(lines)


def _cells_of(letter: str) -> int:
    if unicodedata.category(letter) in _NO_CELL:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in _WIDE else 1
