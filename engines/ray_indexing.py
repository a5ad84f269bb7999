"""Build Lucene indexes on a Ray cluster: LuceneBuild's workers as actors."""

import os
from typing import Any

import ray

from ..indexer.worker import Finish, LuceneWorker, Start
from .ray_cluster import ALWAYS, result_of


class RayWorker:
    """A Worker by an actor that Ray starts again where it was lost.

    The folders must be on a file system that all nodes see. What a lost actor had not committed is missing at the end,
    and LuceneBuild has it indexed then.
    """

    def __init__(self) -> None:
        # No core of its own: it would keep it from encoding while it waits for the next part.
        actor = ray.remote(num_cpus=0, max_restarts=ALWAYS, max_task_retries=ALWAYS, scheduling_strategy="SPREAD")(
            IndexingActor
        )
        self._actor: Any = actor.remote()
        self._start: Start | None = None

    def ask(self, request: Any) -> Any:
        """The result of one request. Raises as `result_of`."""
        if isinstance(request, Start):
            self._start = request
        result = result_of(self._actor.handle.remote(self._start, request))
        if isinstance(request, Finish):
            self._start = None
        return result

    def close(self) -> None:
        """End the actor."""
        ray.kill(self._actor)

    @property
    def pid(self) -> int:
        """The number of the actor's process, on whichever node it runs."""
        return int(result_of(self._actor.pid.remote()))


class IndexingActor:
    """A LuceneWorker that can be asked anything at any time: each request says what was begun."""

    def __init__(self) -> None:
        self._worker = LuceneWorker()
        self._started: Start | None = None

    def handle(self, start: Start | None, request: Any) -> Any:
        if start is not None and self._started != start:
            indexed = self._worker.handle(start)
            self._started = start
            if request == start:
                return indexed
        result = self._worker.handle(request)
        if isinstance(request, Finish):
            self._started = None
        return result

    def pid(self) -> int:
        return os.getpid()
