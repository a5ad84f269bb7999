"""The standard streams, as people leave them: closed, full, or of an encoding that lacks letters."""

import codecs
import errno
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import Any

from ..errors import SpartonError
from .screen import has_colours

_FULL = "standard output cannot be written to ({}); send it to a file that can, or to /dev/null"


def know_all_letters() -> None:
    """Where Python was told to know ASCII alone (PYTHONUTF8=0 under LC_ALL=C), start it again in its UTF-8 mode.

    It chooses that by itself under such a locale. Without it no file whose name has other letters can be named, and
    neither can a query or a column.
    """
    if os.environ.get("PYTHONUTF8") == "1":  # Python was told so already, and by -X utf8=0 or -E not to heed it
        return
    if codecs.lookup(sys.getfilesystemencoding()).name == "ascii" and not sys.flags.utf8_mode:
        with suppress(OSError):
            os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, "PYTHONUTF8": "1"})


def open_closed() -> None:
    """Put /dev/null where a standard stream is closed: a file that is opened later would take its number.

    Python has None for such a stream, which stays so for input and output.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, flags)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def check_stdout() -> None:
    """Raise SpartonError where the standard output is closed: nobody would see a result."""
    if sys.stdout is None:
        raise SpartonError("standard output is closed; send it to a file, or to /dev/null")


def check_stdin() -> None:
    """Raise SpartonError where the standard input is closed, and so gives no queries."""
    if sys.stdin is None:
        raise SpartonError("standard input is closed, and without QUERY its lines are searched for; name a query")


def decode() -> None:
    """Have the streams pass over bytes that are no text, and take input that is said to be ASCII for UTF-8."""
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, TextIOWrapper):
            ascii_input = stream is sys.stdin and codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding="utf-8" if ascii_input else None, errors="replace")


@contextmanager
def printing() -> Iterator[None]:
    """Have an OSError say that the standard output is meant. For what does nothing else with files."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise not_written(error) from error


def put(text: str = "") -> None:
    """Print a result. Raises SpartonError where it cannot be printed, and BrokenPipeError where nobody reads it."""
    with printing():
        print(text, flush=True)


def tell(text: str) -> None:
    """Print what is no result to the standard error, as long as it takes something."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def tell_error(sentence: str) -> None:
    """Print what is wrong to the standard error: the one place that says how an error begins."""
    title = "\x1b[1;31mError:\x1b[0m" if has_colours(sys.stderr) else "Error:"
    tell(f"{title} {sentence}")


def not_written(error: OSError) -> SpartonError:
    """The sentence for a standard output that takes no more."""
    return SpartonError(_FULL.format(error.strerror or error))


def flush() -> OSError | None:
    """Write out what is printed. Returns what went wrong, unless nobody reads it."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        return None if error.errno == errno.EPIPE else error
    return None


def lines() -> Iterator[str]:
    """The lines of the standard input. Raises SpartonError where it cannot be read."""
    try:
        for line in sys.stdin:
            yield line.rstrip("\n")
    except OSError as error:
        raise SpartonError(f"standard input cannot be read ({error.strerror}); send lines of text") from error


def to_json(content: Any, indent: int | None = None) -> str:
    """JSON for the standard output: letters as they are in UTF-8, and escaped in an encoding that may lack them."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return json.dumps(content, ensure_ascii=not codecs.lookup(encoding).name.startswith("utf"), indent=indent)


def rounded(seconds: float | None) -> float | None:
    """Seconds to the millisecond, as JSON has them; None for what did not take place."""
    return None if seconds is None else round(seconds, 3)


def printable(text: str) -> str:
    """A text on one line, and with nothing in it that a terminal would obey; spaces stay as they are."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
