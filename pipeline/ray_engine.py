"""Encode on a Ray cluster: slices of the list of shards as tasks, each part yielded as it is finished.

All nodes must see corpus and index folder under the same paths, or by URI. A task that is called again, because its
worker was lost, reads back the parts that have a marker and goes on behind them.
"""

from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from ..errors import UsageError
from ..folder import COLLECTION, MARKERS
from ..manifest import ModelSettings
from ..mirror import Mirror, stand_in
from ..ray_cluster import ALWAYS, Cluster, answer_of
from .collection import Part, prepare_collection, write_collection
from .encoders import open_document_encoder
from .job import EncoderOptions, Job
from .progress import Progress, Work
from .workers import Workers

if TYPE_CHECKING:
    from .encoders import DocumentEncoder

# For each GPU or core, so that fast ones take over from slow ones. Each passes through the corpus once.
SLICES = 4


class RayEngine:
    """An Engine on a cluster. device: "auto", "cuda" for its GPUs, or "cpu".

    Raises SpartonError without such a cluster, UsageError for another device, and as Encoder does.
    """

    def __init__(self, cluster: Cluster, device: str, options: EncoderOptions) -> None:
        if device not in ("auto", "cuda", "cpu"):
            raise UsageError(
                f"--device is {device!r} with --engine ray, which places work itself; expected auto, cuda or cpu"
            )
        if device == "cuda" and not cluster.gpus:
            raise UsageError("--device is 'cuda' and the Ray cluster has no GPU; expected auto or cpu")
        gpu = cluster.gpus > 0 and device != "cpu"
        self._slots = cluster.gpus if gpu else max(1, cluster.cpus)
        # max_calls: a process is used again, and with it the model that it has loaded.
        remote = ray.remote(num_cpus=1, num_gpus=int(gpu), max_retries=ALWAYS, max_calls=0)
        self._encode = remote(_encode_slice)
        self._arguments = ("cuda" if gpu else "cpu", options, cluster.gpus_a_node)
        self.settings: ModelSettings = answer_of(remote(_settings).remote(*self._arguments[:2]))

    def encode(self, job: Job, progress: Progress) -> Iterator[Part]:
        """The parts of a job, as they are finished. Raises as write_collection."""
        prepare_collection(job.folder)
        # Workers have working directories of their own.
        files = tuple(file.absolute() if isinstance(file, Path) else file for file in job.files)
        job = replace(job, folder=job.folder.absolute(), files=files)
        slices = self._slots * SLICES
        running: list[Any] = [self._encode.remote(job, number, slices, *self._arguments) for number in range(slices)]
        try:
            while running:
                ready: Any
                (ready, *_), running = ray.wait(running, num_returns=1, fetch_local=False)
                reference = next(ready, None)
                if reference is None:
                    continue
                running.append(ready)
                part, work = answer_of(reference)
                timing = work.timing * (1 / self._slots)
                progress.add(work.rows - work.kept, kept=work.kept, tokens=work.tokens, timing=timing)
                if part is not None:
                    yield part
        finally:
            for rest in running:
                ray.cancel(rest)

    def close(self) -> None:
        """Nothing runs on."""


@lru_cache(maxsize=1)
def _encoder(device: str, options: EncoderOptions) -> "DocumentEncoder":
    return open_document_encoder(device=device, **asdict(options))


def _settings(device: str, options: EncoderOptions) -> ModelSettings:
    return _encoder(device, options).settings


def _encode_slice(
    job: Job, number: int, slices: int, device: str, options: EncoderOptions, gpus: int
) -> Iterator[tuple[Part | None, Work]]:
    """Every `slices`-th shard from `number` on: each part with what was done since the one before, and None at last."""
    workers = Workers(gpus) if device == "cuda" else None
    progress = Progress()

    def ours(shard: int) -> bool:
        return shard % slices == number

    try:
        encoder = _encoder(device, options)
        if job.mirror:  # each node has a folder of its own that stands for it
            job = replace(job, folder=stand_in(job.mirror, "built"))
            for name in (COLLECTION, MARKERS):
                (job.folder / name).mkdir(parents=True, exist_ok=True)
        mirror = Mirror(job.folder, job.mirror)
        mirror.get_parts(ours)
        for part in write_collection(job, encoder, progress, workers=workers, take=ours):
            mirror.put_part(part.path)
            yield part, progress.take()
        yield None, progress.take()
    finally:
        if workers:
            workers.close()
