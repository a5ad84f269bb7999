"""Build Lucene indexes on a Ray cluster: LuceneBuild's helpers as actors."""

import os
from typing import Any

import ray

from ..indexer.worker import Finish, Start, Worker
from .ray_cluster import ALWAYS, answer_of


class RayHelper:
    """Answers as Helper does, by an actor that Ray starts again where it was lost.

    The folders must be on a file system that all nodes see. What a lost actor had not committed is missing at the end,
    and LuceneBuild has it indexed then.
    """

    def __init__(self) -> None:
        # No core of its own: it would keep it from encoding while it waits for the next part.
        actor = ray.remote(num_cpus=0, max_restarts=ALWAYS, max_task_retries=ALWAYS, scheduling_strategy="SPREAD")(
            _Indexing
        )
        self._actor: Any = actor.remote()
        self._start: Start | None = None

    def ask(self, request: Any) -> Any:
        """The answer to one request. Raises as `answer_of`."""
        if isinstance(request, Start):
            self._start = request
        answer = answer_of(self._actor.answer.remote(self._start, request))
        if isinstance(request, Finish):
            self._start = None
        return answer

    def close(self) -> None:
        """End the actor."""
        ray.kill(self._actor)

    @property
    def pid(self) -> int:
        """The number of the actor's process, on whichever node it runs."""
        return int(answer_of(self._actor.pid.remote()))


class _Indexing:
    """A Worker that can be asked anything at any time: each request says what was begun."""

    def __init__(self) -> None:
        self._worker = Worker()
        self._started: Start | None = None

    def answer(self, start: Start | None, request: Any) -> Any:
        if start is not None and self._started != start:
            held = self._worker.answer(start)
            self._started = start
            if request == start:
                return held
        answer = self._worker.answer(request)
        if isinstance(request, Finish):
            self._started = None
        return answer

    def pid(self) -> int:
        return os.getpid()
