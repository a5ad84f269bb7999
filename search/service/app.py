"""Open indexes as a small HTTP service: JSON for programs, one page for people. The parts are put together here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import Route

from ...version import __version__
from .access_log import AccessLog
from .bounds import MOST_K, MOST_OFFSET, Bounds
from .cors import Cors
from .encode_routes import add_encode_routes
from .hosts import Hosts
from .index_routes import add_index_routes
from .indexes import Indexes, Searchers, served_indexes
from .keys import Keys, RequireKey
from .limits import BoundedRequests, KnownHosts
from .metrics import Metrics
from .page import security_headers
from .page_routes import add_page_routes
from .query_threads import QueryThreads
from .refusals import add_refusals
from .routing import Service
from .schemas import MOST_BYTES as MOST_BYTES
from .schemas import MOST_LETTERS as MOST_LETTERS
from .schemas import MOST_QUERIES as MOST_QUERIES
from .search_routes import add_search_routes

if TYPE_CHECKING:
    from .mcp import Endpoint


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """most_k: hits that a query may ask for. most_offset: hits that it may pass over. threads: searches at once.
    waiting: requests at once, those that wait for a thread included; more are told to come back (503). hosts: names
    that requests may be for, besides those of the loopback; * for all. image_hosts: from which the page shows pictures,
    besides its own. most_unfinished: bytes of bodies that have not come whole. keys: of which requests must have one.
    cors_origins: of pages that may read responses, as cors_origins gives them. access_log: a line on stderr for each
    request. mcp: whether agents are served, at /mcp."""

    most_k: int = MOST_K
    most_offset: int = MOST_OFFSET
    threads: int = 2
    waiting: int = 256
    hosts: tuple[str, ...] = ()
    image_hosts: tuple[str, ...] = ()
    most_unfinished: int = 2**26
    keys: Keys | None = None
    cors_origins: tuple[str, ...] = ()
    access_log: bool = False
    mcp: bool = False


def make_app(searcher: Searchers, options: ServiceOptions = ServiceOptions()) -> FastAPI:
    """GET and POST /search and /encode, /doc, /index, /indexes, /health, /metrics, /docs, and a page at /.

    searcher: several by their names, of which the first is that of paths without a name. Whoever calls this closes
    them. A response is of one generation, which its header Sparton-Generation names.
    """
    metrics = Metrics()
    indexes = served_indexes(searcher)
    threads = QueryThreads(options.threads, metrics)
    headers, hosts = security_headers(options.image_hosts), Hosts(options.hosts)
    metrics.watch(indexes.by_name())
    bounds = Bounds(options.most_k, options.most_offset)
    agents = _agents(indexes, threads, bounds, options.cors_origins) if options.mcp else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with agents.running() if agents else nullcontext():
            yield
        threads.close()

    app = FastAPI(
        title="Sparton",
        version=__version__,
        description="Learned sparse retrieval over HTTP.",
        servers=[{"url": "."}],  # which is where this description is, whatever a proxy puts before it
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.threads, app.state.metrics = threads, metrics  # for who stops it
    app.add_middleware(
        BoundedRequests,
        most_bytes=MOST_BYTES,
        most_waiting=options.waiting,
        metrics=metrics,
        most_unfinished=options.most_unfinished,
    )
    # The last that is added is the first that sees a request.
    if options.keys:
        app.add_middleware(RequireKey, keys=options.keys, metrics=metrics)
    if options.cors_origins:
        app.add_middleware(Cors, origins=options.cors_origins, keys=options.keys is not None, mcp=options.mcp)
    app.add_middleware(KnownHosts, hosts=hosts, headers=headers, metrics=metrics)
    if options.access_log:
        app.add_middleware(AccessLog, is_secret=options.keys.is_key if options.keys else None)

    add_refusals(app, headers)
    service = Service(indexes, threads, bounds, options.image_hosts, options.keys is not None)
    add_search_routes(app, service)
    add_encode_routes(app, service)
    add_index_routes(app, service, metrics)
    add_page_routes(app, service)
    if agents:
        app.router.routes.append(Route("/mcp", agents, methods=["POST"]))
    return app


def _agents(indexes: Indexes, threads: QueryThreads, bounds: Bounds, origins: tuple[str, ...]) -> "Endpoint":
    from .mcp import Agents, Endpoint  # an extra, and half a second

    return Endpoint(Agents(indexes, threads, bounds), origins)
