"""Routes of what people read: the page to search from, and what programs are told of the service."""

from functools import cache
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from .docs_page import docs_page
from .key_schema import with_keys
from .page import page
from .reading import read_parameters
from .routing import OF_AN_INDEX, Described, Service, add_route
from .schemas import NoParameters

_HITS = 10  # of the page


def add_page_routes(app: FastAPI, service: Service) -> None:
    """Add them. What stands in the page's address is read by the page itself."""

    async def show_page(request: Request) -> Response:
        """A page to search from, whose address has what is searched for."""
        service.index(request)
        return HTMLResponse(page(service.images, min(_HITS, service.bounds.most_k), service.bounds.most_offset))

    async def to_page(request: Request) -> Response:
        """The page of an index, whose address ends with a slash."""
        index = service.index(request)
        query = request.url.query
        # Relative, for a proxy may have put something before the path.
        location = f"{quote(index.name)}/{query and '?'}{query}"
        return Response(status_code=307, headers={"location": location})

    async def show_schema(request: Request) -> Response:
        """This description of the service, as OpenAPI has it."""
        read_parameters(NoParameters, request, "GET /openapi.json")
        return Response(schema(), media_type="application/json")

    async def show_docs(request: Request) -> Response:
        """The same as a page for people."""
        read_parameters(NoParameters, request, "GET /docs")
        return HTMLResponse(docs())

    @cache
    def schema() -> bytes:
        return orjson.dumps(described())

    @cache
    def docs() -> str:
        return docs_page(described())

    def described() -> dict[str, Any]:
        return with_keys(app.openapi()) if service.has_keys else app.openapi()

    page_described = Described(summary="Search from a page", response="text/html")
    docs_described = Described(summary="Read about the service", response="text/html", parameters=NoParameters)
    schema_described = Described(summary="Get the schema", response="application/json", parameters=NoParameters)
    add_route(app, "GET", "/", show_page, page_described, of_indexes=True)
    app.add_api_route(OF_AN_INDEX, to_page, methods=["GET", "HEAD"], include_in_schema=False, response_model=None)
    add_route(app, "GET", "/docs", show_docs, docs_described)
    add_route(app, "GET", "/openapi.json", show_schema, schema_described)
