"""Bounds on what a service takes: how large a request may be, and how many at once."""

import json
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import Metrics

_PATHS = frozenset(("/", "/search", "/health", "/metrics"))


class BoundedRequests:
    """ASGI middleware: 413 for a body above `most_bytes`, 503 while `most_waiting` requests are under way.

    The body is read before anything else sees it, so that one that is too large is never held, whatever its header
    says. Health and metrics are answered however many wait.
    """

    def __init__(self, app: ASGIApp, most_bytes: int, most_waiting: int, metrics: Metrics) -> None:
        self._app = app
        self._most_bytes, self._most_waiting = most_bytes, most_waiting
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on, one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in _PATHS else "other"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.add_request(path, message["status"])
            await send(message)

        if path == "/search" and self._metrics.waiting >= self._most_waiting:
            await _refuse(counted, 503, "too many requests at once; try again in a second", {"retry-after": "1"})
            return
        body = await self._body(receive)
        if body is None:
            await _refuse(counted, 413, f"the request is too large; at most {self._most_bytes} bytes are taken")
            return
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        self._metrics.waiting += 1
        try:
            await self._app(scope, again, counted)
        finally:
            self._metrics.waiting -= 1

    async def _body(self, receive: Receive) -> bytes | None:
        """The whole body, or None if it is too large."""
        parts: list[bytes] = []
        size = 0
        while True:
            message: MutableMapping[str, Any] = await receive()
            if message["type"] != "http.request":
                return b"".join(parts)  # the client has gone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._most_bytes:
                return None
            if not message.get("more_body", False):
                return b"".join(parts)


async def _refuse(send: Send, status: int, why: str, headers: dict[str, str] | None = None) -> None:
    pairs = {"content-type": "application/json", "connection": "close", **(headers or {})}
    encoded = [(name.encode(), value.encode()) for name, value in pairs.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": json.dumps({"detail": why}).encode()})
