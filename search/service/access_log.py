"""A line for each request on stderr, as JSON. What was searched for is not in it."""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LONGEST = 200  # characters of what a client sent
_notes: ContextVar[dict[str, Any] | None] = ContextVar("notes", default=None)


def note(**values: Any) -> None:
    """Have the line of the request that is handled say something more: k and hits of a query, the name of its key."""
    notes = _notes.get()
    if notes is not None:
        notes.update(values)


class AccessLog:
    """ASGI middleware: writes a line when a response has ended, or the client has gone without one.

    The path is without its query, and with *** where a part of it is secret. JSON escapes all but ASCII, so that a line
    is one line and holds nothing that a terminal would obey.
    """

    def __init__(self, app: ASGIApp, is_secret: Callable[[str], bool] | None = None) -> None:
        self._app, self._is_secret = app, is_secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, and say so."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        notes: dict[str, Any] = {}
        begin, start, status, size = perf_counter(), datetime.now(UTC), None, 0

        async def counted(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            if scope["method"] != "HEAD":  # whose body is not sent
                size += len(message.get("body", b""))
            await send(message)

        token = _notes.set(notes)
        try:
            await self._app(scope, receive, counted)
        except Exception:
            status = status or 500  # which is sent by what is around all middleware
            raise
        finally:
            _notes.reset(token)
            line = {
                "time": start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "client": (scope.get("client") or ("",))[0][:_LONGEST],
                "method": scope["method"][:_LONGEST],
                "path": self._path(scope["path"]),
                "status": status,
                "milliseconds": round(1000 * (perf_counter() - begin), 3),
                "bytes": size,
                **notes,
            }
            with suppress(OSError):  # a log that nobody can read is no reason to serve nobody
                print(json.dumps(line), file=sys.stderr, flush=True)

    def _path(self, path: str) -> str:
        is_secret = self._is_secret
        return "/".join("***" if is_secret and is_secret(part) else part for part in path.split("/"))[:_LONGEST]
