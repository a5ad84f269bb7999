"""An open index as a small HTTP service: JSON for programs, one page for people."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.resources import files
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from ..show import hit_content
from .limits import BoundedRequests
from .metrics import Metrics
from .searcher import Searcher

T = TypeVar("T")
MOST_LETTERS, MOST_QUERIES, MOST_BYTES = 4_096, 64, 2**20
_Text = Annotated[str, Field(max_length=MOST_LETTERS)]


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """most_k: hits that a query may ask for. threads: searches at once. waiting: requests at once, those that wait for
    a thread included; more are told to come back (503)."""

    most_k: int = 1_000
    threads: int = 2
    waiting: int = 256


class Batch(BaseModel):
    """The body of POST /search."""

    model_config = ConfigDict(extra="forbid")
    queries: Annotated[list[_Text], Field(min_length=1, max_length=MOST_QUERIES)]
    k: int = 10
    explain: bool = False


def make_app(searcher: Searcher, options: ServiceOptions = ServiceOptions()) -> FastAPI:
    """GET and POST /search, /health, /metrics, and a page at /. Whoever calls this closes `searcher`."""
    metrics = Metrics()
    answers = _Answers(searcher, options.threads, metrics)
    page = files(__package__).joinpath("page.html").read_text(encoding="utf-8")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        answers.close()

    app = FastAPI(title="Sparton", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(BoundedRequests, most_bytes=MOST_BYTES, most_waiting=options.waiting, metrics=metrics)

    @app.exception_handler(RequestValidationError)
    async def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
        # FastAPI's own answer repeats the input, which may be long, or no text at all.
        found = [f"{'.'.join(map(str, one['loc'][1:])) or one['loc'][0]}: {one['msg']}" for one in error.errors()]
        return JSONResponse({"detail": "; ".join(found)}, 422)

    def checked(k: int) -> int:
        if not 1 <= k <= options.most_k:
            raise HTTPException(422, f"k is {k}; expected 1 to {options.most_k}")
        return k

    @app.get("/search")
    async def search(
        q: Annotated[str, Query(max_length=MOST_LETTERS)], k: int = 10, explain: bool = False
    ) -> dict[str, Any]:
        checked(k)
        return await answers.run(partial(answers.answer, q, k, explain))

    @app.post("/search")
    async def search_batch(batch: Batch) -> dict[str, Any]:
        checked(batch.k)
        # Each query on a thread of its own, so that a batch keeps nobody else waiting for all of it.
        tasks = [answers.run(partial(answers.answer, query, batch.k, batch.explain)) for query in batch.queries]
        return {"results": await asyncio.gather(*tasks)}

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "documents": len(searcher)}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def show_metrics() -> str:
        return metrics.text()

    @app.get("/", response_class=HTMLResponse)
    async def show_page() -> str:
        return page

    return app


class _Answers:
    """Encodes and searches on threads of its own."""

    def __init__(self, searcher: Searcher, threads: int, metrics: Metrics) -> None:
        self._searcher = searcher
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="search")

    async def run(self, task: Callable[[], T]) -> T:
        """What a task gives, when a thread has done it."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, task)

    def answer(self, query: str, k: int, explain: bool) -> dict[str, Any]:
        """A query's hits, and how long they took."""
        answer = self._searcher.answer(query, k)
        own = self._searcher.own_terms(query) if explain else frozenset[str]()
        matches = self._searcher.explain(answer.terms, answer.hits) if explain else [None] * len(answer.hits)
        self._metrics.add_query(answer.seconds)
        content = {
            "query": query,
            "hits": [hit_content(hit, matched, own) for hit, matched in zip(answer.hits, matches, strict=True)],
            "milliseconds": {part: 1000 * seconds for part, seconds in asdict(answer.seconds).items()},
        }
        if explain:
            content["terms"] = [
                {"term": term, "impact": impact, "expanded": term not in own} for term, impact in answer.terms.items()
            ]
        return content

    def close(self) -> None:
        """Finish what was begun."""
        self._pool.shutdown()
