"""Python processes that handle requests, for work that must not share an interpreter lock or a JVM.

Requests, results, SpartonErrors and OSErrors travel as pickles through the process's standard streams. Unlike
multiprocessing's, such a process never imports the caller's own script.
"""

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from .errors import SpartonError

T = TypeVar("T")


class Worker(Protocol):
    """A process somewhere that handles requests."""

    @property
    def pid(self) -> int:
        """The process's number."""

    def ask(self, request: Any) -> Any:
        """The result of one request."""

    def close(self) -> None:
        """End the process; what it was about to do is not done."""


def command_of(module: str) -> list[str]:
    """The command that runs `module.main()` with what this process can import; arguments may be put behind it."""
    # Not `-m module`: what is pickled there would be of another module, __main__.
    path = [folder for folder in sys.path if folder]  # not the working directory: there may be a json.py in it
    code = f"import sys; sys.path[:] = {path!r}; from {module} import main; main()"
    return [sys.executable, "-P", "-c", code]


class Subprocess:
    """A process that runs `module.main()`, which calls `serve`. It ends when this one does, however that ends."""

    def __init__(self, module: str) -> None:
        # In a group of its own, Ctrl-C does not reach it: its end is ours to choose.
        self._process = subprocess.Popen(
            command_of(module), stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._results = self._process.stdin, self._process.stdout

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def ask(self, request: Any) -> Any:
        """The result of one request. Raises the SpartonError or OSError it met, or one that says how it ended."""
        try:
            pickle.dump(request, self._requests)
            self._requests.flush()
            result = pickle.load(self._results)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            raise SpartonError(f"a process that helps with this {self._end()}") from None
        if isinstance(result, SpartonError | OSError):
            raise result
        return result

    def close(self) -> None:
        """End the process; what it was about to do is not done."""
        with suppress(BrokenPipeError):  # it may have ended already
            self._requests.close()  # at which it ends, and with it the wait of whoever asked
        self._process.wait()
        self._results.close()

    def _end(self) -> str:
        code = self._process.wait()
        if code >= 0:
            return f"ended with exit code {code}; what it had to say stands above, and what was finished is kept"
        name = signal.Signals(-code).name
        why = " (the system kills so when memory runs out)" if -code == signal.SIGKILL else ""
        return f"was killed by {name}{why}; what was finished is kept, so run again, with fewer processes if it recurs"


def ask_all(workers: Sequence[Subprocess], setup: Any, requests: Iterable[tuple[T, Any]]) -> Iterator[tuple[T, Any]]:
    """Results of requests, in order, by several workers, each of which is asked `setup` before all else.

    requests: pairs of something to keep and a request; the pairs that come back have the result instead. At most one
    more than there are workers is on its way. Raises as Subprocess.ask. At the end the workers are closed.
    """
    fresh = set(workers)
    idle: queue.SimpleQueue[Subprocess] = queue.SimpleQueue()
    for worker in workers:
        idle.put(worker)
    waiting: deque[tuple[T, Future[Any]]] = deque()

    def ask(request: Any) -> Any:
        worker = idle.get()
        try:
            if worker in fresh:
                worker.ask(setup)
                fresh.remove(worker)
            return worker.ask(request)
        finally:
            idle.put(worker)  # whatever came of it: another thread may be waiting for one

    with ThreadPoolExecutor(len(workers)) as pool:
        try:
            for kept, request in requests:
                waiting.append((kept, pool.submit(ask, request)))
                while waiting and (len(waiting) > len(workers) or waiting[0][1].done()):
                    done, future = waiting.popleft()
                    yield done, future.result()
            for done, future in waiting:
                yield done, future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.close()  # or those who wait for a result would be waited for


def serve(handle: Callable[[Any], Any]) -> None:
    """Handle requests from the process that started this one until it ends or closes us.

    Standard output is for results alone: whatever else is printed goes to standard error.
    """
    requests = os.fdopen(os.dup(0), "rb")
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def listen() -> None:
        try:
            while True:
                waiting.put(pickle.load(requests))
        except EOFError:
            pass
        finally:
            os._exit(0)  # at once, in the middle of whatever it is

    threading.Thread(target=listen, daemon=True).start()
    while True:
        request = waiting.get()
        try:
            result = handle(request)
        except (SpartonError, OSError) as error:
            result = error
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            result = SpartonError(f"a helping process met {what[:500]}; this is a fault in Sparton, please report it")
        pickle.dump(result, results)
        results.flush()
