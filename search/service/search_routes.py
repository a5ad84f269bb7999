"""Routes that search: GET and POST /search."""

from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response

from ...errors import short
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
        _check(asked, service)
        more = {"filters": asked.filter, "facets": asked.facet, "sort": asked.sort, "offset": asked.offset}
        with index.current.use() as searcher:
            (found,) = await threads.answer(searcher, [asked.q], asked.k, asked.explain, more)
            return response_of(found, searcher)

    async def search_batch(request: Request) -> Response:
        """The documents that are best for each of several queries, in their order."""
        index = service.index(request)
        asked = await read_body(Batch, request, "POST /search")
        _check(asked, service)
        more: dict[str, Any] = asked.model_dump(include={"filters", "facets", "sort", "offset"})
        with index.current.use() as searcher:
            note(queries=len(asked.queries))
            results = await threads.answer(searcher, asked.queries, asked.k, asked.explain, more)
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
            errors=(503,),
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
            errors=(413, 415, 503),
            has_generation=True,
        ),
        of_indexes=True,
    )


def _check(asked: SearchParameters | Batch, service: Service) -> None:
    if not 1 <= asked.k <= service.most_k:
        raise HTTPException(422, f"k is {short(asked.k)}; expected 1 to {service.most_k}")
    if not 0 <= asked.offset <= service.most_offset:
        raise HTTPException(422, f"offset is {short(asked.offset)}; expected 0 to {service.most_offset}")
