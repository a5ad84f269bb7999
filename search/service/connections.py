"""Connections that are open: how many there may be, and how long each may take over a request."""

import asyncio
import resource
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Protocol

_YOUNG = 1.0  # seconds in which a request usually has come
_LEAST_READ = 1_024  # bytes a second of a response that a client has to take
_OFTEN = 4  # looks at a connection within the time that it has
# Files beside those of connections: of the listening socket and the event loop, and of connections that the system has
# let in before one is closed for each of them; and as many of the index again, for a newer generation.
BACKLOG = 64
_SPARE = 64 + 4 * BACKLOG
_FEWEST = 8

STOPPING = "the service is stopping; try again in a second"
TOO_MANY = "too many connections are open; try again in a second"
CUT = "too many connections are open, and this one took longest over a request; try again in a second"


class Stage(IntEnum):
    """Where a connection is: between requests, in the middle of one that has not come whole, or waiting for us."""

    IDLE, COMING, WORKING = range(3)


class Connection(Protocol):
    """What Connections asks of one."""

    @property
    def stage(self) -> Stage:
        """Where it is."""

    @property
    def since(self) -> float:
        """When its stage began, by the event loop's time."""

    @property
    def closing(self) -> bool:
        """Whether the last response was sent."""

    @property
    def unread(self) -> int:
        """Bytes that its client has not taken."""

    def refuse(self, status: int, why: str) -> None:
        """Say why there is no more, and close."""

    def expire(self, why: str) -> None:
        """The same (408), unless nothing was asked."""

    def cut(self, why: str) -> None:
        """The same, without waiting for the client."""


class Connections:
    """At most `most` at once: one more has another closed for it, that of whoever took longest over a request, or which
    idled longest; and is refused where all wait for the service. seconds: until a request must have come, its headers
    and then its body, and in which a client must have taken some of a response. closed: hears of each that is closed.
    """

    def __init__(self, most: int, seconds: float, closed: Callable[[], None]) -> None:
        self._most, self._seconds, self._closed = most, seconds, closed
        self._open: set[Connection] = set()
        self._unread: dict[Connection, tuple[int, float]] = {}  # bytes, and when they were that many
        self._timer: asyncio.TimerHandle | None = None
        self.stopping = False

    def admit(self, new: Connection) -> None:
        """Take a connection in, or refuse it."""
        self._open.add(new)
        if self._timer is None:
            self._look_again()
        if self.stopping:
            new.refuse(503, STOPPING)
        elif len(self._open) > self._most:
            now = asyncio.get_running_loop().time()
            others = [one for one in self._open if one is not new and one.stage is not Stage.WORKING]
            self._closed()
            if not others:
                new.refuse(503, TOO_MANY)
                return
            self.forget(last := min(others, key=lambda one: _patience_with(one, now)))
            last.cut(CUT)

    def forget(self, connection: Connection) -> None:
        """One is no longer open."""
        self._open.discard(connection)
        self._unread.pop(connection, None)

    def cut_all(self) -> None:
        """Close what is left."""
        for connection in list(self._open):
            connection.cut(STOPPING)

    def _look_again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._seconds / _OFTEN, self._look) if self._open else None

    def _look(self) -> None:
        """Close those whose time is over."""
        now = asyncio.get_running_loop().time()
        for connection in list(self._open):
            if self._is_not_read(connection, now):
                self._closed()
                connection.cut("")
            elif connection.stage is Stage.COMING and now - connection.since > self._seconds and not connection.closing:
                self._closed()
                connection.expire(f"the request did not come whole within {self._seconds:g} s")
        self._look_again()

    def _is_not_read(self, connection: Connection, now: float) -> bool:
        """Whether a client takes next to nothing of what it is sent."""
        unread = connection.unread
        if not unread:
            self._unread.pop(connection, None)
            return False
        before, at = self._unread.setdefault(connection, (unread, now))
        if now - at < self._seconds:
            return False
        self._unread[connection] = unread, now
        return unread > before - _LEAST_READ * (now - at)


def _patience_with(connection: Connection, now: float) -> tuple[int, float]:
    """Less for those that are closed first."""
    if connection.closing:
        return 0, connection.since
    if connection.stage is Stage.IDLE:
        return 2, connection.since
    return 1 if now - connection.since > _YOUNG else 3, connection.since


def most_connections(asked: int) -> int:
    """How many connections may be open, at most `asked`, so that the index is still read and a newer generation opened:
    as many as this process may have files, for which it asks for as many as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = sum(1 for _ in Path("/dev/fd").iterdir())
    needed = 2 * used + _SPARE
    if soft != resource.RLIM_INFINITY and soft < needed + asked:
        wanted = needed + asked if hard == resource.RLIM_INFINITY else min(hard, needed + asked)
        if wanted > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        return max(_FEWEST, min(asked, soft - needed))
    return asked
