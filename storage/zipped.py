"""Gzip is known by how a file begins, whatever its name."""

from typing import IO

_GZIP = b"\x1f\x8b"


def begins_as_gzip(stream: IO[bytes]) -> bool:
    """Whether a stream at its start is of gzip; it stays there."""
    start = stream.read(len(_GZIP))
    stream.seek(0)
    return start == _GZIP
