"""The ids of documents of an open index by their numbers, in memory once they are asked for again and again.

Java reads a few in a quarter of a millisecond, and a thousand in one, as long as a search in memory takes. All of them
are read bit by bit, with each of many searches, so that none waits for them.
"""

import threading
from typing import Any

import numpy as np

from .doc_values import SEPARATOR, ids, joined_ids
from .first_pass.memory import Share

_AT_FIRST = 16  # times that they are asked for before any are kept: a single search would gain nothing
_PIECE = 2**12  # documents whose ids are read more with each


class DocumentIds:
    """Of an open index. Threads may share it. reader: Lucene's. share: of the memory for them."""

    def __init__(self, reader: Any, share: Share | None = None) -> None:
        self._reader, self._share = reader, share or Share()
        self._most, self._asked, self._read = int(reader.maxDoc()), 0, 0
        self._pieces: list[bytes] = []
        self._kept: _Kept | None = None
        self._lock = threading.Lock()

    def of(self, numbers: np.ndarray) -> list[bytes]:
        """The id of each of some documents, which are in order. Raises what Java throws, and DamagedIndexError where
        one has none, or one that is no text."""
        if self._kept is not None:
            return self._kept.of(numbers)
        found = list(ids(self._reader, numbers))
        if self._lock.acquire(blocking=False):  # who comes while another reads does not wait
            try:
                self._asked += 1
                if self._asked > _AT_FIRST and self._kept is None:
                    self._read_on()
            finally:
                self._lock.release()
        return found

    def _read_on(self) -> None:
        """Read some more, if there is memory for them."""
        stop = min(self._most, self._read + _PIECE)
        piece = joined_ids(self._reader, self._read, stop) + SEPARATOR
        # As it stands, and in one with the others; and where each ends.
        if not self._share.take(2 * len(piece) + 8 * (stop - self._read)):
            self._asked = 0
            return
        self._pieces.append(piece)
        self._read = stop
        if stop == self._most:
            self._kept, self._pieces = _Kept(self._pieces), []
            self._share.give_back(len(self._kept.text))


class _Kept:
    """All ids, one behind the other, each with a separator at its end."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.text = b"".join(pieces)
        self._bytes = np.frombuffer(self.text, np.uint8)
        self._ends = np.concatenate(([0], np.flatnonzero(self._bytes == SEPARATOR[0]) + 1))

    def of(self, numbers: np.ndarray) -> list[bytes]:
        """As DocumentIds. All bytes are put together at once, and cut at the separators."""
        starts = self._ends[numbers]
        lengths = self._ends[numbers + 1] - starts
        offsets = np.cumsum(lengths)
        rows = np.arange(offsets[-1] if len(offsets) else 0) + np.repeat(starts - offsets + lengths, lengths)
        joined: bytes = self._bytes[rows].tobytes()
        return joined.split(SEPARATOR)[:-1]
