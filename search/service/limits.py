"""Bounds on what a service takes: for which hosts a request may be, how large it may be, and how many at once."""

from collections.abc import Mapping, MutableMapping
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .hosts import Hosts, hosts_of, with_path_alone
from .metrics import Metrics
from .paths import counted_path, is_bounded
from .refusal import refuse


class KnownHosts:
    """ASGI middleware: 421 for a host that is none of `hosts`, 400 for a request that does not name one.

    Nothing else sees such a request. Every response, of whatever is behind it too, gets `headers`.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts, headers: Mapping[str, str], metrics: Metrics) -> None:
        self._app = app
        self._hosts = hosts
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self._headers]}
            await send(message)

        hosts = hosts_of(scope)
        unknown = next((host for host in hosts if not self._hosts.allow(host)), None)
        if hosts and unknown is None:
            await self._app(with_path_alone(scope), receive, with_headers)
            return
        status, why = 400, "the request is for no host that can be read; expected one Host header, as localhost:8017"
        if unknown is not None:
            status = 421
            why = (
                f"requests for the host {unknown} are not served; start the service with --allow-host {unknown} if "
                "they should be"
            )
        self._metrics.add_request("other", status)
        self._metrics.add_refused("host")
        await refuse(with_headers, status, why)


class BoundedRequests:
    """ASGI middleware: 413 for a body above `most_bytes`, 503 while `most_waiting` requests are under way.

    The body is read before anything else sees it, so that one that is too large is never kept, whatever its header
    says. Health and metrics get a response however many wait.
    """

    def __init__(self, app: ASGIApp, most_bytes: int, most_waiting: int, metrics: Metrics) -> None:
        self._app = app
        self._most_bytes, self._most_waiting = most_bytes, most_waiting
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, begin = counted_path(scope["path"]), perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.add_request(path, message["status"], perf_counter() - begin)
            await send(message)

        if is_bounded(path) and self._metrics.waiting >= self._most_waiting:
            self._metrics.add_refused("busy")
            await refuse(counted, 503, "too many requests at once; try again in a second", {"retry-after": "1"})
            return
        body = await self._body(receive)
        if body is None:
            self._metrics.add_refused("size")
            await refuse(counted, 413, f"the request is too large; at most {self._most_bytes} bytes are taken")
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
        except Exception:
            self._metrics.add_request(path, 500, perf_counter() - begin)
            raise
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
