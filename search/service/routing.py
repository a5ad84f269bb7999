"""How routes are added: each with what the schema says of it, for every index, and HEAD beside GET."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.convertors import Convertor, register_url_convertor

from ..searcher import Searcher
from .bounds import Bounds
from .indexes import Indexes, ServedIndex
from .paths import counted_path, is_open
from .query_threads import QueryThreads
from .schemas import Refusal

GENERATION = "Sparton-Generation"  # a header of responses
OF_AN_INDEX = "/indexes/{index}"  # goes before the paths of an index that is named
Endpoint = Callable[[Request], Awaitable[Response]]
_INDEX = {
    "name": "index",
    "in": "path",
    "required": True,
    "description": "The name of an index, as /indexes has it.",
    "schema": {"type": "string"},
    "example": "shop",
}
_STATUSES = {
    400: "What was sent is no request that can be read.",
    404: "There is no such index, or no such document.",
    408: "The request did not come whole within the time that it has.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    421: "The request is for a host that is not served.",
    422: "What is asked cannot be meant.",
    500: "A fault in Sparton.",
    503: "Too many requests or connections at once, the service is stopping, or what is asked cannot be had now.",
}
_ANY = (400, 408, 413, 421, 500, 503)  # of any request: a GET may have a body that is too large, or not come whole


@dataclass(frozen=True, slots=True)
class Service:
    """What all routes need. images: see ServiceOptions. has_keys: whether requests need keys."""

    indexes: Indexes
    threads: QueryThreads
    bounds: Bounds
    images: tuple[str, ...]
    has_keys: bool = False

    def index(self, request: Request) -> ServedIndex:
        """The index that a request names, or the first. Raises NoSuchError."""
        without_key = self.has_keys and is_open(counted_path(request.scope["path"]))
        return self.indexes.named(request.path_params.get("index"), are_secret=without_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What the schema says of a route. response: what the body is, or a media type of what is no JSON. parameters,
    body: what the request has, by which it may be refused. errors: statuses besides. in_path: a parameter in the path,
    and what it is."""

    summary: str
    response: type[BaseModel] | str
    parameters: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    errors: tuple[int, ...] = ()
    in_path: Mapping[str, str] | None = None
    has_generation: bool = False


def add_route(
    app: FastAPI, method: str, path: str, endpoint: Endpoint, described: Described, *, of_indexes: bool = False
) -> None:
    """Add a route; of_indexes: also for each index by its name. Where GET is taken, HEAD is too."""
    paths = (path, f"{OF_AN_INDEX}{path}") if of_indexes else (path,)
    for full in paths:
        _add(app, method, full, endpoint, described)
        if method == "GET":
            app.add_api_route(full, endpoint, methods=["HEAD"], include_in_schema=False, response_model=None)


def json_response(content: Any, searcher: Searcher | None = None) -> Response:
    """A response in JSON, of a searcher's generation."""
    return response_of(orjson.dumps(content), searcher)


def response_of(content: bytes, searcher: Searcher | None = None) -> Response:
    """The same, of what is JSON already."""
    headers = {} if searcher is None else {GENERATION: searcher.manifest.state}
    return Response(content, headers=headers, media_type="application/json")


def _add(app: FastAPI, method: str, path: str, endpoint: Endpoint, described: Described) -> None:
    in_path = [
        {"name": name, "in": "path", "required": True, "description": words, "schema": {"type": "string"}}
        for name, words in (described.in_path or {}).items()
    ]
    if path.startswith(OF_AN_INDEX):
        in_path.insert(0, _INDEX)
    extra: dict[str, Any] = {"parameters": [*in_path, *_in_query(described.parameters)]}
    if described.body is not None:
        content = {"application/json": {"schema": _plain(described.body.model_json_schema())}}
        extra["requestBody"] = {"required": True, "content": content}
    is_json = not isinstance(described.response, str)
    found: dict[str, Any] = {"description": "The response."}
    if not is_json:
        kind = "object" if described.response == "application/json" else "string"
        found["content"] = {described.response: {"schema": {"type": kind}}}
    if described.has_generation:
        words = "Names the build and the generation of the index that the response is of."
        found["headers"] = {GENERATION: {"description": words, "schema": {"type": "string"}}}
    statuses = {*_ANY, *described.errors}
    statuses |= {404} if path.startswith(OF_AN_INDEX) else set()
    statuses |= {422} if described.parameters or described.body else set()
    statuses |= {415} if described.body else set()
    responses: dict[int | str, dict[str, Any]] = {200: found}
    for status in sorted(statuses):
        responses[status] = {"model": Refusal, "description": _STATUSES[status]}
    app.add_api_route(
        path,
        endpoint,
        methods=[method],
        response_model=described.response if is_json else None,
        response_class=JSONResponse if is_json else Response,  # for the schema: endpoints give bytes
        responses=responses,
        openapi_extra=extra,
        summary=described.summary,
        description=(endpoint.__doc__ or "").strip(),
        operation_id=_operation(method, path),
    )


class _Rest(Convertor[str]):
    """All that is left of a path, whatever it holds: `path` stops at the end of a line."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        """What the endpoint gets. Starlette calls this."""
        return value

    def to_string(self, value: str) -> str:
        """What stands in a path. Starlette calls this."""
        return value


register_url_convertor("rest", _Rest())


def _in_query(model: type[BaseModel] | None) -> list[dict[str, Any]]:
    """The parameters of an address, as OpenAPI has them."""
    if model is None:
        return []
    schema = _plain(model.model_json_schema())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": entry.pop("description", ""),
            "schema": entry,
        }
        for name, entry in schema.get("properties", {}).items()
    ]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without the titles that pydantic makes of the names of Python."""
    entries = {
        name: {k: v for k, v in one.items() if k != "title"} for name, one in schema.get("properties", {}).items()
    }
    return {**{k: v for k, v in schema.items() if k != "title"}, "properties": entries}


def _operation(method: str, path: str) -> str:
    words = [word for part in path.split("/") for word in [part.strip("{}").partition(":")[0]] if word]
    return "_".join([method.lower(), *(words or ["page"])])
