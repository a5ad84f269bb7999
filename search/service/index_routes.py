"""Routes that tell of indexes and of the service: /index, /indexes, /doc, /health, /metrics."""

from contextlib import ExitStack
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import FastAPI, HTTPException, Request, Response

from ...errors import named
from ..searcher import Searcher
from .current import CurrentSearcher
from .indexes import ServedIndex, described
from .metrics import CONTENT_TYPE, Metrics
from .reading import read_parameters
from .routing import Described, Service, add_route, json_response
from .schemas import Health, IndexDescription, IndexList, NoParameters, StoredDocument


def add_index_routes(app: FastAPI, service: Service, metrics: Metrics) -> None:
    """Add them; those of an index also for each by its name."""
    indexes = service.indexes

    async def show_index(request: Request) -> Response:
        """Name, size and fields of what is searched."""
        index = service.index(request)
        read_parameters(NoParameters, request, "GET /index")
        with index.current.use() as searcher:
            return json_response(described(index.title, searcher), searcher)

    async def show_indexes(request: Request) -> Response:
        """The indexes that are served. Each has the paths of this service behind /indexes/NAME; without, they are of
        the first."""
        read_parameters(NoParameters, request, "GET /indexes")
        return json_response({"indexes": [_of_its_name(index) for index in indexes]})

    async def show_document(request: Request) -> Response:
        """Text and fields of the document with an id, which may hold slashes."""
        index, name = service.index(request), _id(request)
        read_parameters(NoParameters, request, "GET /doc/ID")
        with index.current.use() as searcher:
            return json_response(await service.threads.run(partial(index.document, searcher, name)), searcher)

    async def health(request: Request) -> Response:
        """Whether the service is well, how many documents can be found, and of which generations. An index that was
        changed and cannot be taken up as it is now says why; the old one is searched on."""
        read_parameters(NoParameters, request, "GET /health")
        with ExitStack() as used:
            every = {index.name: _health(index.current, used.enter_context(index.current.use())) for index in indexes}
        documents = sum(one["documents"] for one in every.values())
        content: dict[str, Any] = {"status": "ok", "documents": documents}
        content |= {"indexes": every} if len(indexes) > 1 else every[indexes.first.name]
        return json_response(content)

    async def show_metrics(request: Request) -> Response:
        """What the service has done, in Prometheus's text format."""
        read_parameters(NoParameters, request, "GET /metrics")
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    index_described = Described(
        summary="Describe an index", response=IndexDescription, parameters=NoParameters, has_generation=True
    )
    document_described = Described(
        summary="Get a document",
        response=StoredDocument,
        parameters=NoParameters,
        errors=(404,),
        in_path={"id": "The document's id; what a path cannot have is written as in %3F."},
        has_generation=True,
    )
    list_described = Described(summary="List the indexes", response=IndexList, parameters=NoParameters)
    health_described = Described(summary="Check health", response=Health, parameters=NoParameters)
    metrics_described = Described(summary="Read metrics", response="text/plain", parameters=NoParameters)
    add_route(app, "GET", "/doc/{id:rest}", show_document, document_described, of_indexes=True)
    add_route(app, "GET", "/index", show_index, index_described, of_indexes=True)
    add_route(app, "GET", "/indexes", show_indexes, list_described)
    add_route(app, "GET", "/health", health, health_described)
    add_route(app, "GET", "/metrics", show_metrics, metrics_described)


def _health(current: CurrentSearcher, searcher: Searcher) -> dict[str, Any]:
    content: dict[str, Any] = {"documents": len(searcher), "generation": searcher.manifest.state}
    return content if current.refused is None else {**content, "not_taken_up": current.refused}


def _of_its_name(index: ServedIndex) -> dict[str, Any]:
    with index.current.use() as searcher:
        return described(index.name, searcher)


def _id(request: Request) -> str:
    """The id in a request's path. Raises HTTPException for none, and for bytes that are no text, which no id is."""
    try:
        unquote_to_bytes(request.scope.get("raw_path") or b"").decode()
    except UnicodeDecodeError:
        raise HTTPException(404, "there is no document with this id: it is not in UTF-8") from None
    found: str = request.path_params["id"]
    if not found:
        path = request.scope["path"]
        raise HTTPException(404, f"{named(path)} names no document; expected {named(f'{path}ID')}")
    return found
