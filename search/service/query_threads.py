"""Queries of requests: encoded together, searched and explained on threads of their own."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

import orjson
from starlette.exceptions import HTTPException

from ..hit_content import facets_content, hit_content
from ..searcher import Searcher
from .access_log import note
from .encoding import Encoded, EncodingThread
from .metrics import Metrics

STOPPING = "the service is stopping; try again in a second"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request asks of each of its queries. more: what else Searcher.answer takes."""

    k: int
    explain: bool
    more: Mapping[str, Any]


class QueryThreads:
    """Encodes and searches on threads of its own: all queries that wait are encoded together, by one thread, and each
    is searched for by one of `threads`."""

    def __init__(self, threads: int, metrics: Metrics) -> None:
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="search")
        self._encoding = EncodingThread(self._search, metrics)
        self._stopped = False

    async def run(self, task: Callable[[], T]) -> T:
        """What a task gives, when a thread has done it."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, task)

    async def answer(
        self, searcher: Searcher, queries: Sequence[str], k: int, explain: bool, more: Mapping[str, Any]
    ) -> list[bytes]:
        """Of each query, as JSON: its hits, and how long they took. more: what else Searcher.answer takes.

        Raises what that raises, and HTTPException (503) for queries that still wait when the service stops. A query is
        dropped, wherever it waits, once whoever awaits it is cancelled.
        """
        if any(more.values()):  # before a model is run: what cannot be meant costs nothing
            await self.run(partial(_check, searcher, more))
        if self._stopped:
            raise HTTPException(503, STOPPING, {"retry-after": "1"})
        begin = perf_counter()
        asked = _Asked(k, explain, more)
        encoded = [Encoded(searcher, query, explain, partial(self._content, asked, begin)) for query in queries]
        self._encoding.add(encoded)
        try:
            answers = await asyncio.gather(*(asyncio.wrap_future(one.answered) for one in encoded))
        finally:
            for one in encoded:  # where one of them failed, nobody awaits the others
                one.answered.cancel()
        note(k=k, hits=sum(one.hits for one in encoded))
        return answers

    def stop(self) -> None:
        """Tell whoever waits that there will be no answer. What is being encoded or searched for is finished."""
        self._stopped = True
        for query in self._encoding.close():
            query.fail(HTTPException(503, STOPPING, {"retry-after": "1"}))

    def close(self) -> None:
        """Finish what was begun."""
        self.stop()
        self._encoding.join()
        self._pool.shutdown()

    def _search(self, query: Encoded) -> "Future[None]":
        """Have a thread answer a query whose terms are known."""
        return self._pool.submit(self._settle, query)

    def _settle(self, query: Encoded) -> None:
        if self._stopped:
            query.fail(HTTPException(503, STOPPING, {"retry-after": "1"}))
        elif not query.settle():
            self._metrics.add_abandoned()

    def _content(self, asked: _Asked, begin: float, query: Encoded) -> bytes:
        answer = query.searcher.answer(query.text, asked.k, terms=query.terms, **asked.more)
        seconds = replace(answer.seconds, encode=query.seconds - begin)
        hits, explain, input_terms = answer.hits, asked.explain, query.input_terms
        query.hits = len(hits)
        matches = query.searcher.explain(answer.terms, hits) if explain else [None] * len(hits)
        self._metrics.add_query(seconds)
        content = {
            "query": query.text,
            "hits": [hit_content(hit, matched, input_terms) for hit, matched in zip(hits, matches, strict=True)],
            "milliseconds": {part: 1000 * spent for part, spent in asdict(seconds).items()},
        }
        if answer.total is not None:
            content |= facets_content(answer)
        if explain:
            content["terms"] = [
                {"term": term, "impact": impact, "expanded": term not in input_terms}
                for term, impact in answer.terms.items()
            ]
        return orjson.dumps(content)


def _check(searcher: Searcher, more: Mapping[str, Any]) -> None:
    searcher.check(more.get("filters", ()), more.get("facets", ()), more.get("sort"))
