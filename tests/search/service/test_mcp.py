"""Agents: the protocol's own client gets over each transport what the searcher finds."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import asynccontextmanager, closing
from dataclasses import asdict

import anyio
import pytest
from fastapi.testclient import TestClient
from support.serving import SPARTON, serving
from support.with_fields import SHOP, index_with_fields

import sparton
from sparton.errors import UsageError
from sparton.search.service.app import ServiceOptions, make_app
from sparton.search.service.bounds import Bounds
from sparton.search.service.indexes import served_indexes
from sparton.search.service.keys import Keys
from sparton.search.service.metrics import Metrics
from sparton.search.service.query_threads import QueryThreads

pytest.importorskip("mcp", reason="mcp is not installed (extra mcp)")
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.exceptions import MCPError

from sparton.search.service import agent_streams
from sparton.search.service.connections import STOPPING
from sparton.search.service.mcp import Agents

KEY = "kept-by-the-shop-0123456789"
COLOURS, BRANDS = ("black", "red", "tan"), ("Adele", "Odile & Co", "x" * 101)
TOOLS = ["search", "get_document", "describe_index", "encode"]


@pytest.fixture(scope="module")
def stock(static_model, tmp_path_factory):
    """An index of 12 bags with fields."""
    documents = {
        f"B{number:02}": (
            f"{COLOURS[number % 3]} {('bag', 'hat')[number % 2]}" + " small" * number,
            {
                "price": 10.5 * (number % 4),
                "brand": BRANDS[number % 3],
                "in_stock": number % 2 == 0,
                "added": f"2026-01-{number + 1:02}T00:00:00Z",
                "tags": ["new", COLOURS[number % 3]],
            },
        )
        for number in range(12)
    }
    return index_with_fields(tmp_path_factory.mktemp("stock") / "stock", documents, SHOP, model=str(static_model))


@pytest.fixture(scope="module")
def stock_searcher(stock):
    """The bags, open."""
    with closing(sparton.Searcher(stock)) as searcher:
        yield searcher


@pytest.fixture
def threads():
    """Threads that search."""
    made = QueryThreads(2, Metrics())
    yield made
    made.close()


@pytest.fixture
def agents(threads, stock_searcher, light_searcher):
    """The tools over two indexes."""
    return tools({"bags": stock_searcher, "catalogue": light_searcher}, threads)


def tools(searchers, threads):
    """The tools over searchers, by name."""
    return Agents(served_indexes(searchers), threads, Bounds(most_k=50, most_offset=100))


def asked(server, *calls):
    """What calls of tools give, one after the other, on one connection. server: as Client takes it."""

    async def ask():
        async with Client(server, read_timeout_seconds=120) as client:
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return anyio.run(ask)


def content(result):
    """What a tool gave, which its text says too."""
    assert not result.is_error, result.content
    (text,) = result.content
    assert json.loads(text.text) == result.structured_content
    return result.structured_content


def expected(searcher, query, k=10, **more):
    """What `search` has to give."""
    answer = searcher.answer(query, k, **more)
    hits = [{name: value for name, value in asdict(hit).items() if name != "passage"} for hit in answer.hits]
    found = {"hits": hits}
    if answer.total is not None:
        facets = {name: [asdict(one) for one in counts] for name, counts in answer.facets.items()}
        found |= {"total": answer.total, "facets": facets}
    if answer.more_values:
        found["more_values"] = answer.more_values
    if answer.reason:
        found["reason"] = answer.reason
    return found


SEARCHES = [
    {"query": "small black bag"},
    {"query": "red hat", "k": 3, "offset": 1},
    {
        "query": "bag",
        "k": 50,
        "filters": ["price < 20 and brand = 'Odile & Co'", "in_stock"],
        "facets": ["brand", "price"],
    },
    {"query": "bag hat", "sort": "-price", "k": 12},
    {"query": "bag", "filters": ["added >= 2026-01-05", "tags = red"], "sort": "added"},
    {"query": ""},
]


def test_searches_find_what_the_searcher_finds(agents, stock_searcher):
    results = asked(agents.server(), *(("search", search) for search in SEARCHES))
    for search, result in zip(SEARCHES, results, strict=True):
        assert content(result) == expected(stock_searcher, **search)
    assert [len(content(result)["hits"]) for result in results][:2] == [10, 3]
    assert content(results[-1]) == {"hits": [], "reason": "the query is empty"}


def test_documents_terms_and_the_index_itself(agents, stock_searcher):
    document, empty, terms, index = asked(
        agents.server(),
        ("get_document", {"id": "B07"}),
        ("encode", {"text": "  "}),
        ("encode", {"text": "small black bag"}),
        ("describe_index", {}),
    )
    assert content(document) == {
        "id": "B07",
        "text": "red hat" + " small" * 7,
        "fields": dict(stock_searcher.get("B07").fields),
    }
    assert content(empty) == {"text": "  ", "terms": {}}
    found = content(terms)["terms"]
    assert list(found.items()) == list(stock_searcher.terms("small black bag").items())
    assert content(index) == {
        "name": "bags",
        "indexes": ["bags", "catalogue"],
        "documents": 12,
        "generation": stock_searcher.manifest.state,
        "model": "static",
        "fields": [
            {"name": "price", "kind": "number", "values": [0, 10.5, 21, 31.5]},
            {"name": "brand", "kind": "string", "values": ["Adele", "Odile & Co"]},
            {"name": "in_stock", "kind": "boolean", "values": [False, True]},
            {"name": "added", "kind": "timestamp", "values": [f"2026-01-{day:02}T00:00:00Z" for day in range(1, 11)]},
            {"name": "tags", "kind": "strings", "values": ["new", "black", "red", "tan"]},
        ],
    }


@pytest.mark.slow
def test_a_document_that_was_split_has_its_passages_as_over_http(threads, small_catalog, static_model, tmp_path):
    folder = tmp_path / "split"
    sparton.build_index(small_catalog, folder, model=str(static_model), chunk=True, max_length=12)
    with closing(sparton.Searcher(folder)) as searcher:
        name = max((hit.id for hit in searcher.search("bag", 20)), key=lambda name: len(searcher.get(name).passages))
        (document,) = asked(tools({"split": searcher}, threads).server(), ("get_document", {"id": name}))
        with TestClient(make_app({"split": searcher}), "http://localhost") as client:
            assert content(document) == client.get(f"/doc/{name}").json()
        assert content(document)["passages"] == list(searcher.get(name).passages)
        assert len(content(document)["passages"]) > 1


def test_values_that_are_told_can_be_filtered_by(agents):
    (index,) = asked(agents.server(), ("describe_index", {}))
    conditions = [
        f"{field['name']} = {json.dumps(value)}" for field in content(index)["fields"] for value in field["values"]
    ]
    found = asked(agents.server(), *(("search", {"query": "bag hat", "filters": [one]}) for one in conditions))
    assert [bool(content(one)["hits"]) for one in found] == [True] * len(conditions)


def test_another_index_is_named(agents, light_searcher):
    found, document, index = asked(
        agents.server(),
        ("search", {"query": "black bag", "k": 4, "index": "catalogue"}),
        ("get_document", {"id": light_searcher.search("red bag", 1)[0].id, "index": "catalogue"}),
        ("describe_index", {"index": "catalogue"}),
    )
    assert content(found) == expected(light_searcher, "black bag", 4)
    assert content(document)["text"] == light_searcher.search("red bag", 1)[0].text
    assert (content(index)["name"], content(index)["documents"], content(index)["fields"]) == ("catalogue", 64, [])


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("search", {"query": "bag", "k": 0}, "k is 0; expected 1 to 50"),
        ("search", {"query": "bag", "k": 51}, "k is 51; expected 1 to 50"),
        ("search", {"query": "bag", "offset": -1}, "offset is -1; expected 0 to 100"),
        ("search", {"query": "a", "index": "shoes"}, "no index has the name 'shoes'; expected one of bags, catalogue"),
        ("search", {}, "query is missing; the tool search needs it"),
        (
            "search",
            {"query": "bag", "limit": 3},
            "the tool search has no argument 'limit' (did you mean k?); its arguments are index, query, k, filters, "
            "facets, sort, offset",
        ),
        (
            "search",
            {"text": "bag"},
            "the tool search has no argument 'text' (did you mean query?); its arguments are index, query, k, filters, "
            "facets, sort, offset",
        ),
        (
            "search",
            {"query": "bag", "search_with": "seismic"},
            "the tool search has no argument 'search_with', which is chosen when the service is started (sparton serve "
            "--with); its arguments are index, query, k, filters, facets, sort, offset",
        ),
        (
            "search",
            {"query": "bag", "filter": ["price < 3"]},
            "the tool search has no argument 'filter' (did you mean filters?); its arguments are index, query, k, "
            "filters, facets, sort, offset",
        ),
        ("search", {"query": "a" * 4_097}, "query has 4,097 letters; expected at most 4,096"),
        ("search", {"query": "a", "filters": ["a"] * 33}, "filters has 33 entries; expected at most 32"),
        ("search", {"query": 7}, "query is 7; expected a text"),
        ("search", {"query": "bag", "k": "10"}, "k is '10'; expected a whole number"),
        ("search", {"query": "bag", "k": 10.0}, "k is 10.0; expected a whole number"),
        ("search", {"query": "bag", "k": True}, "k is true; expected a whole number"),
        ("search", {"query": "bag", "k": None}, "k is null; expected a whole number"),
        ("search", {"query": "bag", "filters": "price < 3"}, "filters is 'price < 3'; expected a list of texts"),
        ("search", {"query": "bag", "sort": ["price"]}, "sort is a list; expected a text"),
        ("search", {"query": "bag", "index": {}}, "index is an object; expected a text"),
        (
            "search",
            {"query": "bag", "facets": [1, 2, None, {}, [], True, 7]},
            "facets[0] is 1; expected a text; facets[1] is 2; expected a text; facets[2] is null; expected a text; "
            "facets[3] is an object; expected a text; facets[4] is a list; expected a text; and 2 more of the kind",
        ),
        ("get_document", {"id": 7}, "id is 7; expected a text"),
        ("encode", {"text": ["bag"]}, "text is a list; expected a text"),
        ("get_document", {"id": "B99"}, "bags has no document with the id 'B99'"),
        ("get_document", {"id": "B07#0"}, "bags has no document with the id 'B07#0'"),
        (
            "encode",
            {"texts": "bag"},
            "the tool encode has no argument 'texts' (did you mean text?); its arguments are index, text",
        ),
        ("describe_index", {"query": 1}, "the tool describe_index has no argument 'query'; its arguments are index"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence_that_an_agent_reads(agents, tool, arguments, sentence):
    (result,) = asked(agents.server(), (tool, arguments))
    assert (result.is_error, [one.text for one in result.content]) == (True, [sentence])
    assert result.structured_content is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("k", value) for value in ("10", 10.5, True, None, [], {}, 0, 51, 10**30)),
        *(("offset", value) for value in ("0", -1, 101, None)),
        *(("filters", value) for value in ("price < 3", None, [3], ["a"] * 33, ["a" * 4_097], {"a": "b"})),
        *(("facets", value) for value in ("price", [None, True])),
        *(("sort", value) for value in (3, ["price"], "a" * 4_097)),
    ],
)
def test_an_agent_is_told_what_the_body_of_a_post_is_told(agents, stock_searcher, field, value):
    options = ServiceOptions(most_k=50, most_offset=100)
    (result,) = asked(agents.server(), ("search", {"query": "bag", field: value}))
    with TestClient(make_app(stock_searcher, options), "http://localhost") as client:
        refused = client.post("/search", json={"queries": ["bag"], field: value})
    assert (result.is_error, refused.status_code) == (True, 422)
    assert result.content[0].text == refused.json()["detail"]


@pytest.mark.parametrize(
    "more", [{"filters": ["price <"]}, {"filters": ["colour = red"]}, {"sort": "tags"}, {"facets": ["colour"]}]
)
def test_what_the_searcher_refuses_is_said_as_it_says_it(agents, stock_searcher, more):
    (result,) = asked(agents.server(), ("search", {"query": "bag", **more}))
    with pytest.raises(UsageError) as refused:
        stock_searcher.answer("bag", **more)
    assert (result.is_error, result.content[0].text) == (True, str(refused.value))


def test_a_fault_is_owned_up_to_and_a_tool_that_is_none_is_the_clients_error(agents, threads):
    (result,) = asked(tools({"bags": None}, threads).server(), ("encode", {"text": "bag"}))
    assert (result.is_error, result.content[0].text) == (
        True,
        "this call met a fault in Sparton (AttributeError); please report it",
    )

    async def unknown():
        async with Client(agents.server()) as client:
            with pytest.raises(MCPError) as refused:
                await client.call_tool("delete", {})
            return refused.value.message

    assert anyio.run(unknown) == f"there is no tool 'delete'; the tools are {', '.join(TOOLS)}"


def test_tools_are_described_with_schemas(agents):
    async def listed():
        async with Client(agents.server()) as client:
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in anyio.run(listed)}
    assert list(tools) == TOOLS
    for tool in tools.values():
        assert tool.annotations.read_only_hint
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema["type"] == "object"
    assert list(tools["search"].input_schema["properties"]) == [
        *("index", "query", "k", "filters", "facets", "sort", "offset"),
    ]
    assert tools["search"].input_schema["required"] == ["query"]
    assert "`price < 100`" in tools["search"].input_schema["properties"]["filters"]["description"]


@asynccontextmanager
async def over_http(address, mode, headers):
    """A connection to a service, that says who it is by headers."""
    async with create_mcp_http_client(headers=headers) as http:
        transport = streamable_http_client(f"{address}mcp", http_client=http)
        async with Client(transport, mode=mode, read_timeout_seconds=120) as client:
            yield client


@pytest.mark.slow
def test_a_service_is_an_agents_server_too(stock, stock_searcher, tmp_path):
    path = tmp_path / "keys"
    path.write_text(KEY)
    path.chmod(0o600)

    async def ask(address, mode, headers):
        async with over_http(address, mode, headers) as client:
            return [await client.call_tool("search", search) for search in SEARCHES]

    async def ask_at_once(address):
        results = {}

        async def one(number):
            async with over_http(address, "auto", {"x-api-key": KEY}) as client:
                results[number] = await client.call_tool("search", SEARCHES[number % len(SEARCHES)])

        async with anyio.create_task_group() as group:
            for number in range(12):
                group.start_soon(one, number)
        return results

    with serving(stock, "--mcp", "--api-key-file", str(path)) as address:
        for mode in ("legacy", "auto"):
            for result, search in zip(
                anyio.run(ask, address, mode, {"authorization": f"Bearer {KEY}"}), SEARCHES, strict=True
            ):
                assert content(result) == expected(stock_searcher, **search)
        for number, result in anyio.run(ask_at_once, address).items():
            assert content(result) == expected(stock_searcher, **SEARCHES[number % len(SEARCHES)])


def rpc(client, method, headers=(), **params):
    """A request of the protocol, as it goes over HTTP."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    accept = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
    return client.post("/mcp", json=body, headers={**accept, **dict(headers)})


def test_the_same_limits_hold_as_for_all_else(stock_searcher):
    app = make_app(stock_searcher, ServiceOptions(mcp=True, cors_origins=("https://shop.example",)))
    with TestClient(app, "http://localhost") as client:
        search = {"name": "search", "arguments": {"query": "black bag", "k": 2}}
        for headers in ({}, {"origin": "http://localhost"}, {"origin": "https://shop.example"}):
            found = rpc(client, "tools/call", headers, **search)
            assert found.json()["result"]["structuredContent"] == expected(stock_searcher, "black bag", 2)
            assert found.headers["x-content-type-options"] == "nosniff"
        for origin in ("https://evil.example", "null", "http://localhost:81", "http://[::1"):
            found = rpc(client, "tools/call", {"origin": origin}, **search)
            assert (found.status_code, found.json()) == (
                403,
                {
                    "detail": f"pages of the origin {origin!r} may not speak for an agent; start the service with "
                    "--cors-origin ORIGIN if they should"
                },
            )
        assert rpc(client, "tools/call", {"host": "evil.example"}, **search).status_code == 421
        assert rpc(client, "tools/call", name="search", arguments={"query": "a" * 2**20}).status_code == 413
        for method in ("GET", "DELETE", "HEAD"):
            refused = client.request(method, "/mcp")
            assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
            if method != "HEAD":
                why = f"/mcp does not take {method}; expected POST"
                assert refused.json() == {"detail": why}
        metrics = client.get("/metrics").text
        assert 'sparton_requests_total{path="/mcp",status="200"} 3.0' in metrics
        assert "sparton_queries_total 3.0" in metrics


@pytest.mark.parametrize(("mcp", "more"), [(True, "/openapi.json, /mcp, or"), (False, "/openapi.json, or")])
def test_who_asks_for_what_is_not_served_is_told_of_it_where_agents_are_served(stock_searcher, mcp, more):
    with TestClient(make_app(stock_searcher, ServiceOptions(mcp=mcp)), "http://localhost") as client:
        found = client.get("/mpc")
    every = "/search, /encode, /doc/{id}, /index, /indexes, /health, /metrics, /, /docs"
    assert (found.status_code, found.json()) == (
        404,
        {"detail": f"nothing is served at /mpc; expected {every}, {more} one of an index as /indexes/NAME/search"},
    )


def test_an_agent_needs_a_key_where_all_need_one(stock_searcher, tmp_path):
    path = tmp_path / "keys"
    path.write_text(KEY)
    app = make_app(stock_searcher, ServiceOptions(mcp=True, keys=Keys(str(path))))
    with TestClient(app, "http://localhost") as client:
        search = {"name": "search", "arguments": {"query": "black bag", "k": 2}}
        for headers in ({}, {"x-api-key": "nobody-has-this-key-42"}):
            found = rpc(client, "tools/call", headers, **search)
            assert found.status_code == 401
            assert "send the header `Authorization: Bearer KEY`" in found.json()["detail"]
        found = rpc(client, "tools/call", {"authorization": f"Bearer {KEY}"}, **search)
        assert found.json()["result"]["structuredContent"] == expected(stock_searcher, "black bag", 2)


def test_too_many_at_once_are_told_to_come_back(stock_searcher):
    with TestClient(make_app(stock_searcher, ServiceOptions(mcp=True, waiting=0)), "http://localhost") as client:
        found = rpc(client, "tools/list")
    assert (found.status_code, found.json()) == (503, {"detail": "too many requests at once; try again in a second"})


EXPECTED = 'expected an object as {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'
NO_REQUESTS = [
    (b"{bad", None, -32700, "is no JSON (Expecting property name enclosed in double quotes at character 1)"),
    (b"bag", None, -32700, "is no JSON (Expecting value at character 0)"),
    (b'"\xff"', None, -32700, "is no text in UTF-8"),
    (b"[" * 501, None, -32700, "is nested too deeply"),
    (b'{"id": ' + b"1" * 5_000 + b"}", None, -32700, "has a number of more digits than can be read"),
    (b"[]", None, -32600, "is no JSON-RPC request: it is a list"),
    (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', None, -32600, "is no JSON-RPC request: it is a list"),
    (b"null", None, -32600, "is no JSON-RPC request: it is null"),
    (b'"ping"', None, -32600, "is no JSON-RPC request: it is 'ping'"),
    (b'{"id": 1}', 1, -32600, "is no JSON-RPC request: it has no jsonrpc"),
    (b'{"jsonrpc": 2.0, "id": "a"}', "a", -32600, "is no JSON-RPC request: its jsonrpc is 2.0"),
    (b'{"jsonrpc": "2.0", "id": 7}', 7, -32600, "is no JSON-RPC request: it has no method"),
    (b'{"jsonrpc": "2.0", "id": 7, "method": 1}', 7, -32600, "is no JSON-RPC request: its method is 1"),
    (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', None, -32600, "is no JSON-RPC request: its id is null"),
    (b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', None, -32600, "is no JSON-RPC request: its id is 1.5"),
    (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', None, -32600, "is no JSON-RPC request: its id is true"),
    (
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}',
        1,
        -32600,
        "is no JSON-RPC request: its params are a list",
    ),
    (b'{"jsonrpc": "2.0", "id": "\\ud800", "method": "ping"}', None, -32600, "is no JSON-RPC request"),
    (b'{"jsonrpc": "2.0", "id": 3, "error": 5}', 3, -32600, "is no JSON-RPC request"),
]


def refusal(number, code, sentence):
    """What the sender of no request is told."""
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": f"{sentence}; {EXPECTED}"}}


@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28", None])
def test_a_body_that_is_no_request_is_a_sentence(stock_searcher, version):
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    headers |= {"mcp-protocol-version": version} if version else {}
    with TestClient(make_app(stock_searcher, ServiceOptions(mcp=True)), "http://localhost") as client:
        for body, number, code, why in NO_REQUESTS:
            found = client.post("/mcp", content=body, headers=headers)
            assert (found.status_code, found.json()) == (400, refusal(number, code, f"the body {why}"))
            assert found.headers["content-type"] == "application/json"


HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
OPENING = [
    {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HELLO},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
]


def calls(*searches):
    """Lines that begin a conversation and search, from the id 1 on."""
    every = [
        {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "search", "arguments": search}}
        for number, search in enumerate(searches, start=1)
    ]
    return [json.dumps(message).encode() for message in (*OPENING, *every)]


def said(agents, threads, lines, tmp_path):
    """What an agent is told that sends some lines and no more, by id, and that which has none."""

    async def serve():
        with anyio.fail_after(120):
            await streams.serve(agents.server())

    with io.FileIO(tmp_path / "said", "w") as out:
        streams = agent_streams.AgentStreams(io.BytesIO(b"\n".join(lines)), out, threads)
        anyio.run(serve)
    every = [json.loads(line) for line in (tmp_path / "said").read_text().splitlines()]
    numbered = {one["id"]: one for one in every if one["id"] is not None}
    unnumbered = [one for one in every if one["id"] is None]
    assert len(every) == len(numbered) + len(unnumbered)
    return numbered, unnumbered


def test_what_was_read_before_stdin_ended_is_answered(agents, threads, stock_searcher, tmp_path):
    found, rest = said(agents, threads, calls(*SEARCHES), tmp_path)
    assert (sorted(found), rest) == ([*range(len(SEARCHES) + 1)], [])
    for number, search in enumerate(SEARCHES, start=1):
        assert found[number]["result"]["structuredContent"] == expected(stock_searcher, **search)


def test_a_line_that_is_no_request_is_a_sentence(agents, threads, stock_searcher, tmp_path):
    every = [one for one in NO_REQUESTS if one[1] is None]
    first, *more = [line for line, *_ in every]
    found, rest = said(agents, threads, [first, b"", *calls(SEARCHES[0]), b"  \r", *more], tmp_path)
    assert found[1]["result"]["structuredContent"] == expected(stock_searcher, **SEARCHES[0])
    assert rest == [refusal(None, code, f"the line {why}") for _, _, code, why in every]
    found, rest = said(agents, threads, [b'{"id": "a"}'], tmp_path)
    assert (found, rest) == (
        {"a": refusal("a", -32600, "the line is no JSON-RPC request: it has no jsonrpc")},
        [],
    )


class Endless:
    """A searcher that encodes until it is let go."""

    def __init__(self, searcher):
        self._searcher, self.go = searcher, threading.Event()

    def __getattr__(self, name):
        return getattr(self._searcher, name)

    def terms_each(self, queries):
        """As Searcher's, once it may go on."""
        assert self.go.wait(120)
        return self._searcher.terms_each(queries)


def test_a_search_that_never_ends_holds_up_no_end(threads, stock_searcher, tmp_path, monkeypatch):
    for name, seconds in (("ANSWERED", 0.05), ("CLOSED", 0.1)):
        monkeypatch.setattr(agent_streams, name, seconds)
    endless = Endless(stock_searcher)
    found, rest = said(tools({"bags": endless}, threads), threads, calls(SEARCHES[0], SEARCHES[1]), tmp_path)
    assert not endless.go.is_set()
    endless.go.set()
    assert (sorted(found), rest) == ([0, 1, 2], [])
    for number in (1, 2):
        assert found[number]["result"]["isError"] is True
        assert found[number]["result"]["content"] == [{"type": "text", "text": STOPPING}]


def test_an_agent_that_takes_nothing_any_more_ends_it(agents, threads):
    lines, out = os.pipe()
    os.close(lines)
    with io.FileIO(out, "w") as closed:
        streams = agent_streams.AgentStreams(io.BytesIO(b"\n".join(calls(*SEARCHES))), closed, threads)
        with pytest.raises(BrokenPipeError):
            anyio.run(streams.serve, agents.server())


STDIO = ("serve", "--mcp", "--stdio", "--index")


@pytest.mark.slow
def test_lines_of_a_pipe_that_has_ended_are_all_answered(stock, stock_searcher):
    ran = subprocess.run([*SPARTON, *STDIO, str(stock)], input=b"\n".join(calls(*SEARCHES)), capture_output=True)
    found = {line["id"]: line["result"] for line in map(json.loads, ran.stdout.splitlines())}
    assert (ran.returncode, sorted(found)) == (0, [*range(len(SEARCHES) + 1)])
    for number, search in enumerate(SEARCHES, start=1):
        assert found[number]["structuredContent"] == expected(stock_searcher, **search)


@pytest.mark.slow
def test_an_agent_that_starts_the_command_gets_the_same(stock, stock_searcher):
    server = StdioServerParameters(
        command=sys.executable,
        args=[*SPARTON[1:], *STDIO, str(stock)],
        env={"PYTHONPATH": os.environ.get("PYTHONPATH", "")},
    )
    results = asked(server, *(("search", search) for search in SEARCHES), ("get_document", {"id": "B01"}))
    for result, search in zip(results[:-1], SEARCHES, strict=True):
        assert content(result) == expected(stock_searcher, **search)
    assert content(results[-1])["text"] == "red hat small"


@pytest.mark.slow
def test_stdout_has_the_protocol_alone_and_the_end_of_stdin_ends_it(stock):
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    # Java says which options it took on what it takes for stdout.
    environment = {**os.environ, "JDK_JAVA_OPTIONS": "", "JAVA_TOOL_OPTIONS": "-Xlog:gc=info:stdout"}
    with subprocess.Popen(
        [*SPARTON, *STDIO, str(stock)], env=environment, stdin=-1, stdout=-1, stderr=-1, text=True
    ) as process:
        try:
            for message in messages:
                process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
            lines = [json.loads(process.stdout.readline()) for _ in range(2)]
            rest, said = process.communicate(timeout=120)  # which closes stdin
        finally:
            process.kill()
    assert [line["id"] for line in lines] == [1, 2]
    assert lines[0]["result"]["serverInfo"] == {"name": "sparton", "title": "Sparton", "version": sparton.__version__}
    assert [tool["name"] for tool in lines[1]["result"]["tools"]] == TOOLS
    assert (rest, process.returncode) == ("", 0)
    assert "Traceback" not in said


@pytest.mark.slow
def test_control_c_ends_it_though_stdin_stays_open(stock):
    with subprocess.Popen(
        [*SPARTON, *STDIO, str(stock)],
        stdin=-1,
        stdout=-1,
        stderr=-1,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            process.stdin.write('{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
            process.stdin.flush()
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            code = process.wait(120)
            said = process.stderr.read()
        finally:
            process.kill()
    assert (code, said.splitlines()[-1:]) == (130, ["sparton: stopped"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--stdio"], "--stdio is how one agent is served; add --mcp"),
        *(
            (
                ["--mcp", "--stdio", *options],
                f"{options[0]} is for HTTP, and with --stdio there is none; leave out one of them",
            )
            for options in (
                *(["--port", "0"], ["--host", "0.0.0.0"], ["--allow-host", "a"], ["--image-host", "a"]),
                *(["--api-key-file", "keys"], ["--cors-origin", "*"], ["--access-log"]),
            )
        ),
    ],
)
def test_options_that_mean_nothing_together_are_refused(run_cli, options, sentence):
    ran = run_cli("serve", "--index", "no such index", *options)
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {sentence}\n")


@pytest.mark.parametrize("options", [["--mcp"], ["--mcp", "--stdio"]])
def test_without_the_extra_it_is_said_how_to_install_it(run_cli, monkeypatch, options):
    monkeypatch.setitem(sys.modules, "mcp", None)
    ran = run_cli("serve", "--index", "no such index", *options)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr == "Error: --mcp needs the package mcp; install it with `pip install 'sparton[mcp]'`\n"


@pytest.mark.slow
def test_an_agent_at_stdin_is_served_without_what_serves_http(stock):
    code = (
        "import sys\nfrom sparton.search.service.server import serve_index\n"
        "serve_index(sys.argv[1], mcp=True, stdio=True)\n"
        "print([name for name in ('fastapi', 'sparton.search.service.mcp', 'sparton.search.service.app') "
        "if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(stock)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    assert done.stdout == "['sparton.search.service.mcp']\n"


@pytest.mark.slow
def test_nothing_of_it_is_loaded_without_the_option():
    code = (
        "import sys\nfrom sparton.search.service.app import make_app\nfrom sparton.search.service import server\n"
        "make_app(None)\nprint(sorted(name for name in sys.modules if name.split('.')[0] in ('mcp', 'mcp_types')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
