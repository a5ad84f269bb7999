"""Memory for the postings that first passes keep: one budget for all open indexes of this process."""

import threading

from ...machine import free_memory_mb

_PART = 4  # of what is free, one of so many is for postings


class Budget:
    """Bytes that may be taken. Threads may share it. most: None for a part of what is free at first."""

    def __init__(self, most: int | None = None) -> None:
        self._most, self._taken = most, 0
        self._lock = threading.RLock()  # Python may forget a share, which gives back, at any time

    def take(self, count: int) -> bool:
        """Whether so many are left, which are taken then."""
        with self._lock:
            if self._most is None:
                self._most = (free_memory_mb() << 20) // _PART
            if self._taken + count > self._most:
                return False
            self._taken += count
            return True

    def give_back(self, count: int) -> None:
        """Have so many left again."""
        with self._lock:
            self._taken -= count


_SHARED = Budget()


class Share:
    """What one first pass has taken of a budget. It goes back when it is closed, or forgotten. Threads may share
    it. budget: None for that of this process."""

    def __init__(self, budget: Budget | None = None) -> None:
        self._budget, self._lock = budget or _SHARED, threading.RLock()
        self._closed = False
        self.taken = 0

    def take(self, count: int) -> bool:
        """As Budget.take. Nothing is left once it is closed."""
        with self._lock:
            if self._closed or not self._budget.take(count):
                return False
            self.taken += count
            return True

    def give_back(self, count: int) -> None:
        """As Budget.give_back."""
        with self._lock:
            if not self._closed:
                self._budget.give_back(count)
                self.taken -= count

    def close(self) -> None:
        """Give all of it back, and take no more."""
        with self._lock:
            self.give_back(self.taken)
            self._closed = True

    def __del__(self) -> None:
        self.close()
