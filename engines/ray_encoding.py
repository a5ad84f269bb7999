"""Encode on a Ray cluster: an actor for each GPU or core, and slices of the list of shards for them.

All nodes must see corpus and index folder under the same paths, or by URI. A call that is repeated, because its actor
was lost and started again, reads back the parts that have a marker and goes on behind them.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from ..errors import Parameter, SpartonError, UsageError
from ..indexer.build import start_worker
from ..pipeline.corpus.file_state import portable_state
from ..pipeline.encoding.open_encoder import open_document_encoder
from ..pipeline.options import EncoderOptions, EncodingOptions
from ..pipeline.parts.collection import Part, write_collection
from ..pipeline.parts.job import Job
from ..pipeline.parts.workers import CpuWorkers
from ..pipeline.progress import Progress, Work
from ..processes import Worker
from ..storage.index_location import IndexLocation, index_location
from ..storage.manifest import ModelSettings
from ..storage.staging import staging_folder
from .engine import Engine
from .ray_cluster import ALWAYS, Cluster, result_of
from .ray_indexing import RayWorker

if TYPE_CHECKING:
    from ..pipeline.encoding.open_encoder import DocumentEncoder

# Slices for each actor, so that fast ones take over from slow ones. Each is a pass through the corpus; on a GPU it also
# starts the processes around the encoder, which is worth it for so many rows.
_SLICES, _GPU_ROWS = 4, 2**19


def open_ray(options: EncodingOptions) -> Engine:
    """Connect to the cluster at the options' address, and have its nodes load the model. Raises as Cluster and
    RayEngine do."""
    cluster = Cluster(options.address)
    try:
        return RayEngine(cluster, options)
    except BaseException:
        cluster.close()
        raise


class RayEngine:
    """An Engine on a cluster, which it closes at its end. The options' device: "auto", "cuda" for its GPUs, or "cpu".

    Raises SpartonError without a GPU or core, UsageError without a GPU that is asked for, and as Encoder does.
    """

    local = False

    def __init__(self, cluster: Cluster, options: EncoderOptions) -> None:
        device = options.device
        if device == "cuda" and not cluster.gpus:
            raise UsageError(Parameter("device"), " is 'cuda' and the Ray cluster has no GPU; expected auto or cpu")
        self._cluster = cluster
        self._gpu = cluster.gpus > 0 and device != "cpu"
        count = cluster.gpus if self._gpu else cluster.cpus
        if not count:
            raise SpartonError("the Ray cluster has neither a GPU nor a core to encode on; add nodes to it")
        if Path(options.model).is_dir():  # actors have working directories of their own
            options = replace(options, model=str(Path(options.model).resolve()))
        if options.query_model is not None and Path(options.query_model).is_dir():
            options = replace(options, query_model=str(Path(options.query_model).resolve()))
        remote = ray.remote(num_cpus=1, num_gpus=int(self._gpu), max_restarts=ALWAYS, max_task_retries=ALWAYS)
        options = replace(options, device="cuda" if self._gpu else "cpu")
        self._actors: list[Any] = [remote(EncodingActor).remote(options, cluster.gpus_a_node) for _ in range(count)]
        # All load the model; who is placed first says how, and the others may still wait for a place.
        self._loading: dict[Any, Any] = {actor.settings.remote(): actor for actor in self._actors}
        try:
            (first, *_), _ = ray.wait(list(self._loading), num_returns=1)
            self.settings: ModelSettings = result_of(first)
        except BaseException:
            self._kill_actors()
            raise

    def encode(self, job: Job, progress: Progress) -> Generator[Part, None, None]:
        """The parts of a job, as they are finished. Raises as write_collection, and for nodes that encode otherwise."""
        files = tuple(file.absolute() if isinstance(file, Path) else file for file in job.files)
        states = tuple(map(portable_state, job.states))
        job = replace(job, folder=job.folder.absolute(), files=files, states=states)
        shards, actors = job.shards, len(self._actors)
        most = max(1, min(_SLICES, job.rows // (actors * _GPU_ROWS))) if self._gpu else _SLICES
        count = min(shards, actors * most)
        slices = deque((number, count) for number in range(count))
        seen: set[str] = set()
        while slices:
            for part, work in self._encode(job, slices):
                progress.add_share(work, actors)
                # A call that was repeated may give what was finished before in another order.
                if part is not None and part.path.name not in seen:
                    seen.add(part.path.name)
                    yield part
            if len(seen) < shards:
                slices.append((0, 1))  # all of it is finished, and is only told once more

    def _encode(self, job: Job, slices: deque[tuple[int, int]]) -> Iterator[tuple[Part | None, Work]]:
        """What the actors give, each of which gets a slice when it is ready for one."""
        running: dict[Any, Any] = {}

        def hand_out(actor: Any) -> None:
            if slices:
                call = actor.encode.options(num_returns="streaming")
                running[call.remote(job, *slices.popleft())] = actor
            elif len(self._actors) > 1:
                self._actors.remove(actor)
                ray.kill(actor)  # one that was lost may want its place

        while running or slices:
            if not self._loading and not running:
                hand_out(self._actors[0])
            ready: Any
            (ready, *_), _ = ray.wait([*running, *self._loading], num_returns=1, fetch_local=False)
            if ready in self._loading:
                if (settings := result_of(ready)) != self.settings:
                    raise SpartonError(
                        f"the nodes of the cluster encode differently ({settings} and {self.settings}); give ",
                        Parameter("dtype"),
                        " and ",
                        Parameter("revision"),
                        ", and the same model everywhere",
                    )
                hand_out(self._loading.pop(ready))
                continue
            reference = next(ready, None)
            if reference is None:
                hand_out(running.pop(ready))
            else:
                yield result_of(reference)

    def indexer(self, location: IndexLocation) -> Callable[[], Worker]:
        """The nodes index, unless the index is at a URI: they do not see the local folder that it is built in."""
        return start_worker if location.uri else RayWorker

    def close(self) -> None:
        """End the actors, and leave the cluster; shards in flight are lost."""
        self._kill_actors()
        self._cluster.close()

    def _kill_actors(self) -> None:
        for actor in self._actors:
            ray.kill(actor)


class EncodingActor:
    """What runs on a GPU or core. gpus: how many a node has, which share its other cores."""

    def __init__(self, options: EncoderOptions, gpus: int) -> None:
        self._options, self._gpus = options, gpus
        self._encoder: DocumentEncoder | None = None

    def settings(self) -> ModelSettings:
        """How the model encodes."""
        return self._loaded().settings

    def encode(self, job: Job, number: int, slices: int) -> Iterator[tuple[Part | None, Work]]:
        """Every `slices`-th shard from `number` on: parts, and what was done since the last one; None at the end."""
        workers = CpuWorkers(self._gpus) if self._options.device == "cuda" else None
        progress = Progress()

        def ours(shard: int) -> bool:
            return shard % slices == number

        try:
            if job.uri:  # each node has a local folder of its own
                job = replace(job, folder=staging_folder(job.uri, "built"))
            location = index_location(job.folder, job.uri)
            location.join(job.generation)
            location.get_parts(job.generation, ours)
            for part in write_collection(job, self._loaded(), progress, workers=workers, take=ours):
                location.put_part(part.path)
                yield part, progress.pop_work()
            yield None, progress.pop_work()
        finally:
            if workers:
                workers.close()

    def _loaded(self) -> "DocumentEncoder":
        # Not when it is made: Ray tells less of what is raised then.
        if self._encoder is None:
            self._encoder = open_document_encoder(self._options)
        return self._encoder
