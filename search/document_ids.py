"""The ids of documents of an open index by their numbers, in memory once they are asked for again and again.

Java reads a few in a quarter of a millisecond, and a thousand in one, as long as a search in memory takes. All of them
are read bit by bit, with each of many searches, so that none waits for them.
"""

import logging
import threading
from typing import Any

import numpy as np

from ..indexer.java import alone_at_first, java_exception
from .doc_values import SEPARATOR, ids, joined_ids
from .first_pass.memory import Share
from .lucene_hits import DamagedIndexError

_AT_FIRST = 16  # times that they are asked for before any are kept: a single search would gain nothing
_PIECE = 2**12  # documents whose ids are read more with each
_TOGETHER = 2**14  # ids that are put together at once
_OFFSET = 8  # bytes for where an id ends
log = logging.getLogger("sparton")


class DocumentIds:
    """Of an open index. Threads may share it. reader: Lucene's. share: of the memory for them."""

    def __init__(self, reader: Any, share: Share | None = None) -> None:
        self._reader, self._share = reader, share or Share()
        self._most, self._asked, self._read = int(reader.maxDoc()), 0, 0
        self._pieces: list[bytes] = []
        self._reads_on = True
        self._kept: _Kept | None = None
        self._lock = threading.Lock()

    def of(self, numbers: np.ndarray) -> list[bytes]:
        """The id of each of some documents, which are in order. Raises what Java throws, and DamagedIndexError where
        one has none, or one that is no text."""
        if (kept := self._kept) is not None:
            return kept.of(numbers)
        found = list(ids(self._reader, numbers))
        if self._reads_on and self._lock.acquire(blocking=False):  # who comes while another reads does not wait
            try:
                self._asked += 1
                if self._asked > _AT_FIRST and self._reads_on:
                    self._read_on()
            finally:
                self._lock.release()
        return found

    def close(self) -> None:
        """Forget them, and keep no more."""
        with self._lock:
            self._give_up()
            self._kept = None

    def _read_on(self) -> None:
        """Read some more, as long as there is memory for them. What cannot be read concerns who asks for it."""
        stop = min(self._most, self._read + _PIECE)
        try:
            with alone_at_first("ids kept"):
                piece = joined_ids(self._reader, self._read, stop) + SEPARATOR
        except (java_exception(), DamagedIndexError) as error:
            log.info("ids are not kept in memory: %s", error)
            self._give_up()
            return
        # As it stands, and in one with the others; and where each ends.
        if not self._share.take(2 * len(piece) + _OFFSET * (stop - self._read)):
            self._give_up()
            return
        self._pieces.append(piece)
        self._read = stop
        if stop == self._most:
            self._kept, self._pieces, self._reads_on = _Kept(self._pieces), [], False
            self._share.give_back(len(self._kept.text))

    def _give_up(self) -> None:
        self._reads_on = False
        self._pieces = []
        self._share.close()


class _Kept:
    """All ids, one behind the other, each with a separator at its end."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.text = b"".join(pieces)
        self._bytes = np.frombuffer(self.text, np.uint8)
        self._ends = np.concatenate(([0], np.flatnonzero(self._bytes == SEPARATOR[0]) + 1))

    def of(self, numbers: np.ndarray) -> list[bytes]:
        """As DocumentIds."""
        if len(numbers) > _TOGETHER:
            cuts = range(0, len(numbers), _TOGETHER)
            return [name for start in cuts for name in self._joined(numbers[start : start + _TOGETHER])]
        return self._joined(numbers)

    def _joined(self, numbers: np.ndarray) -> list[bytes]:
        """The bytes of all, put together at once, and cut at the separators."""
        starts = self._ends[numbers]
        lengths = self._ends[numbers + 1] - starts
        offsets = np.cumsum(lengths)
        rows = np.arange(offsets[-1] if len(offsets) else 0) + np.repeat(starts - offsets + lengths, lengths)
        joined: bytes = self._bytes[rows].tobytes()
        return joined.split(SEPARATOR)[:-1]
