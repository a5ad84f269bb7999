"""Routes that search: GET and POST /search."""

from fastapi import FastAPI, Request, Response

from .access_log import note
from .reading import read_body, read_parameters
from .routing import Described, Service, add_route, response_of
from .schemas import Batch, BatchResponse, SearchParameters, SearchResponse


def add_search_routes(app: FastAPI, service: Service) -> None:
    """Add them, of the first index and of each by its name."""
    threads = service.threads

    async def search(request: Request) -> Response:
        """The documents that are best for a query. `filter` and `facet` may stand several times."""
        index = service.index(request)
        asked = read_parameters(SearchParameters, request, "GET /search")
        service.bounds.check(asked.k, asked.offset)
        with index.current.use() as searcher:
            (found,) = await threads.answer(searcher, [asked.q], asked.k, asked.explain, asked.more())
            return response_of(found, searcher)

    async def search_batch(request: Request) -> Response:
        """The documents that are best for each of several queries, in their order."""
        index = service.index(request)
        asked = await read_body(Batch, request, "POST /search")
        service.bounds.check(asked.k, asked.offset)
        with index.current.use() as searcher:
            note(queries=len(asked.queries))
            results = await threads.answer(searcher, asked.queries, asked.k, asked.explain, asked.more())
            return response_of(b'{"results":[' + b",".join(results) + b"]}", searcher)

    add_route(
        app,
        "GET",
        "/search",
        search,
        Described(
            summary="Search",
            response=SearchResponse,
            parameters=SearchParameters,
            has_generation=True,
        ),
        of_indexes=True,
    )
    add_route(
        app,
        "POST",
        "/search",
        search_batch,
        Described(
            summary="Search for several queries",
            response=BatchResponse,
            body=Batch,
            has_generation=True,
        ),
        of_indexes=True,
    )
