"""Queries of requests: encoded together, searched and explained on threads of their own."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import asdict, dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

import anyio
import orjson
from starlette.exceptions import HTTPException

from ..hit_content import facets_content, hit_content
from ..searcher import Searcher
from .access_log import note
from .awaited import fail, settle
from .connections import STOPPING
from .encoding import Encoded, EncodingThread
from .metrics import Metrics

_LAST = 5.0  # seconds that what is under way has when the service ends
# Seconds after a service was told to stop: whoever waits for an answer then is told that there is none; connections
# that are still open are closed, as of clients that take no response, and nobody waits any more for what was begun; and
# what is under way is given up.
ANSWERED, CLOSED, GRACE = 7.0, 8.5, 9
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
        self._under_way: set[Future[Any]] = set()
        self._awaited: set[Future[Any]] = set()
        self._given_up = False

    async def run(self, task: Callable[[], T]) -> T:
        """What a task gives, when a thread has done it. Raises HTTPException (503) once the service stops. Who is
        cancelled waits for a task that was begun, since the index that it reads must stay open."""
        awaited: Future[T] = Future()
        submitted = self._submit(partial(settle, awaited, task))
        submitted.add_done_callback(lambda done: fail(awaited, _stopping()) if done.cancelled() else None)
        (given,) = await self._all([awaited])
        return given

    async def answer(
        self, searcher: Searcher, queries: Sequence[str], k: int, explain: bool, more: Mapping[str, Any]
    ) -> list[bytes]:
        """Of each query, as JSON: its hits, and how long they took. more: what else Searcher.answer takes.

        Raises what that raises, and HTTPException (503) for queries that still wait when the service stops. A query is
        dropped, wherever it waits, once whoever awaits it is cancelled.
        """
        if any(
            more.get(name) for name in ("filters", "facets", "sort")
        ):  # before a model is run: what cannot be meant costs nothing
            await self.run(partial(_check, searcher, more))
        begin = perf_counter()
        asked = _Asked(k, explain, more)
        encoded = [Encoded(searcher, query, explain, partial(self._content, asked, begin)) for query in queries]
        answers = await self._answered(encoded)
        note(k=k, hits=sum(one.hits for one in encoded))
        return answers

    async def encode(self, searcher: Searcher, texts: Sequence[str], *, as_documents: bool = False) -> list[bytes]:
        """The terms of each text, as JSON. They wait as queries do. Raises as terms_each or document_terms_each, and
        HTTPException as `answer`."""
        return await self._answered([Encoded(searcher, text, False, _terms, as_documents) for text in texts])

    async def _answered(self, encoded: Sequence[Encoded]) -> list[bytes]:
        if self._stopped:
            raise _stopping()
        self._encoding.add(encoded)
        return await self._all([one.answered for one in encoded])

    async def _all(self, awaited: "Sequence[Future[T]]") -> list[T]:
        self._awaited.update(awaited)
        try:
            return await asyncio.gather(*map(asyncio.wrap_future, awaited))
        finally:  # where one of them failed, nobody awaits the others
            await _until_done(awaited)
            self._awaited.difference_update(awaited)

    def stop(self) -> None:
        """Tell whoever waits that there will be no answer. What is being encoded or searched for is finished."""
        self._stopped = True
        for query in self._encoding.close():
            query.fail(_stopping())
        self._pool.shutdown(wait=False, cancel_futures=True)

    def give_up(self) -> None:
        """Have nobody wait for what was begun either, as for a model that is being loaded: its threads are left alone.
        For whoever serves, in whose event loop this is called."""
        self._given_up = True
        for awaited in self._awaited:
            fail(awaited, _stopping())

    def close(self) -> None:
        """Finish what was begun, if that takes no longer than a few seconds and was not given up."""
        self.stop()
        if not self._given_up:
            self._encoding.join(_LAST)
            wait_for(list(self._under_way), _LAST)

    def _submit(self, task: Callable[[], T]) -> "Future[T]":
        try:
            future = self._pool.submit(task)
        except RuntimeError:  # the pool was shut down
            if not self._stopped:
                raise
            raise _stopping() from None
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future

    def _search(self, query: Encoded) -> "Future[None]":
        """Have a thread answer a query whose terms are known."""
        future = self._submit(partial(self._settle, query))
        future.add_done_callback(lambda done: query.fail(_stopping()) if done.cancelled() else None)
        return future

    def _settle(self, query: Encoded) -> None:
        if self._stopped:
            query.fail(_stopping())
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
        if answer.reason:
            content["reason"] = answer.reason
        if answer.total is not None:
            content |= facets_content(answer)
        if explain:
            content["terms"] = [
                {"term": term, "impact": impact, "expanded": term not in input_terms}
                for term, impact in answer.terms.items()
            ]
        return orjson.dumps(content)


def _terms(query: Encoded) -> bytes:
    return orjson.dumps(query.terms)


def _stopping() -> HTTPException:
    return HTTPException(503, STOPPING, {"retry-after": "1"})


async def _until_done(futures: Iterable["Future[Any]"]) -> None:
    """Cancel what was not begun, and wait for what was."""
    begun = [asyncio.wrap_future(one) for one in futures if not one.cancel() and not one.done()]
    if begun:
        with anyio.CancelScope(shield=True):
            await asyncio.gather(*begun, return_exceptions=True)


def _check(searcher: Searcher, more: Mapping[str, Any]) -> None:
    searcher.check(more.get("filters", ()), more.get("facets", ()), more.get("sort"))
