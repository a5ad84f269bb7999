"""What a client is told whose request is refused: one sentence, as JSON."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from ...errors import UsageError, listed, named
from .indexes import NoSuchError
from .refusal import fault
from .routing import OF_AN_INDEX

_QUOTED = 100  # letters of what a client sent, in what it is told


def add_refusals(app: FastAPI, headers: Mapping[str, str]) -> None:
    """Have an application say all that goes wrong in sentences. headers: of every response."""

    @app.exception_handler(HTTPException)
    async def say(request: Request, error: HTTPException) -> Response:
        path, status, why = named(request.scope["path"][:_QUOTED]), error.status_code, error.detail
        more = dict(error.headers or {})
        if status == 404 and why == HTTPStatus(404).phrase:
            without = request.scope["path"][:-1]
            expected = f"expected {_paths(app)}"
            if request.scope["path"].endswith("/") and _methods(app, without):
                expected = f"there is {named(without[:_QUOTED])} without the last slash"
            why = f"nothing is served at {path}; {expected}"
        if status == 405:
            methods = _methods(app, request.scope["path"])
            more["Allow"] = ", ".join(methods)
            words = f"{', '.join(methods[:-1])} or {methods[-1]}" if len(methods) > 1 else methods[0]
            why = f"{path} does not take {named(request.method[:_QUOTED])}; expected {words}"
        return _refusal(status, why, more)

    @app.exception_handler(UsageError)
    async def correct(request: Request, error: UsageError) -> Response:
        return _refusal(422, str(error))

    @app.exception_handler(NoSuchError)
    async def miss(request: Request, error: NoSuchError) -> Response:
        return _refusal(404, str(error))

    @app.exception_handler(Exception)
    async def apologize(request: Request, error: Exception) -> Response:
        # Behind all middlewares, which therefore add nothing to it.
        return _refusal(500, fault("this request", error), headers)


def _refusal(status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps({"detail": why}), status, headers, "application/json")


def _paths(app: FastAPI) -> str:
    """The paths that are served, without those of each index."""
    every = dict.fromkeys(str(getattr(route, "path_format", "")) for route in app.routes)  # GET and HEAD have one each
    own = [path for path in every if path and not path.startswith(OF_AN_INDEX)]
    return f"{listed(own)}, or one of an index as /indexes/NAME/search"


def _methods(app: FastAPI, path: str) -> list[str]:
    """What a path takes."""
    found: set[str] = set()
    for route in app.routes:
        pattern = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(path):
            found |= getattr(route, "methods", None) or set()
    return sorted(found)
