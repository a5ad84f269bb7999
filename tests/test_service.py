"""The service, as a process that is spoken to over HTTP."""

import http.client
import json
import random
import signal
import socket
import subprocess
import threading
from urllib.parse import urlencode, urlsplit

import pytest
from serving import SPARTON, serving

from sparton.search.service import MOST_BYTES, MOST_LETTERS, MOST_QUERIES


@pytest.fixture(scope="module")
def served(small_index):
    """Host and port of a service on the small index."""
    with serving(small_index, "--max-k", "50", "--threads", "2") as address:
        yield urlsplit(address).hostname, urlsplit(address).port


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


def test_a_query_gets_what_search_finds(served, searcher):
    query = "small black leather crossbody bag"
    status, body = get(served, q=query, k=7)
    content = json.loads(body)
    assert status == 200
    assert content["query"] == query
    hits = searcher.search(query, 7)
    assert [(hit["rank"], hit["id"], hit["score"], hit["text"]) for hit in content["hits"]] == [
        (hit.rank, hit.id, hit.score, hit.text) for hit in hits
    ]
    assert set(content["milliseconds"]) == {"encode", "search", "fetch"}
    assert "terms" not in content


def test_an_explanation_adds_up_and_marks_what_the_model_added(served):
    content = json.loads(get(served, q="black leather bag", explain="true")[1])
    assert content["hits"]
    for hit in content["hits"]:
        assert sum(match["contribution"] for match in hit["matches"]) == hit["score"]
    own = {term["term"] for term in content["terms"] if not term["expanded"]}
    assert own == {"black", "leather", "bag"}
    assert len(content["terms"]) > 3


def test_a_batch_is_answered_in_its_order(served):
    queries = ["red hat", "", "black bag", "red hat"]
    status, body = post(served, {"queries": queries, "k": 3})
    results = json.loads(body)["results"]
    assert status == 200
    assert [result["query"] for result in results] == queries
    assert results[1]["hits"] == []
    for result in results:
        assert result["hits"] == json.loads(get(served, q=result["query"], k=3)[1])["hits"]


def test_health_and_metrics(served):
    assert json.loads(ask(served, "GET", "/health")[1]) == {"status": "ok", "documents": 64}
    get(served, q="bag")
    status, text = ask(served, "GET", "/metrics")
    assert status == 200
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert int(values['sparton_requests_total{path="/search",status="200"}']) >= 1
    assert int(values["sparton_queries_total"]) >= 1
    assert float(values['sparton_query_seconds_total{part="search"}']) > 0
    assert int(values["sparton_requests_waiting"]) == 1  # the one that asks


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


def test_too_many_at_once_are_told_to_come_back(searcher):
    import asyncio

    from sparton.search.limits import BoundedRequests
    from sparton.search.metrics import Metrics

    metrics, sent = Metrics(), []
    metrics.waiting = 3

    async def never(scope, receive, send):
        raise AssertionError

    async def send(message):
        sent.append(message)

    bounded = BoundedRequests(never, most_bytes=10, most_waiting=3, metrics=metrics)
    asyncio.run(bounded({"type": "http", "path": "/search"}, None, send))
    assert sent[0]["status"] == 503
    assert (b"retry-after", b"1") in sent[0]["headers"]
    assert 'sparton_requests_total{path="/search",status="503"} 1' in metrics.text()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_to(small_index, how):
    command = [*SPARTON, "serve", "--index", str(small_index), "--port", "0"]
    process = subprocess.Popen(
        # Whoever runs the tests in the background may have Ctrl-C ignored.
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    line = process.stderr.readline()
    process.send_signal(how)
    _, rest = process.communicate(timeout=60)
    assert line.startswith("serving ")
    assert "Traceback" not in rest


def test_a_port_that_is_taken_is_a_sentence(run_cli, small_index):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run_cli("serve", "--index", small_index, "--port", port)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr == f"sparton: 127.0.0.1:{port} cannot be listened on: Address already in use; choose --port\n"


def test_lines_of_a_pipe_are_answered_as_json_lines(small_index):
    done = subprocess.run(
        [*SPARTON, "search", "--index", str(small_index), "-k", "2"],
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
    assert done.stderr == "sparton: no hits for '': it is empty\n"
