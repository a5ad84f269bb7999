"""Encode on several GPUs of one host: a process for each, all with the same model, which take shards from one list."""

import os
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..indexer.build import start_worker
from ..pipeline.encoding.open_encoder import open_document_encoder
from ..pipeline.options import EncoderOptions
from ..pipeline.parts.collection import Part, write_collection
from ..pipeline.parts.job import Job
from ..pipeline.parts.workers import CpuWorkers, on_gpu
from ..pipeline.progress import Progress, Work
from ..processes import Subprocess, Worker, serve
from ..storage.index_folder import MARKERS, part_path
from ..storage.index_location import IndexLocation
from ..storage.manifest import ModelSettings

if TYPE_CHECKING:
    from ..pipeline.encoding.open_encoder import DocumentEncoder

_MODULE = "sparton.engines.devices"
_CLAIM = ".claim"


@dataclass(frozen=True, slots=True)
class _Load:
    """Load the model, as one of `devices` processes. Returns its settings."""

    options: EncoderOptions
    devices: int


@dataclass(frozen=True, slots=True)
class _Begin:
    """Begin a job. Returns None."""

    job: Job


@dataclass(frozen=True, slots=True)
class _Next:
    """Returns the next part, or None after the last, and what was done since the last result."""


@dataclass(frozen=True, slots=True)
class _Done:
    part: Part | None
    work: Work


class DeviceProcesses:
    """An Engine on several devices. each: the options of each. Raises as Encoder when it is made."""

    local = True

    def __init__(self, each: Sequence[EncoderOptions]) -> None:
        self._processes = [Subprocess(_MODULE) for _ in each]
        try:
            with ThreadPoolExecutor(len(each)) as pool:
                loads = [_Load(options, len(each)) for options in each]
                every = list(pool.map(lambda process, load: process.ask(load), self._processes, loads))
        except BaseException:
            self.close()
            raise
        self.settings: ModelSettings = every[0]

    def encode(self, job: Job, progress: Progress) -> Generator[Part, None, None]:
        """The parts of a job, as they are finished. Raises as write_collection."""
        _remove_claims(job.folder)
        results: queue.SimpleQueue[_Done | BaseException] = queue.SimpleQueue()

        def drive(process: Subprocess) -> None:
            try:
                process.ask(_Begin(job))
                while (done := process.ask(_Next())).part is not None:
                    results.put(done)
                results.put(done)
            except BaseException as error:  # whatever it is, it is raised where the parts are wanted
                results.put(error)

        for process in self._processes:
            threading.Thread(target=drive, args=(process,), daemon=True).start()
        running = len(self._processes)
        while running:
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            progress.add_share(result.work, len(self._processes))
            if result.part is None:
                running -= 1
            else:
                yield result.part
        _remove_claims(job.folder)

    def indexer(self, location: IndexLocation) -> Callable[[], Worker]:
        """Processes of this machine index."""
        return start_worker

    def close(self) -> None:
        """End the processes; a shard in flight is lost."""
        for process in self._processes:
            process.close()


class _DeviceWorker:
    """What a process handles."""

    def __init__(self) -> None:
        self._encoder: DocumentEncoder | None = None
        self._workers: CpuWorkers | None = None
        self._parts: Iterator[Part] = iter(())
        self._progress = Progress()

    def handle(self, request: _Load | _Begin | _Next) -> ModelSettings | _Done | None:
        match request:
            case _Load(options, devices):
                self._workers = CpuWorkers(devices) if on_gpu(options.device) else None
                self._encoder = open_document_encoder(options)
                return self._encoder.settings
            case _Begin(job):
                assert self._encoder is not None
                self._parts = write_collection(
                    job,
                    self._encoder,
                    self._progress,
                    workers=self._workers,
                    take=lambda number: _claim(job.folder, number),
                )
                return None
            case _Next():
                part = next(self._parts, None)
                return _Done(part, self._progress.pop_work())


def main() -> None:
    """What the process runs."""
    serve(_DeviceWorker().handle)


def _claim(folder: Path, number: int) -> bool:
    """Whether this process is the first to want a shard."""
    try:
        os.close(os.open(folder / MARKERS / f"{part_path(folder, number).stem}{_CLAIM}", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _remove_claims(folder: Path) -> None:
    """Let every shard be claimed again."""
    for path in (folder / MARKERS).glob(f"*{_CLAIM}"):
        path.unlink(missing_ok=True)
