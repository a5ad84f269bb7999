"""Gzip is known by how a file begins, whatever its name."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

_GZIP = b"\x1f\x8b"


def begins_as_gzip(stream: BinaryIO) -> bool:
    """Whether a stream at its start is of gzip; it stays there."""
    start = stream.read(len(_GZIP))
    stream.seek(0)
    return start == _GZIP


@contextmanager
def unzipped(stream: BinaryIO) -> Iterator[BinaryIO]:
    """What is in a stream at its start: of gzip the content, which raises OSError, EOFError and zlib.error where it is
    damaged."""
    if not begins_as_gzip(stream):
        yield stream
        return
    with gzip.GzipFile(fileobj=stream) as content:
        yield cast("BinaryIO", content)
