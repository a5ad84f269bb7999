"""The engine of this machine: this process encodes, or one for each of several devices."""

import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from ..indexer.build import start_worker
from ..pipeline.encoding.open_encoder import open_document_encoder
from ..pipeline.options import EncoderOptions
from ..pipeline.parts.collection import Part, write_collection
from ..pipeline.parts.job import Job
from ..pipeline.parts.workers import CpuWorkers, on_gpu
from ..pipeline.progress import Progress
from ..processes import Worker
from ..storage.index_location import IndexLocation
from .engine import Engine

log = logging.getLogger("sparton")


def open_local(options: EncoderOptions) -> Engine:
    """Load the model on the options' device: as Encoder's; or "all" GPUs, or several with commas between.

    Raises SpartonError and UsageError as Encoder does.
    """
    each = [replace(options, device=device) for device in _devices(options.device)]
    if len(each) == 1:
        return OneDevice(each[0])
    from .devices import DeviceProcesses

    return DeviceProcesses(each)


class OneDevice:
    """An Engine that encodes in this process."""

    local = True

    def __init__(self, options: EncoderOptions) -> None:
        self._workers = CpuWorkers() if on_gpu(options.device) else None
        try:
            self._encoder = open_document_encoder(options)
        except BaseException:
            self.close()
            raise
        self.settings = self._encoder.settings

    def encode(self, job: Job, progress: Progress) -> Generator[Part, None, None]:
        """The parts of a job, in order. Raises as write_collection."""
        yield from write_collection(job, self._encoder, progress, workers=self._workers)

    def indexer(self, location: IndexLocation) -> Callable[[], Worker]:
        """Processes of this machine index."""
        return start_worker

    def close(self) -> None:
        """End the processes that help."""
        if self._workers:
            self._workers.close()


def _devices(device: str) -> Sequence[str]:
    if device != "all":
        return [name.strip() for name in device.split(",")]
    import torch

    every = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    if not every:
        log.warning("all GPUs are asked for, and PyTorch finds none: the CPU encodes")
    return every or ["cpu"]
