"""HTTP/1.1 as uvicorn speaks it, but without delay, and with another way to refuse what it does not read to its end."""

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from .page import security_headers

_LINGER = 2.0  # seconds
_WHY = (
    "this is no request of HTTP/1.1; expected a request line, headers with one Host among them, and a body as they say"
)


class Protocol(H11Protocol):
    """Refuses what cannot be read as all else is refused, by a sentence in JSON, and waits until it is read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin. Without waiting to fill a packet, which asyncio sees to for sockets that it made itself: headers and
        body are two, and on a connection that is kept the second would be 40 ms late."""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lingering = _Lingering(
            cast("asyncio.Transport", transport), lambda: self.conn.their_state in (h11.SEND_BODY, h11.ERROR)
        )
        super().connection_made(cast("asyncio.Transport", lingering))

    def data_received(self, data: bytes) -> None:
        """Go on, unless the last response was sent."""
        if not self.transport.is_closing():
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Refuse a request, unless an earlier response is under way, and close the connection."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps({"detail": _WHY}).encode()
            headers = {
                "content-type": "application/json",
                "content-length": str(len(body)),
                "connection": "close",
                **security_headers(),
            }
            pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
            response = h11.Response(status_code=400, headers=pairs, reason=b"Bad Request")
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


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
