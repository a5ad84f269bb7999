"""The service, as a process that is spoken to over HTTP."""

import base64
import errno
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from urllib.parse import urlencode, urlsplit

import pytest
from fastapi.testclient import TestClient
from support.serving import SPARTON, serving, started

import sparton
from sparton.search.service.app import MOST_BYTES, MOST_LETTERS, MOST_QUERIES, make_app
from sparton.search.service.server import serve_index


@pytest.fixture(scope="module")
def served(light_index):
    """Host and port of a service on the small catalogue, with a model that loads at once."""
    with serving(light_index, "--max-k", "50", "--threads", "2") as address:
        yield urlsplit(address).hostname, urlsplit(address).port


@pytest.fixture(scope="module", autouse=True)
def idled(served):
    """A connection that is left alone while other tests run, since when, and what it was answered before."""
    connection = http.client.HTTPConnection(*served, timeout=60)
    yield connection, answered(connection), time.monotonic()
    connection.close()


def answered(connection):
    connection.request("GET", "/search?q=black+bag&k=3&explain=true")
    content = json.loads(connection.getresponse().read())
    return content["terms"], content["hits"]


@pytest.fixture
def client(searcher):
    """Of the application in this process, on the small index."""
    return TestClient(make_app(searcher), "http://localhost")


def ask(served, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(*served, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def get(served, **parameters):
    return ask(served, "GET", f"/search?{urlencode(parameters)}")


def post(served, content):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return ask(served, "POST", "/search", body, {"content-type": "application/json"})


@pytest.mark.slow
def test_a_query_gets_what_search_finds(client, searcher):
    query = "small black leather crossbody bag"
    response = client.get("/search", params={"q": query, "k": 7})
    content = response.json()
    assert response.status_code == 200
    assert content["query"] == query
    hits = searcher.search(query, 7)
    assert [(hit["rank"], hit["id"], hit["score"], hit["text"]) for hit in content["hits"]] == [
        (hit.rank, hit.id, hit.score, hit.text) for hit in hits
    ]
    assert set(content["milliseconds"]) == {"encode", "search", "fetch"}
    assert "terms" not in content


@pytest.mark.slow
def test_an_explanation_adds_up_and_marks_what_the_model_added(computed_searcher):
    client = TestClient(make_app(computed_searcher), "http://localhost")
    content = client.get("/search", params={"q": "black leather bag", "explain": "true"}).json()
    assert content["hits"]
    for hit in content["hits"]:
        assert sum(match["contribution"] for match in hit["matches"]) == hit["score"]
    own = {term["term"] for term in content["terms"] if not term["expanded"]}
    assert own == {"black", "leather", "bag"}
    assert len(content["terms"]) > 3


@pytest.mark.slow
def test_a_batch_is_answered_in_its_order(served):
    queries = ["red hat", "", "black bag", "red hat"]
    status, body = post(served, {"queries": queries, "k": 3})
    results = json.loads(body)["results"]
    assert status == 200
    assert [result["query"] for result in results] == queries
    assert results[1]["hits"] == []
    for result in results:
        assert result["hits"] == json.loads(get(served, q=result["query"], k=3)[1])["hits"]


@pytest.mark.slow
def test_health_and_metrics(served, well):
    assert json.loads(ask(served, "GET", "/health")[1]) == well
    get(served, q="bag")
    status, text = ask(served, "GET", "/metrics")
    assert status == 200
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(values['sparton_requests_total{path="/search",status="200"}']) >= 1
    assert float(values["sparton_queries_total"]) >= 1
    assert float(values['sparton_query_seconds_total{part="search"}']) > 0
    assert float(values["sparton_requests_waiting"]) == 1  # the one that asks


@pytest.mark.parametrize("named", [".", "./", "../{}", "../{}//"])
def test_an_index_is_called_by_its_folder_however_its_path_is_written(light_index, monkeypatch, named):
    monkeypatch.chdir(light_index)
    searcher = sparton.Searcher(named.format(light_index.name))
    content = TestClient(make_app(searcher), "http://localhost").get("/index").json()
    searcher.close()
    assert content["name"] == light_index.name


def test_the_page_needs_nothing_from_elsewhere(served):
    status, page = ask(served, "GET", "/")
    assert status == 200
    assert "<form" in page
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize(
    ("send", "status"),
    [
        (lambda served: get(served), 422),
        (lambda served: get(served, q="a", k=0), 422),
        (lambda served: get(served, q="a", k=51), 422),
        (lambda served: get(served, q="a", k="many"), 422),
        (lambda served: get(served, q="a" * (MOST_LETTERS + 1)), 422),
        (lambda served: post(served, {"queries": []}), 422),
        (lambda served: post(served, {"queries": ["a"] * (MOST_QUERIES + 1)}), 422),
        (lambda served: post(served, {"queries": "a"}), 422),
        (lambda served: post(served, {"queries": ["half a pair \ud83d"]}), 422),
        (lambda served: post(served, {"queries": ["a"], "limit": 3}), 422),
        (lambda served: post(served, b"{"), 422),
        (lambda served: post(served, b"\xff"), 400),
        (lambda served: post(served, b" " * (MOST_BYTES + 1)), 413),
        (lambda served: ask(served, "DELETE", "/search"), 405),
        (lambda served: ask(served, "GET", "/etc/passwd"), 404),
    ],
)
def test_what_cannot_be_meant_is_refused(served, send, status):
    found, body = send(served)
    assert found in (status, 422), body
    assert "detail" in json.loads(body)


def raw(address, request):
    """Status, headers and body that a request as it goes over the wire gets."""
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, dict(response.getheaders()), response.read()


def for_host(address, *hosts, target="/health", version="1.1"):
    lines = [f"GET {target} HTTP/{version}", *(f"Host: {host}" for host in hosts), "Connection: close", "", ""]
    status, _, body = raw(address, "\r\n".join(lines).encode("latin-1"))
    return status, json.loads(body)


NO_HOST = "the request is for no host that can be read; expected one Host header, as localhost:8017"
NO_REQUEST = (
    "this is no request of HTTP/1.1; expected a request line, headers with one Host among them, and a body as they say"
)


def not_for(host):
    why = f"requests for the host {host} are not served; start the service with --allow-host {host} if they should be"
    return 421, {"detail": why}


LOOPBACK = ["localhost", "LocalHost:1", "localhost:", "127.0.0.1", "127.9.8.7:65535", "[::1]", "[0:0:0::1]:80"]


@pytest.mark.parametrize("host", LOOPBACK)
def test_hosts_of_the_loopback_are_served(served, host, well):
    assert for_host(served, host) == (200, well)
    assert for_host(served, "localhost", target=f"http://{host}/health") == (200, well)
    assert for_host(served, host, version="1.0") == (200, well)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "127.0.0.1.evil.example", "localhost.", "localhost.evil.example", "xn--bcher-kva.example"),
        *("0.0.0.0", "[::]", "128.0.0.1", "10.0.0.1", "[fe80::1]", "127.1", "2130706433", "0x7f000001", "a_b"),
    ],
)
def test_other_hosts_are_not_and_are_told_how_they_would_be(served, host):
    assert for_host(served, f"{host}:8017") == not_for(host)
    assert for_host(served, host.upper(), target="/search?q=bag") == not_for(host)
    assert for_host(served, "localhost", target=f"HTTP://{host}:1/search?q=bag") == not_for(host)
    assert for_host(served, host, target="http://localhost/search?q=bag") == not_for(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "a b", "localhost, evil.example", "localhost:bag", "localhost:1:2", "::1", "[::1", "::1]", "[localhost]"),
        *(
            "[::1]bag",
            "[127.0.0.1.5]",
            "u@localhost",
            "localhost/",
            "http://localhost",
            "local%68ost",
            "b\xfccher",
            "*",
        ),
    ],
)
def test_what_is_no_host_is_refused(served, host):
    assert for_host(served, host) == (400, {"detail": NO_HOST})
    assert for_host(served, host, version="1.0") == (400, {"detail": NO_HOST})
    if not {" ", "/", "\xfc"} & set(host):
        assert for_host(served, "localhost", target=f"http://{host}/health") == (400, {"detail": NO_HOST})


def test_no_host_and_two_are_refused(served):
    for hosts in ((), ("localhost", "localhost"), ("localhost", "evil.example")):
        assert for_host(served, *hosts) == (400, {"detail": NO_REQUEST})
    assert for_host(served, version="1.0") == (400, {"detail": NO_HOST})


def test_a_target_that_is_a_whole_address_is_taken_for_its_path(served):
    for target, path in (
        ("http://localhost/search?q=red%20hat&k=3", "/search?q=red%20hat&k=3"),
        ("http://[::1]/", "/"),
    ):
        whole, _, found = raw(served, f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        status, expected = ask(served, "GET", path)
        assert (whole, status) == (200, 200)
        assert found.decode().split('"milliseconds"')[0] == expected.split('"milliseconds"')[0]


def test_a_refusal_counts_and_nothing_is_searched_for(served):
    def counts():
        lines = ask(served, "GET", "/metrics")[1].splitlines()
        values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return values["sparton_queries_total"], float(values['sparton_requests_total{path="other",status="421"}'])

    for_host(served, "evil.example")
    queries, refused = counts()
    for_host(served, "evil.example", target="/search?q=bag")
    assert counts() == (queries, refused + 1)


@pytest.fixture(scope="module")
def naming(light_index):
    """Host and port of a service that is told of hosts: its own, and those that pictures come from."""
    own = ["Shop.Example", "10.1.2.3", "fd00::1", "[fd00::2]"]
    pictures = ["--image-host=Images.Shop.example", "--image-host=10.1.2.3"]
    with serving(light_index, *(f"--allow-host={name}" for name in own), *pictures, "--max-k=5") as address:
        yield urlsplit(address).hostname, urlsplit(address).port


@pytest.mark.slow
def test_hosts_that_are_named_are_served(naming, well):
    for host in ("shop.example", "SHOP.EXAMPLE:443", "10.1.2.3:1", "[fd00:0::1]", "[FD00::2]:8017", "localhost"):
        assert for_host(naming, host) == (200, well)
    for host in ("www.shop.example", "images.shop.example"):
        assert for_host(naming, host) == not_for(host)


@pytest.mark.slow
def test_listening_everywhere_serves_the_loopback_alone_and_says_so(light_index, well):
    said = (
        "listening at every address, but serving requests for localhost, 127.0.0.1 and [::1] alone; name other hosts "
        "with --allow-host, * for all"
    )
    with serving(light_index, "--host", "0.0.0.0", says=[said]) as address:
        address = urlsplit(address).hostname, urlsplit(address).port
        assert for_host(address, "127.0.0.1") == (200, well)
        assert for_host(address, "0.0.0.0") == not_for("0.0.0.0")


@pytest.mark.slow
def test_all_hosts_may_be_allowed_and_malformed_ones_are_none(light_index, well):
    with serving(light_index, "--host", "::", "--allow-host", "*", at="http://[::1]") as address:
        address = urlsplit(address).hostname, urlsplit(address).port
        for host in ("evil.example", "[::]:1", "0.0.0.0", "localhost"):
            assert for_host(address, host) == (200, well)
        assert for_host(address, "a b") == (400, {"detail": NO_HOST})


@pytest.mark.slow
def test_the_address_that_is_listened_at_is_served(light_index, well):
    """One of the loopback's, spelled as a shell's user may and a browser does not."""
    with serving(light_index, "--host", "127.1") as address:
        address = urlsplit(address).hostname, urlsplit(address).port
        assert for_host(address, "127.0.0.1") == for_host(address, "127.1") == (200, well)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--host", ""], "--host is empty; expected an address as 127.0.0.1, or 0.0.0.0 to listen at every one"),
        (["--host", " "], "--host is empty; expected an address as 127.0.0.1, or 0.0.0.0 to listen at every one"),
        (["--host", "a" * 70], f"--host is '{'a' * 70}'; expected an address or a name"),
        (["--host", "a\udcff"], r"--host is 'a\udcff'; expected an address or a name"),
    ],
)
def test_hosts_that_cannot_be_meant_are_refused_before_anything_listens(run_cli, options, sentence):
    ran = run_cli("serve", "--index", "no such index", *options)
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {sentence}\n")


@pytest.mark.parametrize(
    "name",
    ["", "a b", "http://localhost", "shop.example:80", "[::1]:80", "[::1", "1::2::3", "bücher.example", "**", "[a]"],
)
def test_names_that_no_request_can_be_for_are_refused(run_cli, name):
    ran = run_cli("serve", "--index", "no such index", "--allow-host", "shop.example", "--allow-host", name)
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"Error: --allow-host is {name!r}; expected a name or an address as a URL has it, without a port, or * for "
        "all\n"
    )


@pytest.mark.parametrize("name", ["", "*", "a b", "https://shop.example", "shop.example:80", "::1", "a;b", "bücher.de"])
def test_hosts_that_no_picture_can_come_from_are_refused(run_cli, name):
    ran = run_cli("serve", "--index", "no such index", "--image-host", "shop.example", "--image-host", name)
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"Error: --image-host is {name!r}; expected a name or an IPv4 address as a URL has it, without a port\n"
    )


@pytest.mark.slow
def test_pictures_may_come_from_hosts_that_are_named(naming):
    _, headers, body = raw(naming, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["img-src"] == "'self' data: images.shop.example:* 10.1.2.3:*"
    page = body.decode()
    assert '<meta name="image-hosts" content="images.shop.example 10.1.2.3">' in page
    assert '<meta name="most-hits" content="5">' in page
    assert policy["script-src"] == digests(page, "script")


def digests(page, element):
    """Those of the texts of a page's elements of a kind, as a policy names them."""
    texts = [part.partition(f"</{element}>")[0] for part in page.split(f"<{element}>")[1:]]
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts)


def test_every_response_tells_browsers_what_they_may_do(served):
    page = ask(served, "GET", "/")[1]
    policy = (
        f"default-src 'none'; script-src {digests(page, 'script')}; style-src {digests(page, 'style')}; connect-src "
        "'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
    )
    get, post = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n", b"POST /search HTTP/1.1\r\nHost: localhost\r\n"
    large = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (MOST_BYTES + 1) + b" " * (MOST_BYTES + 1)
    found = []
    for request in (
        *(get % target for target in (b"/", b"/search?q=bag", b"/health", b"/metrics", b"/search", b"/nothing")),
        *(post + b"Content-Length: 0\r\n\r\n", post.replace(b"/search", b"/") + b"\r\n", post + large),
        *(get.replace(b"localhost", b"evil.example") % b"/", get.replace(b"localhost", b"a b") % b"/", b"bag\r\n\r\n"),
    ):
        status, headers, _ = raw(served, request)
        found.append(status)
        assert [headers[name] for name in ("content-security-policy", "x-content-type-options", "referrer-policy")] == [
            *(policy, "nosniff", "no-referrer")
        ]
    assert found == [200, 200, 200, 200, 422, 404, 422, 405, 413, 421, 400, 400]


def test_a_refusal_is_heard_by_who_is_still_sending(served):
    for start, expected in (
        (b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000000\r\n\r\n", 413),
        (b"POST /search HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 30000000\r\n\r\n", 421),
        (b"GET /search HTTP/1.1\r\nHost: localhost\r\nA: ", 400),
    ):
        for _ in range(3):
            status, _, body = raw(served, start + b"a" * 3_000_000)
            assert status == expected
            assert set(json.loads(body)) == {"detail"}


def test_malformed_requests_leave_it_healthy(served):
    chance = random.Random(0)
    start = [b"GET /search?q=", b"POST /search HTTP/1.1\r\ncontent-length: ", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n"]
    for _ in range(300):
        noise = bytes(chance.randrange(256) for _ in range(chance.randrange(200)))
        with socket.create_connection(served, timeout=10) as connection:
            connection.sendall(chance.choice(start) + noise + b"\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(64)
        assert not answer.startswith(b"HTTP/1.1 5"), (noise, answer)
    assert ask(served, "GET", "/health")[0] == 200
    assert get(served, q="black bag")[0] == 200


def test_many_at_once_get_the_same_answers(served):
    expected = {query: get(served, q=query)[1].split('"milliseconds"')[0] for query in ("black bag", "red hat", "tote")}
    wrong = []

    def client(number):
        for turn in range(5):
            query = list(expected)[(number + turn) % 3]
            status, body = get(served, q=query)
            if status != 200 or body.split('"milliseconds"')[0] != expected[query]:
                wrong.append((status, body))

    clients = [threading.Thread(target=client, args=(number,)) for number in range(16)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("path", "counted"),
    [
        *((path, path) for path in ("/search", "/encode")),
        ("/doc/a/b", "/doc/{id}"),
        ("/indexes/shop/search", "/indexes/{name}/search"),
        ("/indexes/shop/encode", "/indexes/{name}/encode"),
        ("/indexes/shop/doc/1", "/indexes/{name}/doc/{id}"),
    ],
)
def test_too_many_at_once_are_told_to_come_back(path, counted):
    import asyncio

    from sparton.search.service.limits import BoundedRequests
    from sparton.search.service.metrics import Metrics

    metrics, sent = Metrics(), []
    metrics.waiting = 3

    async def never(scope, receive, send):
        raise AssertionError

    async def send(message):
        sent.append(message)

    bounded = BoundedRequests(never, most_bytes=10, most_waiting=3, metrics=metrics)
    asyncio.run(bounded({"type": "http", "path": path}, None, send))
    assert sent[0]["status"] == 503
    assert (b"retry-after", b"1") in sent[0]["headers"]
    assert f'sparton_requests_total{{path="{counted}",status="503"}} 1' in metrics.text()


@pytest.mark.slow
def test_too_many_at_once_are_told_what_everybody_is_told_too(searcher):
    """The whole application, with room for no request to be searched for."""
    import asyncio

    from sparton.search.service.app import ServiceOptions, make_app
    from sparton.search.service.page import security_headers

    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/search", "raw_path": b"/search", "query_string": b"q=bag"}
    app = make_app(searcher, ServiceOptions(waiting=0))
    asyncio.run(app({**scope, "headers": [(b"host", b"localhost")]}, None, send))
    assert sent[0]["status"] == 503
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert security_headers().items() <= headers.items()
    assert json.loads(sent[1]["body"]) == {"detail": "too many requests at once; try again in a second"}


def test_a_fault_is_owned_up_to_in_a_sentence():
    """That of an application without a searcher."""
    import asyncio

    from sparton.search.service.app import make_app
    from sparton.search.service.page import security_headers

    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/health", "raw_path": b"/health", "query_string": b""}
    with pytest.raises(TypeError):  # which is logged where it is served
        asyncio.run(make_app(None)({**scope, "headers": [(b"host", b"localhost")]}, receive, send))
    assert sent[0]["status"] == 500
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert security_headers().items() <= headers.items()
    assert json.loads(sent[1]["body"]) == {
        "detail": "this request met a fault in Sparton (TypeError); please report it"
    }


@pytest.fixture(scope="module")
def odd_index(static_model, tmp_path_factory):
    """An index of vectors whose texts hold halves of characters, as escapes and as bytes; no torch encodes queries."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "vectors.jsonl").write_bytes(
        b'{"id": "high", "contents": "a bag \\ud83d", "vector": {"bag": 5}}\n'
        b'{"id": "low", "contents": "\\udc5c bag \\ud83d\\ud83d\\udc5c", "vector": {"bag": 4}}\n'
        b'{"id": "bytes", "contents": "bag \xed\xa0\xbd", "vector": {"bag": 3}}\n'
        b'{"id": "object", "contents": {"\\ud83d": 1}, "vector": {"bag": 2}}\n'
        b'{"id": "whole", "contents": "bag \\ud83d\\udc5c", "vector": {"bag": 1}}\n'
    )
    sparton.index_vectors(folder / "vectors.jsonl", folder / "index", model=str(static_model))
    return folder / "index"


TEXTS = {
    **{"high": "a bag \ufffd", "low": "\ufffd bag \ufffd👜", "bytes": "bag \ufffd"},
    **{"object": '{"\ufffd": 1}', "whole": "bag 👜"},
}


@pytest.mark.slow
def test_texts_with_half_characters_are_served(odd_index):
    with serving(odd_index) as address:
        address = urlsplit(address).hostname, urlsplit(address).port
        status, body = get(address, q="bag")
        assert status == 200, body
        assert {hit["id"]: hit["text"] for hit in json.loads(body)["hits"]} == TEXTS
        _, body = post(address, {"queries": ["bag", "black bag"]})
        for result in json.loads(body)["results"]:
            assert {hit["id"]: hit["text"] for hit in result["hits"]} == TEXTS


@pytest.mark.slow
@pytest.mark.parametrize("query", [b"bag \xff", b"\xed\xa0\xbd bag"])
def test_texts_and_queries_with_half_characters_are_printed(odd_index, query):
    """Where Python would rather raise than print what it cannot, as it does under most locales."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    command = [*SPARTON, "search", "--index", str(odd_index)]

    def lines(*arguments, **given):
        done = subprocess.run([*command, *arguments], env=environment, check=True, capture_output=True, **given)
        assert done.stderr == b""
        return done.stdout.decode().splitlines()

    hits = [json.loads(line) for line in lines(query, "--json")]
    assert {hit["id"]: hit["text"] for hit in hits} == TEXTS
    assert [line.split()[2:] for line in lines(query)] == [[hit["id"], *hit["text"].split()] for hit in hits]
    piped = [json.loads(line) for line in lines(input=query + b"\n" + b"bag\n")]
    assert [(hit["id"], hit["text"]) for hit in piped] == [(hit["id"], hit["text"]) for hit in hits] * 2


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_to(light_index, how):
    process = started(light_index)
    line = process.stderr.readline()
    process.send_signal(how)
    _, rest = process.communicate(timeout=60)
    assert line.startswith("serving ")
    assert "Traceback" not in rest


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_comes_before_the_server_is_heard(light_index, how):
    addresses, again = [], threading.Timer(60, os.kill, (os.getpid(), signal.SIGTERM))

    def tell(address):
        addresses.append(address)
        again.start()
        signal.raise_signal(how)

    serve_index(light_index, port=0, on_ready=tell)
    assert again.is_alive()  # so the first one was enough
    again.cancel()
    asked = urlsplit(addresses[0])
    with pytest.raises(ConnectionRefusedError):
        ask((asked.hostname, asked.port), "GET", "/")


def test_a_port_that_is_taken_is_a_sentence(run_cli, small_index):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run_cli("serve", "--index", small_index, "--port", port)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr == f"Error: 127.0.0.1:{port} cannot be listened on: Address already in use; choose --port\n"


def test_a_name_that_nobody_has_and_an_address_of_another_machine_are_sentences(run_cli, small_index):
    with pytest.raises(socket.gaierror) as unknown:
        socket.getaddrinfo("nohost.invalid", 0)
    for host, why in (
        ("nohost.invalid", unknown.value.strerror),
        ("192.0.2.1", "Cannot assign requested address"),
        ("2001:db8::1", None),  # a machine may have no IPv6 at all
    ):
        ran = run_cli("serve", "--index", small_index, "--port", 0, "--host", host)
        assert (ran.code, ran.stdout) == (1, "")
        if why is None:
            why = os.strerror(errno.EADDRNOTAVAIL)
            why = why if why in ran.stderr else os.strerror(errno.EAFNOSUPPORT)
        assert ran.stderr == (
            f"Error: --host is {host} and cannot be listened on: {why}; expected an address of this machine\n"
        )


@pytest.mark.slow
def test_lines_of_a_pipe_are_answered_as_json_lines(light_index):
    done = subprocess.run(
        [*SPARTON, "search", "--index", str(light_index), "-k", "2"],
        input="black bag\n\nred hat\n",
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["query"], line["rank"]) for line in lines] == [
        ("black bag", 1),
        ("black bag", 2),
        ("red hat", 1),
        ("red hat", 2),
    ]
    assert done.stderr == "sparton: no hits for '': the query is empty\n"


@pytest.mark.slow
def test_a_connection_that_idled_is_still_answered(idled):
    """Many clients and proxies keep one for a minute, and send on one that is just being closed. Last in this file, as
    it waits for the rest of the time."""
    connection, before, since = idled
    time.sleep(max(0, since + 6 - time.monotonic()))
    assert len(before[1]) == 3
    assert answered(connection) == before
