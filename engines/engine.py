"""Where encoding happens: in this process, on several GPUs with a process for each, or on a Ray cluster."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ..errors import Parameter, UsageError
from ..pipeline.encoding.open_encoder import open_document_encoder
from ..pipeline.options import EncoderOptions
from ..pipeline.parts.collection import Part, write_collection
from ..pipeline.parts.job import Job
from ..pipeline.parts.workers import Workers, on_gpu
from ..pipeline.progress import Progress
from ..storage.manifest import ModelSettings
from ..storage.markers import prepare_collection

if TYPE_CHECKING:
    from .ray_cluster import Cluster


class Engine(Protocol):
    """Encodes one job. settings: how; the same for every process."""

    settings: ModelSettings

    def encode(self, job: Job, progress: Progress) -> Generator[Part, None, None]:
        """The parts of a job, as they are finished. Raises as write_collection."""

    def close(self) -> None:
        """End what runs in the background."""


def open_engine(options: EncoderOptions, cluster: "Cluster | None" = None) -> Engine:
    """Load the model where it shall run.

    The options' device is as Encoder's; or "all" GPUs, or several with commas between; of a cluster "auto", "cuda" or
    "cpu".
    Raises SpartonError and UsageError as Encoder does.
    """
    if cluster:
        from .ray_encoding import RayEngine

        return RayEngine(cluster, options)
    each = [replace(options, device=device) for device in _devices(options.device)]
    if len(each) == 1:
        return OneDevice(each[0])
    from .devices import DeviceProcesses

    return DeviceProcesses(each)


class OneDevice:
    """Encodes in this process."""

    def __init__(self, options: EncoderOptions) -> None:
        self._workers = Workers() if on_gpu(options.device) else None
        try:
            self._encoder = open_document_encoder(options)
        except BaseException:
            self.close()
            raise
        self.settings = self._encoder.settings

    def encode(self, job: Job, progress: Progress) -> Generator[Part, None, None]:
        """The parts of a job, in order."""
        prepare_collection(job.folder, job.generation)
        yield from write_collection(job, self._encoder, progress, workers=self._workers)

    def close(self) -> None:
        """End the processes that help."""
        if self._workers:
            self._workers.close()


def _devices(device: str) -> Sequence[str]:
    if device != "all":
        names = [name.strip() for name in device.split(",")]
        if len(set(names)) < len(names):
            raise UsageError(Parameter("device"), f" is {device!r}; expected each GPU once")
        return names
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["auto"]
