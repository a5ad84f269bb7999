"""Search for agents, by the Model Context Protocol: tools, and how they are called over HTTP.

The package mcp is an extra: this module is imported where agents are served, and nowhere else.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
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
from starlette.types import Receive, Scope, Send

from ...errors import SpartonError, UsageError, listed, short
from ...version import __version__
from ..hit_content import document_content
from ..searcher import Searcher
from .current import CurrentSearcher
from .hosts import EVERY
from .mcp_schemas import (
    Arguments,
    DescribeArguments,
    Description,
    EncodeArguments,
    Found,
    GetArguments,
    SearchArguments,
    Terms,
)
from .query_threads import QueryThreads
from .refusal import refuse
from .schemas import StoredDocument
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
    run: Callable[["Agents", Any, Searcher], Awaitable[dict[str, Any]]]

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
    """The tools over some indexes, by name; the first is meant where a call names none.

    most_k, most_offset: hits that a query may ask for, and pass over.
    """

    def __init__(
        self, indexes: Mapping[str, CurrentSearcher], threads: QueryThreads, *, most_k: int, most_offset: int
    ) -> None:
        self._indexes, self._threads = indexes, threads
        self._most_k, self._most_offset = most_k, most_offset

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
            with self._index(asked.index).use() as searcher:
                content = await kind.run(self, asked, searcher)
        except SpartonError as error:
            return _told(str(error))
        except HTTPException as error:  # the service is stopping
            return _told(error.detail)
        except Exception as error:
            log.exception("the tool %s met a fault", request.name)
            return _told(f"this call met a fault in Sparton ({type(error).__name__}); please report it")
        text = json.dumps(content, ensure_ascii=False)  # for agents that do not read what is structured
        return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=content)

    def _index(self, name: str | None) -> CurrentSearcher:
        if name is None:
            return next(iter(self._indexes.values()))
        if name not in self._indexes:
            raise UsageError(f"there is no index {short(name)}; the indexes are {listed([*self._indexes])}")
        return self._indexes[name]

    async def search(self, asked: SearchArguments, searcher: Searcher) -> dict[str, Any]:
        """As GET /search, without the times."""
        for name, value, least, most in (
            ("k", asked.k, 1, self._most_k),
            ("offset", asked.offset, 0, self._most_offset),
        ):
            if not least <= value <= most:
                raise UsageError(f"{name} is {short(value)}; expected {least} to {most}")
        more = {"filters": asked.filters, "facets": asked.facets, "sort": asked.sort, "offset": asked.offset}
        (content,) = await self._threads.answer(searcher, [asked.query], asked.k, False, more)
        found = json.loads(content)
        return {name: found[name] for name in ("hits", "total", "facets") if name in found}

    async def get_document(self, asked: GetArguments, searcher: Searcher) -> dict[str, Any]:
        """As GET /doc."""
        document = await self._threads.run(partial(searcher.get, asked.id))
        if document is None:
            raise UsageError(f"the index has no document {short(asked.id)}; expected the id of a hit")
        return document_content(document)

    async def describe_index(self, asked: DescribeArguments, searcher: Searcher) -> dict[str, Any]:
        """As GET /index, with values of the fields."""
        settings = searcher.manifest.settings
        name = asked.index or next(iter(self._indexes))
        fields = []
        for field in settings.fields:
            values = await self._threads.run(partial(searcher.frequent_values, field.name, _MOST_VALUES))
            told = [value for value in values if not isinstance(value, str) or len(value) <= _LONGEST_VALUE]
            fields.append({"name": field.name, "kind": field.kind, "values": told})
        return {
            "name": name,
            "indexes": [*self._indexes],
            "documents": len(searcher),
            "generation": searcher.manifest.state,
            "model": settings.model and settings.model.name.rstrip("/").rpartition("/")[2],
            "fields": fields,
        }

    async def encode(self, asked: EncodeArguments, searcher: Searcher) -> dict[str, Any]:
        """The terms of a text as a query."""
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
        Terms,
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
        if scope["method"] != "POST":
            method = scope["method"][:_LONGEST_VALUE]
            why = f"{scope['path']} does not take {method}; expected POST, as clients of MCP send"
            await refuse(send, 405, why, {"allow": "POST"})
        elif not self._allows(headers.get("origin"), headers.get("host", "")):
            why = (
                f"pages of the origin {short(headers['origin'])} may not speak for an agent; start the service with "
                "--cors-origin ORIGIN if they should"
            )
            await refuse(send, 403, why)
        else:
            await self._manager.handle_request(scope, receive, send)

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
