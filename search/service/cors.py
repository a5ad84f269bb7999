"""Which other pages a browser lets read what is served (CORS)."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response

from ...errors import Parameter, UsageError, short
from .hosts import EVERY, is_host

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^/:@\[\]]+)(?::([0-9]{1,5}))?")
_USUAL_PORTS = {"http": 80, "https": 443}
_TOLD = ("Sparton-Generation", "Retry-After", "WWW-Authenticate")  # headers of responses that a script may read
_KEYS = ("Authorization", "X-API-Key")
_MCP = ("Last-Event-ID", "MCP-Protocol-Version", "MCP-Session-Id", "Mcp-Method", "Mcp-Name")


def cors_origins(names: Iterable[str]) -> tuple[str, ...]:
    """The origins of pages as browsers send them: in small letters, without the usual port; * for all. Raises
    UsageError for what is none."""
    return tuple(name if name == EVERY else _origin(name) for name in names)


class Cors(CORSMiddleware):
    """Starlette's middleware, for the methods and headers that this service knows. A refusal is a sentence in JSON.

    keys, mcp: whether requests have those headers too.
    """

    def __init__(self, app: Any, origins: Sequence[str], *, keys: bool, mcp: bool) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "HEAD", "POST"),
            allow_headers=(*(_KEYS if keys else ()), *(_MCP if mcp else ())),
            expose_headers=_TOLD,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """What a browser is told that asks beforehand. Starlette calls this."""
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        origin = request_headers["origin"]
        why = "pages of other origins may send GET, HEAD and POST, with the headers that this service knows"
        if not self.is_allowed_origin(origin):
            why = (
                f"pages of the origin {short(origin)} may not read what is served; start the service with "
                "--cors-origin ORIGIN if they should"
            )
        told = {name: value for name, value in response.headers.items() if name.startswith(("access-control", "vary"))}
        return JSONResponse({"detail": why}, response.status_code, told)


def _origin(name: str) -> str:
    found = _ORIGIN.fullmatch(name.lower()) if name.isascii() else None
    if not found or not is_host(found[2]) or not 0 < int(found[3] or 1) <= 65_535:
        raise UsageError(
            Parameter("cors_origins"),
            f" is {short(name)}; expected an origin as a browser sends it, as https://shop.example or "
            "http://localhost:3000, without a path, or * for all",
        )
    scheme, host, port = found.groups()
    return f"{scheme}://{host}" + ("" if port is None or int(port) == _USUAL_PORTS.get(scheme) else f":{int(port)}")
