"""Serve until told to stop; then let in nobody else, finish what is under way, and end well."""

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from .connections import BACKLOG, Connections
from .http11 import Protocol
from .query_threads import ANSWERED, CLOSED, GRACE, QueryThreads

# Seconds that a connection may idle: above the minute of usual proxies, which else send to one that is just closed.
_IDLE = 75
_WAITING = 1_024  # connections that the system keeps until they are let in


def serve(
    app: ASGIApp, listening: socket.socket, connections: Connections, threads: QueryThreads, told: threading.Event
) -> None:
    """Serve an application until SIGINT or SIGTERM, and then finish what is under way. threads: which answer. told: set
    by a signal that came before there is a server to hear it."""
    config = uvicorn.Config(
        app,
        http=cast("Any", partial(Protocol, connections=connections)),
        ws="none",
        log_level="warning",
        backlog=BACKLOG,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=GRACE,
    )
    _Server(config, connections, threads, told).run(sockets=[listening])


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, connections: Connections, threads: QueryThreads, told: threading.Event
    ) -> None:
        super().__init__(config)
        self._connections, self._threads, self._told = connections, threads, told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin. asyncio lets in as many at a time as the system is asked to keep, before one of them can be refused:
        so it is asked for more behind its back."""
        await super().startup(sockets)
        for one in sockets or ():
            one.listen(_WAITING)

    async def main_loop(self) -> None:
        """Run until told to stop, which may have been before: whatever comes after that, uvicorn hears itself."""
        if self._told.is_set():
            self.should_exit = True
        await super().main_loop()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in, and finish what is under way."""
        self._connections.stopping = True
        loop = asyncio.get_running_loop()
        timers = loop.call_later(ANSWERED, self._threads.stop), loop.call_later(CLOSED, self._give_up)
        try:
            await super().shutdown(sockets)
        finally:
            for timer in timers:
                timer.cancel()

    def _give_up(self) -> None:
        self._connections.cut_all()
        self._threads.give_up()


@contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """Hear SIGINT and SIGTERM: what is given is set by one that comes while no server hears them. So nothing is lost of
    a signal between the line that says that there is a service and the server. That uvicorn raises the signals once
    more when it is done counts for nothing: it did what it was told."""
    told = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # which alone hears signals
        yield told
        return
    before = {one: signal.signal(one, lambda *_: told.set()) for one in (signal.SIGINT, signal.SIGTERM)}
    watching = signal.set_wakeup_fd(-1)  # by which a command ends soon after Ctrl-C, whatever it does
    try:
        yield told
    finally:
        signal.set_wakeup_fd(watching)
        for one, handler in before.items():
            signal.signal(one, handler)
