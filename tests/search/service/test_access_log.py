"""The access log: a line a request, whatever is asked for, without what was searched for."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient

from sparton.search.service.access_log import AccessLog
from sparton.search.service.app import ServiceOptions, make_app


@pytest.fixture
def client(light_searcher):
    """Of a service that keeps a log."""
    options = ServiceOptions(access_log=True)
    return TestClient(make_app(light_searcher, options), "http://localhost", raise_server_exceptions=False)


def lines_of(capsys):
    """The lines that were written, as JSON, without what differs from one run to another."""
    text = capsys.readouterr().err
    assert text.isascii()
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        begun = datetime.strptime(line.pop("time"), "%Y-%m-%dT%H:%M:%S.%f%z")
        assert abs((datetime.now(UTC) - begun).total_seconds()) < 600
        assert 0 < line.pop("milliseconds") < 600_000
    return lines


def test_each_request_is_a_line(client, light_searcher, capsys):
    sizes = []
    for path in ("/search?q=black+bag&k=3", "/search?q=zzzz&k=3", "/search?q=bag&k=0", "/nothing"):
        sizes.append(len(client.get(path).content))
    sizes.append(len(client.post("/search", json={"queries": ["bag", "hat"], "k": 2}).content))
    sizes.append(len(client.get("/health", headers={"host": "evil.example"}).content))
    found = [len(light_searcher.search(query, 3)) for query in ("black bag", "zzzz")]
    batch = sum(len(light_searcher.search(query, 2)) for query in ("bag", "hat"))
    base = {"client": "testclient", "method": "GET"}
    assert lines_of(capsys) == [
        {**base, "path": "/search", "status": 200, "bytes": sizes[0], "k": 3, "hits": found[0]},
        {**base, "path": "/search", "status": 200, "bytes": sizes[1], "k": 3, "hits": found[1]},
        {**base, "path": "/search", "status": 422, "bytes": sizes[2]},
        {**base, "path": "/nothing", "status": 404, "bytes": sizes[3]},
        {**base, "method": "POST", "path": "/search", "status": 200, "bytes": sizes[4]}
        | {"queries": 2, "k": 2, "hits": batch},
        {**base, "path": "/health", "status": 421, "bytes": sizes[5]},
    ]


def test_head_has_no_bytes(client, capsys):
    client.head("/health")
    line = {"client": "testclient", "method": "HEAD", "path": "/health", "status": 200, "bytes": 0}
    assert lines_of(capsys) == [line]


def test_what_was_searched_for_is_not_in_it(client, capsys):
    client.get("/search?q=secret+wishes&filter=wishes+%3D+1")
    client.post("/search", json={"queries": ["secret wishes"], "wishes": 1})
    text = capsys.readouterr().err
    assert len(text.splitlines()) == 2
    assert "wishes" not in text


@pytest.mark.parametrize(
    "path", ["/a%0A%7B%22status%22:200%7D", "/%1B%5B31m%00%E2%80%AE%E2%80%A8%F0%9F%91%9C", "/%22%5C"]
)
def test_a_line_cannot_be_forged(client, capsys, path):
    client.get(path)
    (line,) = lines_of(capsys)
    assert line["status"] == 404
    assert (
        line["path"]
        == {"a": '/a\n{"status":200}', "%": "/\x1b[31m\0\u202e\u2028👜", '"': '/"\\'}[
            "a" if path.startswith("/a") else "%" if "%1B" in path else '"'
        ]
    )


def test_what_is_long_is_cut(client, capsys):
    client.get("/" + "é" * 5_000)
    (line,) = lines_of(capsys)
    assert line["path"] == "/" + "é" * 199


def test_a_fault_and_a_client_that_has_gone_are_lines_too(capsys):
    async def fails(scope, receive, send):
        raise TypeError

    async def says_nothing(scope, receive, send):
        pass

    async def said(app):
        scope = {"type": "http", "method": "GET", "path": "/search", "client": None, "headers": []}
        await AccessLog(app)(scope, None, None)

    with pytest.raises(TypeError):
        asyncio.run(said(fails))
    asyncio.run(said(says_nothing))
    base = {"client": "", "method": "GET", "path": "/search", "bytes": 0}
    assert lines_of(capsys) == [{**base, "status": 500}, {**base, "status": None}]


def test_requests_at_once_have_lines_of_their_own(light_searcher, capsys):
    app = make_app(light_searcher, ServiceOptions(access_log=True))

    async def get(number):
        sent = []

        async def send(message):
            sent.append(message)

        whole = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive():
            return next(whole, None) or await asyncio.Event().wait()  # a client that waits for its response

        scope = {"type": "http", "method": "GET", "path": "/search", "raw_path": b"/search", "client": (str(number), 1)}
        query = {"query_string": b"q=bag&k=%d" % number, "headers": [(b"host", b"localhost")]}
        await app({**scope, **query}, receive, send)
        return len(json.loads(sent[1]["body"])["hits"])

    async def get_all():
        return await asyncio.gather(*map(get, range(1, 9)))

    hits = asyncio.run(get_all())
    lines = {line["client"]: (line["k"], line["hits"]) for line in lines_of(capsys)}
    assert lines == {str(number): (number, count) for number, count in enumerate(hits, start=1)}


def test_by_default_there_is_none(light_searcher, capsys):
    TestClient(make_app(light_searcher), "http://localhost").get("/search?q=bag")
    assert capsys.readouterr().err == ""
