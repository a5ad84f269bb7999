"""HTTP/1.1 as uvicorn speaks it, but without delay, with bounds in time and number, and with another way to refuse what
it does not read to its end."""

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from .connections import STOPPING, Connections, Stage
from .page import security_headers

_LINGER = 2.0  # seconds
_MOST_AHEAD = 65_536  # bytes of further requests on a connection whose first has no response yet
_WHY = (
    "this is no request of HTTP/1.1; expected a request line, headers with one Host among them, and a body as they say"
)


class Protocol(H11Protocol):
    """Refuses what cannot be read as all else is refused, by a sentence in JSON, and waits until it is read.

    connections: all that are open, which closes this one where it must.
    """

    def __init__(self, *given: Any, connections: Connections, **named: Any) -> None:
        super().__init__(*given, **named)
        self._connections = connections
        self._coming = True  # of a request, headers are awaited
        self.since = 0.0

    @property
    def stage(self) -> Stage:
        """As Connection."""
        if self.cycle is not None and not self.cycle.response_complete:
            return Stage.COMING if self.cycle.more_body else Stage.WORKING
        return Stage.COMING if self._coming else Stage.IDLE

    @property
    def closing(self) -> bool:
        """As Connection."""
        return self.transport.is_closing()

    @property
    def unread(self) -> int:
        """As Connection."""
        return self.transport.get_write_buffer_size()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin. Without waiting to fill a packet, which asyncio sees to for sockets that it made itself: headers and
        body are two, and on a connection that is kept the second would be 40 ms late."""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lingering = _Lingering(cast("asyncio.Transport", transport), self._is_sending)
        super().connection_made(cast("asyncio.Transport", lingering))
        self.since = self.loop.time()
        self._connections.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._connections.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Go on, unless the last response was sent."""
        if self.transport.is_closing():
            return
        if self.stage is Stage.IDLE:
            self._coming, self.since = True, self.loop.time()
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._begin()
        if self.flow.read_paused and self.stage is Stage.WORKING:
            # Or nobody would notice that the client hangs up.
            if len(self.conn.trailing_data[0]) > _MOST_AHEAD:
                self.transport.abort()
            else:
                self.flow.resume_reading()

    def on_response_complete(self) -> None:
        """Wait for the next request, which may have come."""
        before = self.cycle
        self._coming, self.since = False, self.loop.time()
        super().on_response_complete()
        if self.cycle is not before:
            self._begin()
        elif self.conn.trailing_data[0]:
            self._coming = True

    def _begin(self) -> None:
        """A request's headers have come."""
        self._coming, self.since = False, self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request, unless an earlier response is under way, and close the connection."""
        self.refuse(400, _WHY)

    def refuse(self, status: int, why: str) -> None:
        """Say why there is no more, unless a response is under way, and close."""
        self._say(status, why)
        self.transport.close()

    def expire(self, why: str) -> None:
        """As Connection."""
        if self._asked:
            self._say(408, why)
        self.transport.close()

    def cut(self, why: str) -> None:
        """Close without waiting for the client, who is told why if that takes no time, and it has asked."""
        if why and self._asked and not self.unread and not self.transport.is_closing():
            self._say(503, why)
        self.transport.abort()

    @property
    def _asked(self) -> bool:
        """Whether some of a request has come."""
        return self.conn.their_state is not h11.IDLE or bool(self.conn.trailing_data[0])

    def _say(self, status: int, why: str) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps({"detail": why}).encode()
            headers = {
                "content-type": "application/json",
                "content-length": str(len(body)),
                "connection": "close",
                **({"retry-after": "1"} if status == 503 else {}),
                **security_headers(),
            }
            pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
            response = h11.Response(status_code=status, headers=pairs, reason=STATUS_PHRASES[status])
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None and not self.cycle.response_complete:
            # Whoever reads the rest of the body is told that nobody waits for a response.
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def shutdown(self) -> None:
        """Close, or have it closed once the request under way has its response."""
        if self.transport.is_closing():
            return
        if self.stage is not Stage.COMING:
            super().shutdown()
            return
        if self._asked:
            self._say(503, STOPPING)
        self.transport.close()

    def _is_sending(self) -> bool:
        unread = self.conn.their_state in (h11.SEND_BODY, h11.ERROR) or bool(self.conn.trailing_data[0])
        # Who is refused before it has asked is about to.
        return unread or (self.conn.their_state is h11.IDLE and self.conn.our_state is not h11.IDLE)


class _Lingering:
    """A transport that is not closed on who is still sending: the system would reset the connection, and the
    response could be lost. is_sending: whether that may be so."""

    def __init__(self, transport: asyncio.Transport, is_sending: Callable[[], bool]) -> None:
        self._transport, self._is_sending = transport, is_sending
        self._lingers = False

    def close(self) -> None:
        """Say that there is no more, and close once the other side has done so or some time has passed."""
        if self.is_closing():
            return
        if not self._is_sending():
            self._transport.close()
            return
        self._lingers = True
        self._transport.write_eof()
        self._transport.resume_reading()
        asyncio.get_running_loop().call_later(_LINGER, self._transport.close)

    def is_closing(self) -> bool:
        """Whether the last response was sent."""
        return self._lingers or self._transport.is_closing()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
