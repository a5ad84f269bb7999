"""Why nothing was found: the same words in Python, over HTTP, for agents and on the command line."""

import json
from contextlib import closing

import anyio
import pytest
from fastapi.testclient import TestClient
from support.saved_models import needs_sentence_transformers

import sparton
from sparton.search.service.app import make_app
from sparton.search.service.bounds import Bounds
from sparton.search.service.indexes import served_indexes
from sparton.search.service.metrics import Metrics
from sparton.search.service.query_threads import QueryThreads

pytest.importorskip("mcp", reason="mcp is not installed (extra mcp)")

from mcp import Client

from sparton.search.service.mcp import Agents

pytestmark = needs_sentence_transformers

ROWS = [{"id": f"b{i}", "text": f"black leather bag {i}", "price": 10 * i} for i in range(6)]
EXPECTED = [
    (" \t", {}, "the query is empty"),
    ("\u200b", {}, "the query has no term that the model knows"),
    ("bag", {"offset": 6}, "there are no more than 6"),
    ("bag", {"offset": 1000, "filters": ["price < 30"]}, "there are no more than 1,000"),
    ("suede", {}, "no document holds a term of the query"),
    ("suede", {"facets": ["price"]}, "no document holds a term of the query"),
    ("baging", {}, "no document holds a whole word of the query"),
    ("bag", {"filters": ["price > 50"]}, "no document that passes the filters holds a term of the query"),
    ("baging", {"filters": ["price < 30"]}, "no document that passes the filters holds a whole word of the query"),
    ("bag", {"offset": 5}, ""),
    ("bag suede baging", {"filters": ["price = 50"], "facets": ["price"]}, ""),
]


@pytest.fixture(scope="module")
def index(static_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("few") / "index"
    sparton.build_index(ROWS, folder, model=str(static_model), fields="price", also="bm25")
    return folder


@pytest.fixture(scope="module")
def searcher(index):
    with closing(sparton.Searcher(index)) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(searcher):
    with TestClient(make_app(searcher), base_url="http://localhost") as client:
        yield client


@pytest.fixture(scope="module")
def agents(searcher):
    threads = QueryThreads(2, Metrics())
    yield Agents(served_indexes({"few": searcher}), threads, Bounds(most_k=10, most_offset=10_000))
    threads.close()


def by_agent(agents, query, asked):
    """What the tool gives."""

    async def call():
        async with Client(agents.server(), read_timeout_seconds=120) as client:
            return await client.call_tool("search", {"query": query, **asked})

    return anyio.run(call).structured_content


@pytest.mark.parametrize(("query", "asked", "reason"), EXPECTED)
def test_all_say_why_in_the_same_words(searcher, client, agents, index, run_cli, query, asked, reason):
    answer = searcher.answer(query, **asked)
    assert (bool(answer.hits), answer.reason) == (not reason, reason)
    names = {"filters": "filter", "facets": "facet"}
    got = client.get("/search", params={"q": query, **{names.get(name, name): one for name, one in asked.items()}})
    batch = client.post("/search", json={"queries": [query], **asked}).json()["results"][0]
    hits = [hit.id for hit in answer.hits]
    for found in (got.json(), batch, by_agent(agents, query, asked)):
        assert ("reason" in found, found.get("reason", "")) == (not hits, reason)
        assert [hit["id"] for hit in found["hits"]] == hits
    options = [("--filter", text) for text in asked.get("filters", ())]
    options += [("--facet", name) for name in asked.get("facets", ())] + [("--offset", asked.get("offset", 0))]
    ran = run_cli("search", query, "--index", index, "--json", *(part for pair in options for part in pair))
    assert ran.code == 0
    assert ran.stderr == (f"sparton: no hits for {query!r}: {reason}\n" if reason else "")
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [line["id"] for line in lines if "id" in line] == hits


@pytest.mark.parametrize(
    ("way", "query", "reason"),
    [
        ("bm25", "the of", "the query has no words but stop words"),
        ("bm25", "suede", "no document holds a term of the query"),
        ("bm25+sparse", "\u200b", "the query has no term that the model knows"),
        ("bm25+sparse", "suede", "no document holds a term of the query"),
    ],
)
def test_other_ways_to_search_have_their_own_words(index, way, query, reason):
    with sparton.Searcher(index, search_with=way) as searcher:
        assert (searcher.search(query), searcher.answer(query).reason) == ([], reason)
        with TestClient(make_app(searcher), base_url="http://localhost") as client:
            assert client.get("/search", params={"q": query}).json()["reason"] == reason
