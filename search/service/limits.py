"""Bounds on what a service takes: for which hosts a request may be, how large it may be, and how many at once."""

import asyncio
from collections.abc import Mapping, MutableMapping
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .hosts import Hosts, hosts_of, with_path_alone
from .metrics import Metrics
from .paths import counted_path, is_bounded
from .refusal import refuse

_SMALL = 2**14  # bytes
_GONE = 499  # the status, as proxies have it, of a request whose client did not wait for the response


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
    """ASGI middleware: 413 for a body above `most_bytes`, 503 while `most_waiting` requests are under way, or bodies
    that have not come whole hold `most_unfinished` bytes. The task of a request is cancelled once its client has gone.

    The body is read before anything else sees it, so that one that is too large is never kept, whatever its header
    says. Health and metrics get a response however many wait.
    """

    def __init__(
        self, app: ASGIApp, most_bytes: int, most_waiting: int, metrics: Metrics, most_unfinished: int = 2**26
    ) -> None:
        self._app = app
        self._most_bytes, self._most_waiting, self._most_unfinished = most_bytes, most_waiting, most_unfinished
        self._unfinished = 0
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, begin = counted_path(scope["path"]), perf_counter()
        done = False

        async def counted(message: Message) -> None:
            nonlocal done
            if message["type"] == "http.response.start":
                self._metrics.add_request(path, message["status"], perf_counter() - begin)
            else:
                done = done or not message.get("more_body", False)
            await send(message)

        takes_long = is_bounded(path)
        if takes_long and self._is_busy():
            await self._refuse_busy(counted)
            return
        try:
            body = await self._body(receive)
        except _TooManyBytesError as error:
            self._metrics.add_refused("size" if error.status == 413 else "busy")
            await refuse(counted, error.status, str(error), error.headers)
            return
        if body is None:
            return
        if takes_long and self._is_busy():  # by now: many bodies may have come meanwhile
            await self._refuse_busy(counted)
            return
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive() if watching is None else await asyncio.shield(watching)
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        task = asyncio.current_task()

        async def watch() -> Message:
            while (message := await receive())["type"] != "http.disconnect":
                pass
            if not done and task is not None:
                gone.set()
                task.cancel()
            return message

        gone = asyncio.Event()
        watching = asyncio.create_task(watch()) if takes_long else None
        self._metrics.waiting += 1
        try:
            await self._app(scope, again, counted)
        except asyncio.CancelledError:
            if task is None or not gone.is_set() or task.uncancel():
                raise
            self._metrics.add_request(path, _GONE, perf_counter() - begin)
        except Exception:
            self._metrics.add_request(path, 500, perf_counter() - begin)
            raise
        finally:
            self._metrics.waiting -= 1
            if watching is not None:
                watching.cancel()

    def _is_busy(self) -> bool:
        return self._metrics.waiting >= self._most_waiting

    async def _refuse_busy(self, send: Send) -> None:
        self._metrics.add_refused("busy")
        await refuse(send, 503, "too many requests at once; try again in a second", {"retry-after": "1"})

    async def _body(self, receive: Receive) -> bytes | None:
        """The whole body, or None if the client has gone. Raises _TooManyBytesError."""
        parts: list[bytes] = []
        size, counted = 0, 0
        try:
            while True:
                message: MutableMapping[str, Any] = await receive()
                if message["type"] != "http.request":
                    return None
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > self._most_bytes:
                    why = f"the request is too large; at most {self._most_bytes} bytes are taken"
                    raise _TooManyBytesError(413, why, {})
                if not message.get("more_body", False):
                    return b"".join(parts)
                # Of each connection a little is taken in any case: usual requests are no larger.
                self._unfinished += max(0, size - _SMALL) - counted
                counted = max(0, size - _SMALL)
                if counted and self._unfinished > self._most_unfinished:
                    why = "too much of other requests has come that are not whole; try again in a second"
                    raise _TooManyBytesError(503, why, {"retry-after": "1"})
        finally:
            self._unfinished -= counted


class _TooManyBytesError(Exception):
    """A body is not taken. Its message says why."""

    def __init__(self, status: int, why: str, headers: dict[str, str]) -> None:
        super().__init__(why)
        self.status, self.headers = status, headers
