"""The bytes and lines of a file, local or remote, compressed or not."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, TypeVar, cast

from ...errors import SpartonError
from ...storage.json_layout import begins_as_utf16
from ...storage.remote import RemoteFile
from ...storage.store_calls import bounded
from ...storage.zipped import unzipped
from .files import DataFile

LONGEST_LINE = 2**26  # bytes; a longer one is no document, but a file of another kind
_BLOCK = 2**18
T = TypeVar("T")


def call(file: DataFile, do: Callable[[], T]) -> T:
    """What a call gives; of a remote file within its time."""
    return bounded(do, str(file)) if isinstance(file, RemoteFile) else do()


@contextmanager
def open_bytes(file: DataFile) -> Iterator[BinaryIO]:
    """A stream of the text that is in a file, once it is decompressed. Raises OSError, also while it is read, and
    SpartonError for UTF-16, of which no line could be read."""
    with file.open("rb") as plain:
        stream = io.BufferedReader(_Bounded(file, plain), _BLOCK) if isinstance(file, RemoteFile) else plain
        with unzipped(stream) as content:
            if begins_as_utf16(cast("io.BufferedReader", content).peek(2)):
                raise SpartonError(f"{file} is UTF-16; save the file as UTF-8")
            yield content


def line_blocks(stream: BinaryIO) -> Iterator[tuple[int, list[bytes]]]:
    """The lines of a stream without their ends, some at a time, with the number of the first of them, from 1.

    Of a line that is not shorter than LONGEST_LINE the first LONGEST_LINE bytes are given.
    """
    number, rest = 1, b""
    while block := stream.read(_BLOCK):
        lines = block.split(b"\n")
        lines[0] = (rest + lines[0])[:LONGEST_LINE] if len(rest) < LONGEST_LINE else rest
        rest = lines.pop()
        if lines:
            yield number, lines
            number += len(lines)
    if rest:
        yield number, [rest]


class _Bounded(io.RawIOBase):
    """A remote stream of which each read ends within its time."""

    def __init__(self, file: RemoteFile, stream: Any) -> None:
        self._file, self._stream = file, stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, position: int, whence: int = 0) -> int:
        return int(call(self._file, partial(self._stream.seek, position, whence)))

    def readinto(self, buffer: Any) -> int:
        block = call(self._file, partial(self._stream.read, len(buffer)))
        buffer[: len(block)] = block
        return len(block)
