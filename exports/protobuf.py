"""Messages of protocol buffers as bytes, as far as CIFF needs them; postings many at once, in numpy."""

import struct

import numpy as np

_WIDEST = 5  # bytes of a number of 31 bits


def varint(number: int) -> bytes:
    """A number in groups of seven bits, the lowest first."""
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def number_field(field: int, number: int) -> bytes:
    """A field with a whole number; nothing for 0, which readers take it for then."""
    return varint(field << 3) + varint(number) if number else b""


def double_field(field: int, number: float) -> bytes:
    """A field with a float of 64 bits."""
    return varint(field << 3 | 1) + struct.pack("<d", number)


def text_field(field: int, text: str) -> bytes:
    """A field with a text."""
    content = text.encode()
    return varint(field << 3 | 2) + varint(len(content)) + content


def delimited(message: bytes) -> bytes:
    """A message with its length before it."""
    return varint(len(message)) + message


def pairs_field(field: int, firsts: np.ndarray, seconds: np.ndarray) -> bytes:
    """A repeated field of messages, each with two whole numbers from 0 to 2^31 - 1 as its fields 1 and 2."""
    first, first_bytes = _varints(firsts)
    second, second_bytes = _varints(seconds)
    rows = len(firsts)
    lengths = 2 + first_bytes.sum(axis=1) + second_bytes.sum(axis=1)
    always = np.ones((rows, 1), bool)
    columns = [
        _column(field << 3 | 2, rows),
        lengths[:, None],
        _column(1 << 3, rows),
        first,
        _column(2 << 3, rows),
        second,
    ]
    kept = [always, always, always, first_bytes, always, second_bytes]
    return bytes(np.hstack(columns).astype(np.uint8)[np.hstack(kept)].tobytes())


def _varints(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of each number, and which of them count."""
    groups = numbers.astype(np.int64)[:, None] >> (7 * np.arange(_WIDEST))
    more = groups > 0x7F
    counted = np.hstack([np.ones((len(numbers), 1), bool), more[:, :-1]])
    return groups & 0x7F | more * 0x80, counted


def _column(byte: int, rows: int) -> np.ndarray:
    return np.full((rows, 1), byte)
