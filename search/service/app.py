"""An open index as a small HTTP service: JSON for programs, one page for people."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as HTTPStatusError
from starlette.routing import Route

from ...errors import UsageError, listed, short
from ..searcher import Searcher
from .access_log import AccessLog, note
from .cors import Cors
from .current import CurrentSearcher
from .hosts import Hosts
from .keys import Keys, RequireKey
from .limits import BoundedRequests, KnownHosts
from .metrics import CONTENT_TYPE, Metrics
from .page import page, security_headers
from .query_threads import QueryThreads

if TYPE_CHECKING:
    from .mcp import Endpoint

MOST_LETTERS, MOST_QUERIES, MOST_BYTES = 4_096, 64, 2**20
MOST_NAMES = 32  # filters, or facets, of a request
DEFAULT = "index"  # the name of an index that was given none
GENERATION = "Sparton-Generation"  # a header of responses
_QUOTED = 100  # letters of what a client sent, in what it is told
_TOLD = 5  # faults of a request, likewise
_PAGE = 10  # hits of the page
_ONCE, _SEVERAL = ("q", "k", "explain", "sort", "offset"), ("filter", "facet")  # parameters of GET /search
_Text = Annotated[str, Field(max_length=MOST_LETTERS)]
_Texts = Annotated[list[_Text], Field(max_length=MOST_NAMES)]


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """most_k: hits that a query may ask for. most_offset: hits that it may pass over. threads: searches at once.
    waiting: requests at once, those that wait for a thread included; more are told to come back (503). hosts: names
    that requests may be for, besides those of the loopback; * for all. image_hosts: from which the page shows pictures,
    besides its own. keys: of which requests must have one. cors_origins: of pages that may read responses, as
    cors_origins gives them. access_log: a line on stderr for each request. mcp: whether agents are served, at /mcp."""

    most_k: int = 1_000
    most_offset: int = 10_000
    threads: int = 2
    waiting: int = 256
    hosts: tuple[str, ...] = ()
    image_hosts: tuple[str, ...] = ()
    keys: Keys | None = None
    cors_origins: tuple[str, ...] = ()
    access_log: bool = False
    mcp: bool = False


class Batch(BaseModel):
    """The body of POST /search."""

    model_config = ConfigDict(extra="forbid")
    queries: Annotated[list[_Text], Field(min_length=1, max_length=MOST_QUERIES)]
    k: int = 10
    explain: bool = False
    filters: _Texts = []
    facets: _Texts = []
    sort: _Text | None = None
    offset: int = 0


def make_app(searcher: Searcher | CurrentSearcher, options: ServiceOptions = ServiceOptions()) -> FastAPI:
    """GET and POST /search, /index, /health, /metrics, and a page at /. Whoever calls this closes `searcher`.

    A response is of one generation, which its header Sparton-Generation names.
    """
    metrics = Metrics()
    current = searcher if isinstance(searcher, CurrentSearcher) else CurrentSearcher(searcher)
    threads = QueryThreads(options.threads, metrics)
    headers, hosts = security_headers(options.image_hosts), Hosts(options.hosts)
    indexes = {DEFAULT: current}
    metrics.watch(indexes)
    agents = _agents(indexes, threads, options) if options.mcp else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with agents.running() if agents else nullcontext():
            yield
        threads.close()

    app = FastAPI(title="Sparton", lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_middleware(BoundedRequests, most_bytes=MOST_BYTES, most_waiting=options.waiting, metrics=metrics)
    # The last that is added is the first that sees a request.
    if options.keys:
        app.add_middleware(RequireKey, keys=options.keys, metrics=metrics)
    if options.cors_origins:
        app.add_middleware(Cors, origins=options.cors_origins, keys=options.keys is not None, mcp=options.mcp)
    app.add_middleware(KnownHosts, hosts=hosts, headers=headers, metrics=metrics)
    if options.access_log:
        app.add_middleware(AccessLog, is_secret=options.keys.is_key if options.keys else None)
    if agents:
        app.router.routes.append(Route("/mcp", agents))

    @app.exception_handler(HTTPStatusError)
    async def say(request: Request, error: HTTPStatusError) -> JSONResponse:
        path = request.scope["path"][:_QUOTED]
        why = {
            404: f"nothing is served at {path}; expected /, /search, /index, /health or /metrics",
            405: f"{path} does not take {request.method[:_QUOTED]}; expected GET, or POST for /search",
        }.get(error.status_code, error.detail)
        return JSONResponse({"detail": why}, error.status_code, error.headers)

    @app.exception_handler(UsageError)
    async def correct(request: Request, error: UsageError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)

    @app.exception_handler(Exception)
    async def apologize(request: Request, error: Exception) -> JSONResponse:
        # Behind all that is added above, which therefore adds nothing to it.
        why = f"this request met a fault in Sparton ({type(error).__name__}); please report it"
        return JSONResponse({"detail": why}, 500, headers)

    @app.exception_handler(RequestValidationError)
    async def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
        # FastAPI's own response repeats the input, which may be long, or no text at all.
        errors = error.errors()
        found = [f"{_where(one['loc'])}: {one['msg']}" for one in errors[:_TOLD]]
        if len(errors) > _TOLD:
            found.append(f"and {len(errors) - _TOLD} more of the kind")
        return JSONResponse({"detail": "; ".join(found)}, 422)

    def check(k: int, offset: int) -> None:
        if not 1 <= k <= options.most_k:
            raise HTTPException(422, f"k is {k}; expected 1 to {options.most_k}")
        if not 0 <= offset <= options.most_offset:
            raise HTTPException(422, f"offset is {offset}; expected 0 to {options.most_offset}")

    @app.get("/search", dependencies=[Depends(_check_parameters)])
    async def search(
        response: Response,
        q: Annotated[str, Query(max_length=MOST_LETTERS)],
        filters: Annotated[_Texts, Query(alias="filter", default_factory=list)],
        facets: Annotated[_Texts, Query(alias="facet", default_factory=list)],
        k: int = 10,
        explain: bool = False,
        sort: Annotated[str | None, Query(max_length=MOST_LETTERS)] = None,
        offset: int = 0,
    ) -> dict[str, Any]:
        check(k, offset)
        more = {"filters": filters, "facets": facets, "sort": sort, "offset": offset}
        with current.use() as searcher:
            response.headers[GENERATION] = searcher.manifest.state
            content = await threads.run(partial(threads.answer, searcher, q, k, explain, more))
        note(k=k, hits=len(content["hits"]))
        return content

    @app.post("/search", dependencies=[Depends(_refuse_parameters)])
    async def search_batch(response: Response, batch: Batch) -> dict[str, Any]:
        check(batch.k, batch.offset)
        more = {"filters": batch.filters, "facets": batch.facets, "sort": batch.sort, "offset": batch.offset}
        with current.use() as searcher:
            response.headers[GENERATION] = searcher.manifest.state
            answer = partial(threads.answer, searcher, k=batch.k, explain=batch.explain, more=more)
            # Each query on a thread of its own, so that a batch keeps nobody else waiting for all of it.
            tasks = [threads.run(partial(answer, query)) for query in batch.queries]
            results = await asyncio.gather(*tasks)
        note(queries=len(results), k=batch.k, hits=sum(len(result["hits"]) for result in results))
        return {"results": results}

    @app.get("/index")
    async def show_index() -> dict[str, Any]:
        with current.use() as searcher:
            settings = searcher.manifest.settings
            return {
                "name": searcher.name,
                "documents": len(searcher),
                "generation": searcher.manifest.state,
                "fields": [{"name": field.name, "kind": field.kind} for field in settings.fields],
                "model": settings.model and settings.model.name.rstrip("/").rpartition("/")[2],
            }

    @app.get("/health")
    async def health() -> dict[str, Any]:
        with current.use() as searcher:
            return {"status": "ok", "documents": len(searcher)}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def show_metrics() -> PlainTextResponse:
        return PlainTextResponse(metrics.text(), media_type=CONTENT_TYPE)

    @app.get("/", response_class=HTMLResponse)
    async def show_page() -> str:
        return page(options.image_hosts, min(_PAGE, options.most_k), options.most_offset)

    return app


def _agents(indexes: Mapping[str, CurrentSearcher], threads: QueryThreads, options: ServiceOptions) -> "Endpoint":
    from .mcp import Agents, Endpoint  # an extra, and half a second

    agents = Agents(indexes, threads, most_k=options.most_k, most_offset=options.most_offset)
    return Endpoint(agents, options.cors_origins)


def _check_parameters(request: Request) -> None:
    """Raise HTTPException for what GET /search would not heed: an unknown parameter, or one of which it takes one value
    and there are more."""
    for name, count in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in (*_ONCE, *_SEVERAL):
            known = listed((*_ONCE, *_SEVERAL))
            raise HTTPException(422, f"GET /search has no parameter {short(name)}; its parameters are {known}")
        if count > 1 and name in _ONCE:
            raise HTTPException(422, f"{name} is given {count} times; expected it once")


def _refuse_parameters(request: Request) -> None:
    """Raise HTTPException for parameters beside the body of POST /search."""
    for name in request.query_params:
        raise HTTPException(422, f"POST /search has no parameter {short(name)}; say all in the body")


def _where(location: Sequence[str | int]) -> str:
    """What an error is about, by names that may be the client's."""
    return (".".join(map(str, location[1:])) or str(location[0]))[:_QUOTED]
