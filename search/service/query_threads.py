"""Queries of requests: encoded, searched and explained on threads of their own."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, TypeVar

from ..hit_content import facets_content, hit_content
from ..searcher import Searcher
from .metrics import Metrics

T = TypeVar("T")


class QueryThreads:
    """Encodes and searches on threads of its own."""

    def __init__(self, threads: int, metrics: Metrics) -> None:
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="search")

    async def run(self, task: Callable[[], T]) -> T:
        """What a task gives, when a thread has done it."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, task)

    def answer(self, searcher: Searcher, query: str, k: int, explain: bool, more: Mapping[str, Any]) -> dict[str, Any]:
        """A query's hits, and how long they took. more: what else Searcher.answer takes."""
        answer = searcher.answer(query, k, **more)
        input_terms = searcher.input_terms(query) if explain else frozenset[str]()
        matches = searcher.explain(answer.terms, answer.hits) if explain else [None] * len(answer.hits)
        self._metrics.add_query(answer.seconds)
        content = {
            "query": query,
            "hits": [hit_content(hit, matched, input_terms) for hit, matched in zip(answer.hits, matches, strict=True)],
            "milliseconds": {part: 1000 * seconds for part, seconds in asdict(answer.seconds).items()},
        }
        if answer.total is not None:
            content |= facets_content(answer)
        if explain:
            content["terms"] = [
                {"term": term, "impact": impact, "expanded": term not in input_terms}
                for term, impact in answer.terms.items()
            ]
        return content

    def close(self) -> None:
        """Finish what was begun."""
        self._pool.shutdown()
