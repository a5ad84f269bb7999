"""What a build starts anew each time, kept ready for tests to which the build is a means."""

import os
import threading
from functools import lru_cache

import pytest

from sparton.engines import local
from sparton.indexer import build
from sparton.indexer.worker import Finish, Hash, Index, Join, Read, Start
from sparton.machine import cores
from sparton.options import values_for
from sparton.pipeline.options import EncoderOptions
from sparton.processes import Subprocess

_MODULE = "support.warm_worker"
# Variables that a process which indexes does not read: of pytest, of object stores, of the hub and of our commands.
_NOT_READ = ("PYTEST_", "AWS_", "HF_", "SPARTON_")


class WarmIndexers:
    """Processes that index, each with its Java running: at most as many as a build takes, those that were used last.

    A process serves the next build if it would be started alike then (heap, working directory, environment), and if the
    last build left it idle: with its folder closed, and no request that was refused or not responded to.
    """

    def __init__(self) -> None:
        self._ready: list[tuple[object, Subprocess]] = []
        self._lock = threading.Lock()

    def take(self, kind: object) -> Subprocess:
        """One that is ready, or a new one."""
        with self._lock:
            for entry in reversed(self._ready):
                if entry[0] == kind:
                    self._ready.remove(entry)
                    return entry[1]
        return Subprocess(_MODULE)

    def give_back(self, kind: object, process: Subprocess) -> None:
        """Keep one for the next build."""
        with self._lock:
            self._ready.append((kind, process))
            surplus = self._ready[: -cores()]
            del self._ready[: -cores()]
        for _, other in surplus:
            other.close()

    def close(self) -> None:
        """End all that are idle."""
        while self._ready:
            self._ready.pop()[1].close()


class WarmIndexer:
    """Answers as the process that LuceneBuild would start. Its process is chosen at the first request."""

    def __init__(self, pool: WarmIndexers) -> None:
        self._pool, self._lock = pool, threading.Lock()
        self._process: Subprocess | None = None
        self._kind: object = None
        self._at_work = self._open = self._closed = False

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._taken(None).pid

    def ask(self, request):
        """The result of one request. Raises as Subprocess.ask."""
        with self._lock:
            if self._closed:
                raise ValueError("the process was closed")
            process = self._taken(request)
            self._at_work = True
            self._open |= isinstance(request, Start)
        result = process.ask(request)  # where it raises, the process stays at work, and is not kept
        with self._lock:
            self._open &= not isinstance(request, Finish)
            self._at_work = False
        return result

    def close(self) -> None:
        """Hand the process back, or end it in the midst of its work."""
        with self._lock:
            self._closed = True
            process, idle = self._process, not self._at_work and not self._open
        if process is None:
            return
        if idle:
            self._pool.give_back(self._kind, process)
        else:
            process.close()

    def _taken(self, request) -> Subprocess:
        if self._process is None:
            self._kind = (_heap(request), os.getcwd(), _environment())
            self._process = self._pool.take(self._kind)
        return self._process


def _heap(request) -> int | None:
    """What the JVM would be started with; nothing, if by none of these."""
    match request:
        case Start() | Read() | Join():
            return request.plan.heap_mb
        case Index() | Hash() | None:
            return None


def _environment():
    return frozenset((name, value) for name, value in os.environ.items() if not name.startswith(_NOT_READ))


class WarmBuilds:
    """What builds of this process use while it is patched in: processes that are ready, and models that are loaded.

    Only the embedded model on the CPU is kept; any other is loaded as ever.
    """

    def __init__(self) -> None:
        self._indexers = WarmIndexers()
        self._load = local.open_document_encoder
        self._loaded = lru_cache(8)(self._load)

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        """Have builds use them."""
        patch.setattr(build, "Subprocess", lambda module: WarmIndexer(self._indexers))
        patch.setattr(local, "open_document_encoder", self._opened)

    def undo(self, patch: pytest.MonkeyPatch) -> None:
        """Have builds use neither."""
        patch.setattr(build, "Subprocess", Subprocess)
        patch.setattr(local, "open_document_encoder", self._load)

    def close(self) -> None:
        """End the processes."""
        self._indexers.close()

    def _opened(self, options):
        if options.model != "tiny" or options.device not in ("auto", "cpu"):
            return self._load(options)
        return self._loaded(EncoderOptions(**values_for(EncoderOptions, options)))
