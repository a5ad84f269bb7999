"""Messages between the protocol's SDK and an agent, a line of bytes each: read, written, and counted until answered.

The SDK cancels what it has begun as soon as there is no more to read. So the end is kept from it until all is answered,
or for as long as a service has that is told to stop.
"""

import asyncio
from io import FileIO
from typing import Any, BinaryIO

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.server import Server
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp_types import JSONRPCError, JSONRPCMessage, JSONRPCRequest, JSONRPCResponse

from .jsonrpc import NoMessageError, as_line, read_message
from .query_threads import ANSWERED, CLOSED, GRACE, QueryThreads

_WRITTEN = 0.5  # seconds that the last message has, of an agent that takes none any more


class AgentStreams:
    """Lines that an agent sends, and those that it is sent. threads: which search for it, and are stopped at the
    end. out: unbuffered, so that nobody who closes it waits for an agent that reads no more."""

    def __init__(self, lines: BinaryIO, out: FileIO, threads: QueryThreads) -> None:
        self._lines, self._out, self._threads = lines, out, threads
        self._unanswered = 0
        self._settled = anyio.Event()
        self._writing = anyio.Lock()
        self._broken: OSError | None = None

    async def serve(self, server: "Server[Any]") -> None:
        """Have a server get what is read and write what it says, until there is no more and all is answered.

        Raises OSError where nothing can be written, as for an agent that has gone.
        """
        to_server, given = anyio.create_memory_object_stream[SessionMessage | Exception]()
        taken, from_server = anyio.create_memory_object_stream[SessionMessage]()
        written = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(self._read, to_server, group)
            group.start_soon(self._write_all, from_server, written, group)
            await server.run(given, taken, server.create_initialization_options())
            with anyio.move_on_after(_WRITTEN):
                await written.wait()
            group.cancel_scope.cancel()
        if self._broken:
            raise self._broken

    async def _read(self, to_server: MemoryObjectSendStream[SessionMessage | Exception], group: TaskGroup) -> None:
        async with to_server:
            while line := await anyio.to_thread.run_sync(self._lines.readline, abandon_on_cancel=True):
                if not line.strip():
                    continue
                try:
                    message = read_message(line.rstrip(b"\r\n"), "the line")
                except NoMessageError as error:
                    await self._write(error.response(), group)
                    continue
                if isinstance(message, JSONRPCRequest):
                    self._unanswered += 1
                metadata = ServerMessageMetadata(on_request_unanswered=self._settle)
                await to_server.send(SessionMessage(message, metadata))
            await self._until_answered()

    async def _until_answered(self) -> None:
        """Wait for what is under way, as a service does that is told to stop."""
        loop = asyncio.get_running_loop()
        timers = loop.call_later(ANSWERED, self._threads.stop), loop.call_later(CLOSED, self._threads.give_up)
        try:
            with anyio.move_on_after(GRACE):
                while self._unanswered:
                    self._settled = anyio.Event()
                    await self._settled.wait()
        finally:
            for timer in timers:
                timer.cancel()

    async def _settle(self) -> None:
        """Count a request that is answered, or that its agent took back."""
        self._unanswered -= 1
        self._settled.set()

    async def _write_all(
        self, from_server: MemoryObjectReceiveStream[SessionMessage], written: anyio.Event, group: TaskGroup
    ) -> None:
        async with from_server:
            async for sent in from_server:
                await self._write(sent.message, group)
                if isinstance(sent.message, JSONRPCResponse | JSONRPCError) and sent.message.id is not None:
                    await self._settle()
        written.set()

    async def _write(self, message: JSONRPCMessage, group: TaskGroup) -> None:
        line = f"{as_line(message)}\n".encode()
        async with self._writing:
            try:
                while line:
                    line = line[await anyio.to_thread.run_sync(self._out.write, line, abandon_on_cancel=True) :]
            except OSError as error:  # nobody is there to be answered
                self._broken = error
                self._threads.stop()
                self._threads.give_up()
                group.cancel_scope.cancel()
