"""Work of one search on several threads, as far as cores of this process are idle.

A search counts as one thread that is busy. With many at once there is nobody to help, and each does its own work alone.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ..indexer.java import forget_thread_at_end
from ..machine import cores

_Result = TypeVar("_Result")
GoOn = Callable[[], bool]


class IdleCores:
    """Threads of this process that search, and those that help them. cores: threads that may be busy at once."""

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._busy = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max(1, cores - 1), thread_name_prefix="sparton-search")

    def share(self, work: Callable[[GoOn], _Result], helpers: int) -> list[_Result]:
        """Do some work in this thread, and in up to `helpers` others where cores are idle; return what each gives.

        work: hears of a function that says whether to go on: no longer where a search needs the core, or one has
        failed. Of this thread it is true. Raises what any of them raises.
        """
        helpers = self._take(helpers)
        failed = threading.Event()

        def help_out() -> _Result:
            try:
                forget_thread_at_end()
                return work(lambda: self._busy <= self._cores and not failed.is_set())
            finally:
                self._give_back(1)

        others: list[Future[_Result]] = []
        try:
            others.extend(self._submitted(help_out, helpers))
            found = [work(lambda: True)]
        except BaseException:
            failed.set()
            raise
        finally:
            # One that has not begun has nothing left to do; the others read the index until they end.
            late = sum(other.cancel() for other in others)
            self._give_back(1 + late + helpers - len(others))
            started = [other for other in others if not other.cancelled()]
            for other in started:
                other.exception()
        return found + [other.result() for other in started]

    def _submitted(self, work: Callable[[], _Result], helpers: int) -> Iterator[Future[_Result]]:
        """Each helper. None once the main thread has returned: Python then starts no more, and searches go on alone."""
        try:
            for _ in range(helpers):
                yield self._pool.submit(work)
        except RuntimeError:
            if threading.main_thread().is_alive():
                raise

    def _take(self, helpers: int) -> int:
        """Count this thread as busy, and as many helpers as there are idle cores; return how many those are."""
        with self._lock:
            self._busy += 1
            idle = max(0, min(helpers, self._cores - self._busy))
            self._busy += idle
            return idle

    def _give_back(self, threads: int) -> None:
        with self._lock:
            self._busy -= threads


_lock = threading.Lock()
_shared: IdleCores | None = None


def idle_cores() -> IdleCores:
    """Those of this process, shared by all open indexes."""
    global _shared
    with _lock:
        if _shared is None:
            _shared = IdleCores(cores())
        return _shared
