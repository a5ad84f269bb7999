"""Where encoding happens: in this process, or on several GPUs with a process for each."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import UsageError
from ..folder import MARKERS
from ..manifest import ModelSettings
from ..processes import cores
from .collection import Part, prepare_collection, write_collection
from .encoders import open_document_encoder
from .job import EncoderOptions, Job
from .progress import Progress

if TYPE_CHECKING:
    from .encoders import DocumentEncoder

_CLAIM = ".claim"


class Engine(Protocol):
    """Encodes a job. settings: how; the same for every process. devices: how many of them."""

    settings: ModelSettings
    devices: int

    def encode(self, job: Job, progress: Progress) -> Iterator[Part]:
        """The parts of a job, as they are finished. Raises as write_collection."""

    def close(self) -> None:
        """End what runs in the background."""


def open_engine(device: str, options: EncoderOptions) -> Engine:
    """Load the model where it shall run.

    device: as Encoder's; or "all" GPUs, or several with commas between.
    Raises SpartonError and UsageError as Encoder does.
    """
    names = _devices(device)
    if len(names) == 1:
        return OneDevice(names[0], options)
    from .device_processes import DeviceProcesses

    return DeviceProcesses(names, options)


class OneDevice:
    """Encodes in this process."""

    devices = 1

    def __init__(self, device: str, options: EncoderOptions) -> None:
        self._encoder = open_document_encoder(device=device, **asdict(options))
        self.settings = self._encoder.settings

    def encode(self, job: Job, progress: Progress) -> Iterator[Part]:
        """The parts of a job, in order."""
        prepare_collection(job.folder)
        yield from write_collection(job, self._encoder, progress, writers=writers_for(self._encoder))

    def close(self) -> None:
        """Nothing runs in the background."""


def writers_for(encoder: "DocumentEncoder", devices: int = 1) -> int:
    """Processes that format and write parts: what a GPU encodes takes two or three, what a CPU does less than one."""
    return 0 if not encoder.on_gpu else max(1, min(4, cores() // 3 // devices))


def claim(folder: Path, number: int) -> bool:
    """Whether this process is the first to want a shard."""
    try:
        os.close(os.open(folder / MARKERS / f"part-{number:05d}{_CLAIM}", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def remove_claims(folder: Path) -> None:
    """Let every shard be claimed again."""
    for path in (folder / MARKERS).glob(f"*{_CLAIM}"):
        with suppress(FileNotFoundError):
            path.unlink()


def _devices(device: str) -> Sequence[str]:
    if device != "all":
        names = [name.strip() for name in device.split(",")]
        if len(set(names)) < len(names):
            raise UsageError(f"--device is {device!r}; expected each GPU once")
        return names
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["auto"]
