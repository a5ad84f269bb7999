"""Search for agents, by the Model Context Protocol: tools, and how they are called over HTTP.

The package mcp is an extra: this module is imported where agents are served, and nowhere else.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ...errors import SpartonError, listed, short
from ...version import __version__
from ..searcher import Searcher
from .bounds import Bounds
from .hosts import EVERY
from .indexes import Indexes, ServedIndex, described
from .jsonrpc import NoMessageError, as_line, read_message
from .mcp_schemas import (
    Arguments,
    DescribeArguments,
    Description,
    EncodeArguments,
    Found,
    GetArguments,
    SearchArguments,
)
from .query_threads import QueryThreads
from .refusal import fault
from .schemas import EncodedText, StoredDocument
from .validated import refuse_unknown, validated

_MOST_VALUES, _LONGEST_VALUE = 10, 100  # of a field, and letters of one, as an agent is told them
log = logging.getLogger("sparton")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A tool: what it takes and gives, and the method that does it."""

    title: str
    description: str
    arguments: type[Arguments]
    gives: type[BaseModel]
    run: Callable[["Agents", Any, ServedIndex, Searcher], Awaitable[dict[str, Any]]]

    def tool(self, name: str) -> Tool:
        """The tool as agents are told of it."""
        return Tool(
            name=name,
            title=self.title,
            description=self.description,
            input_schema=self.arguments.model_json_schema(),
            output_schema=self.gives.model_json_schema(),
            annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
        )


class Agents:
    """The tools over some indexes, of which the first is meant where a call names none."""

    def __init__(self, indexes: Indexes, threads: QueryThreads, bounds: Bounds) -> None:
        self._indexes, self._threads, self._bounds = indexes, threads, bounds

    def server(self) -> "Server[Any]":
        """What speaks the protocol."""
        return Server(
            "sparton",
            version=__version__,
            title="Sparton",
            instructions="Searches documents by learned sparse retrieval: queries are plain words, hits come best "
            "first, and filters on fields narrow them. Ask describe_index first for fields and their values.",
            on_list_tools=self._list,
            on_call_tool=self._call,
        )

    async def _list(self, context: Any, request: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[kind.tool(name) for name, kind in _TOOLS.items()])

    async def _call(self, context: Any, request: CallToolRequestParams) -> CallToolResult:
        """What a tool gives; a sentence, marked as an error, where it was asked for what cannot be meant."""
        kind = _TOOLS.get(request.name)
        if kind is None:
            raise MCPError(INVALID_PARAMS, f"there is no tool {short(request.name)}; the tools are {listed([*_TOOLS])}")
        try:
            given, what = request.arguments or {}, f"the tool {request.name}"
            refuse_unknown(kind.arguments, given, what, "argument")
            asked = validated(kind.arguments, given, what)
            index = self._indexes.named(asked.index)
            with index.current.use() as searcher:
                content = await kind.run(self, asked, index, searcher)
        except SpartonError as error:
            return _told(str(error))
        except HTTPException as error:  # the service is stopping
            return _told(error.detail)
        except Exception as error:
            log.exception("the tool %s met a fault", request.name)
            return _told(fault("this call", error))
        text = json.dumps(content, ensure_ascii=False)  # for agents that do not read what is structured
        return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=content)

    async def search(self, asked: SearchArguments, index: ServedIndex, searcher: Searcher) -> dict[str, Any]:
        """As GET /search, without the times."""
        self._bounds.check(asked.k, asked.offset)
        (content,) = await self._threads.answer(searcher, [asked.query], asked.k, False, asked.more())
        found = json.loads(content)
        return {name: found[name] for name in ("hits", "reason", "total", "facets", "more_values") if name in found}

    async def get_document(self, asked: GetArguments, index: ServedIndex, searcher: Searcher) -> dict[str, Any]:
        """As GET /doc."""
        return await self._threads.run(partial(index.document, searcher, asked.id))

    async def describe_index(self, asked: DescribeArguments, index: ServedIndex, searcher: Searcher) -> dict[str, Any]:
        """As GET /indexes has it, with values of the fields."""
        content = described(index.name, searcher)
        for field in content["fields"]:
            values = await self._threads.run(partial(searcher.frequent_values, field["name"], _MOST_VALUES))
            field["values"] = [value for value in values if not isinstance(value, str) or len(value) <= _LONGEST_VALUE]
        return {**content, "indexes": [one.name for one in self._indexes]}

    async def encode(self, asked: EncodeArguments, index: ServedIndex, searcher: Searcher) -> dict[str, Any]:
        """As GET /encode, as a query."""
        (terms,) = await self._threads.encode(searcher, [asked.text])
        return {"text": asked.text, "terms": json.loads(terms)}


_TOOLS = {
    "search": _Kind(
        "Search",
        "Find the documents that match a query best. The query is plain words: the model adds related terms by itself. "
        "Narrow hits by filters on fields rather than by words in the query.",
        SearchArguments,
        Found,
        Agents.search,
    ),
    "get_document": _Kind(
        "Get a document",
        "Get one document by its id: its whole text and its fields, and its passages if it was split.",
        GetArguments,
        StoredDocument,
        Agents.get_document,
    ),
    "describe_index": _Kind(
        "Describe an index",
        "Say how many documents an index has, and which fields they have, of which kinds, with their most frequent "
        "values, so that filters, facets and orders can be written. Names all indexes.",
        DescribeArguments,
        Description,
        Agents.describe_index,
    ),
    "encode": _Kind(
        "Encode a text",
        "Give the terms and weights that the index's model makes of a text as a query.",
        EncodeArguments,
        EncodedText,
        Agents.encode,
    ),
}


class Endpoint:
    """ASGI application: the protocol over HTTP, a response to each POST. Nothing is kept of a client in between.

    origins: of other pages that may use it, * for all.
    """

    def __init__(self, agents: Agents, origins: tuple[str, ...]) -> None:
        self._manager = StreamableHTTPSessionManager(agents.server(), json_response=True, stateless=True)
        self._origins = origins

    def running(self) -> AbstractAsyncContextManager[None]:
        """Serves requests until it is left."""
        return self._manager.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or have it handled."""
        headers = Headers(scope=scope)
        if not self._allows(headers.get("origin"), headers.get("host", "")):
            why = (
                f"pages of the origin {short(headers['origin'])} may not speak for an agent; start the service with "
                "--cors-origin ORIGIN if they should"
            )
            raise HTTPException(403, why)
        whole = await receive()  # as BoundedRequests gives it
        try:
            read_message(whole.get("body", b""), "the body")
        except NoMessageError as error:
            await Response(as_line(error.response()), 400, media_type="application/json")(scope, receive, send)
            return
        given = iter([whole])

        async def again() -> Message:
            return next(given, None) or await receive()

        await self._manager.handle_request(scope, again, send)

    def _allows(self, origin: str | None, host: str) -> bool:
        """Whether a request is from no page, from one of this service's own, or from one that is named."""
        if origin is None or EVERY in self._origins or origin in self._origins:
            return True
        try:
            return urlsplit(origin).netloc.lower() == host.lower() != ""
        except ValueError:
            return False


def _told(why: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=why)], is_error=True)
