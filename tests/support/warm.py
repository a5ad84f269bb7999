"""What a build starts anew each time, kept ready for tests to which the build is a means."""

import os
import threading
from dataclasses import replace
from functools import lru_cache

import pytest
from support.remembered import Remembered

from sparton.engines import local
from sparton.indexer import build
from sparton.indexer.worker import Finish, Hash, Index, Join, Read, Start
from sparton.machine import cores
from sparton.options import values_for
from sparton.pipeline.encoding.encoder import Encoder
from sparton.pipeline.model import open_model
from sparton.pipeline.model.files import find_model
from sparton.pipeline.options import DEFAULT_MODEL, EncoderOptions
from sparton.processes import Subprocess
from sparton.search import bm25_build
from sparton.search.first_pass import seismic_build

_MODULE = "support.warm_worker"
# Variables that a process which indexes does not read: of pytest, of object stores, of the hub and of our commands.
_NOT_READ = ("PYTEST_", "AWS_", "HF_", "SPARTON_")


class WarmProcesses:
    """Processes that run a module, each with its Java running: at most as many as two builds of other heaps take,
    those that were used last.

    A process serves the next build if it would be started alike then (heap, environment; the working directory is
    nothing to it, for all paths that it is given are absolute), and if the last build left it idle: with its folder
    closed, and no request that was refused or not responded to.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._ready: list[tuple[object, Subprocess]] = []
        self._lock = threading.Lock()

    def take(self, kind: object) -> Subprocess:
        """One that is ready, or a new one."""
        with self._lock:
            for entry in reversed(self._ready):
                if entry[0] == kind:
                    self._ready.remove(entry)
                    return entry[1]
        return Subprocess(self._module)

    def give_back(self, kind: object, process: Subprocess) -> None:
        """Keep one for the next build."""
        with self._lock:
            self._ready.append((kind, process))
            most = 2 * cores()
            surplus = self._ready[:-most]
            del self._ready[:-most]
        for _, other in surplus:
            other.close()

    def close(self) -> None:
        """End all that are idle."""
        while self._ready:
            self._ready.pop()[1].close()


class WarmProcess:
    """Answers as the process that a build would start. It is chosen at the first request."""

    def __init__(self, pool: WarmProcesses) -> None:
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
            self._kind = (_heap(request), _environment())
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
    """What this process uses while it is patched in: processes that are ready for builds, and models that are loaded.

    Only the default model on the CPU is kept, for builds with what encodes by it, and with the weights of batches that
    a build had before; any other is loaded as ever.
    """

    def __init__(self) -> None:
        self._indexers, self._seismic = WarmProcesses(_MODULE), WarmProcesses(seismic_build._MODULE)
        self._bm25 = WarmProcesses(bm25_build._MODULE)
        self._load = local.open_document_encoder
        self._loaded, self._remembered = lru_cache(8)(self._open), lru_cache(8)(Remembered)
        self._folder, self._load_model = find_model(DEFAULT_MODEL).folder, open_model._load
        self._loaded_model = lru_cache(8)(self._load_model)

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        """Have builds use them."""
        patch.setattr(build, "Subprocess", lambda module: WarmProcess(self._indexers))
        patch.setattr(seismic_build, "Subprocess", lambda module: WarmProcess(self._seismic))
        patch.setattr(bm25_build, "Subprocess", lambda module: WarmProcess(self._bm25))
        patch.setattr(local, "open_document_encoder", self._opened)
        patch.setattr(open_model, "_load", self._model)

    def undo(self, patch: pytest.MonkeyPatch) -> None:
        """Have builds use neither."""
        patch.setattr(build, "Subprocess", Subprocess)
        patch.setattr(seismic_build, "Subprocess", Subprocess)
        patch.setattr(bm25_build, "Subprocess", Subprocess)
        patch.setattr(local, "open_document_encoder", self._load)
        patch.setattr(open_model, "_load", self._load_model)

    def close(self) -> None:
        """End the processes."""
        self._indexers.close()
        self._seismic.close()
        self._bm25.close()

    def _opened(self, options):
        if options.model != DEFAULT_MODEL or options.device not in ("auto", "cpu"):
            return self._load(options)
        return self._loaded(EncoderOptions(**values_for(EncoderOptions, options)))

    def _open(self, options):
        opened = open_model.open_documents(options)
        return Encoder(replace(opened, model=self._remembered(opened.model)), options=options)

    def _model(self, files, runtime):
        is_kept = files.folder.is_relative_to(self._folder) and runtime.device in ("auto", "cpu")
        return (self._loaded_model if is_kept else self._load_model)(files, runtime)
