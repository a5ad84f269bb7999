"""Clients that are too slow, too many or gone, and a service that is told to stop."""

import http.client
import json
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlencode, urlsplit

import pytest
from support.serving import serving, started

BEGUN = b"GET /search?q=bag HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
POST = b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
LATE = "the request did not come whole within 1 s"
CUT = "too many connections are open, and this one took longest over a request; try again in a second"
FULL = "too much of other requests has come that are not whole; try again in a second"
STOPPING = "the service is stopping; try again in a second"


def address_of(url):
    return urlsplit(url).hostname, urlsplit(url).port


@pytest.fixture(scope="module")
def strict(light_index):
    """Host and port of a service that lets in eight, gives a second, and keeps a megabyte."""
    options = ("--max-connections", "8", "--request-seconds", "1", "--max-unfinished-mb", "1", "--max-k", "50")
    with serving(light_index, *options) as url:
        yield address_of(url)


@pytest.fixture(scope="module")
def roomy(light_index):
    """The same of one that keeps a megabyte, and gives as much time as usual."""
    with serving(light_index, "--max-unfinished-mb", "1") as url:
        yield address_of(url)


def ask(address, method, path, body=None):
    connection = http.client.HTTPConnection(*address, timeout=60)
    try:
        connection.request(method, path, body, {"content-type": "application/json"} if body else {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def hits(address, query):
    status, body = ask(address, "GET", f"/search?{urlencode({'q': query, 'k': 5})}")
    assert status == 200, body
    return json.loads(body)["hits"]


def metric(address, name):
    lines = ask(address, "GET", "/metrics")[1].decode().splitlines()
    return float(dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))[name])


@contextmanager
def sending(address, *parts):
    """A connection on which something was sent, of which no more comes."""
    with socket.create_connection(address, timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        yield connection


def told(connection):
    """Status and sentence of the refusal on a connection; None for one that is closed without."""
    response = http.client.HTTPResponse(connection)
    try:
        response.begin()
    except (http.client.BadStatusLine, ConnectionResetError):
        return None
    assert response.getheader("connection") == "close"
    assert "default-src 'none'" in response.getheader("content-security-policy")
    return response.status, json.loads(response.read())["detail"]


@pytest.mark.slow
def test_a_request_that_does_not_come_whole_is_refused(strict, well):
    before = metric(strict, "sparton_connections_closed_total")
    with (
        sending(strict, BEGUN) as head,
        sending(strict, POST % 20, b'{"queries": ') as body,
        sending(strict, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + BEGUN) as second,
        sending(strict) as silent,
    ):
        response = http.client.HTTPResponse(second)  # before the next is there, of which it would take a part
        response.begin()
        assert json.loads(response.read()) == well
        for connection in (head, body):
            assert told(connection) == (408, LATE)
        assert told(second) == (408, LATE)
        assert silent.recv(1) == b""
    assert metric(strict, "sparton_connections_closed_total") == before + 4


@pytest.mark.slow
def test_a_letter_now_and_then_does_not_help(strict):
    with sending(strict, BEGUN) as head, sending(strict, POST % 1_000) as body:
        waiting, until = {head, body}, time.monotonic() + 30
        while waiting and time.monotonic() < until:
            for connection in waiting:
                connection.sendall(b"a")
            waiting -= {*select.select(list(waiting), [], [], 0.05)[0]}
        assert not waiting  # they were told while letters came
        for connection in (head, body):
            assert told(connection) == (408, LATE)


@pytest.mark.slow
def test_an_idle_connection_is_not_a_slow_one(strict, well):
    connection = http.client.HTTPConnection(*strict, timeout=60)
    for pause in (0, 1.6):
        time.sleep(pause)
        connection.request("GET", "/health")
        assert json.loads(connection.getresponse().read()) == well
    connection.close()


@pytest.mark.slow
def test_slow_clients_shut_nobody_out(strict, well):
    expected = hits(strict, "black bag")
    with ExitStack() as opened:
        slow = []
        for number in range(40):
            slow.append(opened.enter_context(sending(strict, BEGUN if number % 2 else POST % 1_000)))
            if number % 8 == 7:
                assert hits(strict, "black bag") == expected
                assert json.loads(ask(strict, "GET", "/health")[1]) == well
        heard = [told(connection) for connection in slow]
    # Whether a sentence is read by who is cut off while it sends is up to the system.
    assert set(heard) <= {(408, LATE), (503, CUT), None}
    assert (503, CUT) in heard


@pytest.mark.slow
def test_idle_connections_make_room(strict, well):
    with ExitStack() as opened:
        idle = []
        for _ in range(20):
            connection = opened.enter_context(sending(strict, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert json.loads(response.read()) == well
            idle.append(connection)
        # The oldest were closed, without a word that might be taken for a response; the newest are open.
        for connection in idle[:10]:
            assert connection.recv(1) == b""
        idle[-1].sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle[-1].recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.slow
def test_unfinished_bodies_hold_so_much_together(roomy):
    query = {"queries": ["black bag"], "k": 5}
    large = json.dumps({**query, "filters": []}).encode().ljust(700_000)
    with (
        sending(roomy, POST % len(large), large[:-1]) as one,
        sending(roomy, POST % len(large), large[:-1]) as other,
    ):
        # Whichever is read last is the one that is refused.
        (refused,), _, _ = select.select([one, other], [], [], 15)
        assert told(refused) == (503, FULL)
        first = other if refused is one else one
        status, body = ask(roomy, "POST", "/search", json.dumps(query).encode())
        assert status == 200
        first.sendall(large[-1:])
        response = http.client.HTTPResponse(first)
        response.begin()
        whole = json.loads(response.read())
    assert response.status == 200
    for content in (json.loads(body), whole):
        assert content["results"][0]["hits"] == hits(roomy, "black bag")
    # What was refused, or has come whole, counts no more.
    status, body = ask(roomy, "POST", "/search", large)
    assert (status, json.loads(body)["results"][0]["hits"]) == (200, hits(roomy, "black bag"))


@pytest.mark.slow
def test_who_takes_no_response_is_hung_up_on(strict):
    body = json.dumps({"queries": ["black bag"] * 64, "k": 50, "explain": True}).encode()
    before = metric(strict, "sparton_connections_closed_total")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(60)
        connection.connect(strict)
        connection.sendall(12 * (POST % len(body) + body))  # more than the system keeps
        until = time.monotonic() + 60
        while metric(strict, "sparton_connections_closed_total") == before and time.monotonic() < until:
            time.sleep(0.1)
        received = 0
        with suppress(ConnectionResetError):
            while part := connection.recv(2**20):
                received += len(part)
    whole = len(ask(strict, "POST", "/search", body)[1])
    assert 0 < received < 12 * whole


LIMITS = """
import resource, sys
from sparton.search.service.connections import most_connections
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
print(most_connections(1_000), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 5_000, reason="few files may be open here")
def test_connections_leave_files_for_the_index():
    def found(*limits):
        done = subprocess.run([sys.executable, "-c", LIMITS, *map(str, limits)], capture_output=True, check=True)
        return [int(number) for number in done.stdout.split()]

    most, soft, hard = found(1_024, 1_024)
    assert 400 < most <= 1_024 - 320
    assert (soft, hard) == (1_024, 1_024)
    most, soft, hard = found(1_024, 5_000)
    assert most == 1_000
    assert 1_320 <= soft < 5_000
    assert hard == 5_000
    assert found(100, 100)[0] == 8
    assert found(5_000, 5_000) == [1_000, 5_000, 5_000]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_what_is_under_way_is_finished_when_it_is_told_to_stop(light_index, how):
    process = started(light_index)
    try:
        address = address_of(process.stderr.readline().split(" at ")[1].split()[0])
        expected = hits(address, "black bag")
        body = json.dumps({"queries": ["black bag"] * 64, "k": 5}).encode()
        with ExitStack() as opened:
            idle = opened.enter_context(sending(address, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            assert idle.recv(15) == b"HTTP/1.1 200 OK"
            head = opened.enter_context(sending(address, BEGUN))
            unfinished = opened.enter_context(sending(address, POST % len(body), body[:-1]))
            silent = opened.enter_context(sending(address))
            busy = [opened.enter_context(sending(address, POST % len(body) + body)) for _ in range(8)]
            until = time.monotonic() + 60
            while metric(address, "sparton_queries_total") < 2 and time.monotonic() < until:
                pass
            process.send_signal(how)
            answers = []
            for connection in busy:
                response = http.client.HTTPResponse(connection)
                response.begin()
                assert response.status == 200
                answers += json.loads(response.read())["results"]
            for connection in (head, unfinished):
                assert told(connection) == (503, STOPPING)
            assert silent.recv(1) == b""
            assert json.loads(idle.recv(2**16).partition(b"\r\n\r\n")[2])["documents"] == 64
            assert idle.recv(1) == b""
            _, rest = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert len(answers) == 512
    assert all(answer["hits"] == expected for answer in answers)
    assert (process.returncode, rest) == (0, "")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=10)


# A model whose loading, and a search whose end, nobody can wait for; and a service that waits for less than others do.
ENDLESS = """
import sys, time
from sparton.search.searcher import Searcher
from sparton.search.service import query_threads

query_threads.ANSWERED, query_threads.CLOSED, query_threads.GRACE = 1.0, 2.5, 3

def endless(self, *given, **named):
    print("begun", file=sys.stderr, flush=True)
    time.sleep(1_000)

answer = Searcher.answer
Searcher.open_documents = endless
Searcher.answer = lambda self, query, *given, **named: (endless if query == "endless" else answer)(
    self, query, *given, **named)
"""


@pytest.mark.slow
def test_what_takes_too_long_is_given_up_when_it_is_told_to_stop(light_index):
    process = started(light_index, "--threads", "2", first=ENDLESS)
    try:
        address = address_of(process.stderr.readline().split(" at ")[1].split()[0])
        paths = b"/encode?text=bag&as=document", b"/search?q=endless"
        with ExitStack() as opened:
            asking = [
                opened.enter_context(sending(address, b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path))
                for path in paths
            ]
            assert [process.stderr.readline() for _ in range(2)] == ["begun\n"] * 2
            process.send_signal(signal.SIGTERM)
            assert [told(connection) for connection in asking] == [(503, STOPPING)] * 2
            _, rest = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, rest) == (0, "")


@pytest.mark.slow
def test_mixed_requests_at_once_get_what_they_get_alone(shop_service, shop_searcher):
    """With a model whose batches have to give each query what it has by itself."""
    words = ["black bag", "red hat", "small leather tote", "a gift for my mother who travels a lot", "", "hat bag hat"]
    asked = [
        {"q": f"{words[number % 6]} {words[number // 6 % 6]}".strip(), "k": 1 + number % 13, **more}
        for number, more in enumerate(
            [
                {},
                {"filter": "price < 100"},
                {"explain": "true"},
                {"facet": "brand", "filter": "price > 20"},
                {"sort": "-price", "offset": 2},
                {"explain": "true", "filter": "price < 100", "facet": "brand"},
            ]
            * 11
        )
    ]

    def alone(parameters):
        query, filters = parameters["q"], [parameters["filter"]] if "filter" in parameters else []
        facets = [parameters["facet"]] if "facet" in parameters else []
        answer = shop_searcher.answer(
            query,
            parameters["k"],
            filters=filters,
            facets=facets,
            sort=parameters.get("sort"),
            offset=parameters.get("offset", 0),
        )
        found = [
            {"rank": hit.rank, "id": hit.id, "score": hit.score, "text": hit.text, "fields": dict(hit.fields)}
            for hit in answer.hits
        ]
        content = {"query": query, "hits": found}
        if facets:
            counts = [{"value": one.value, "count": one.count} for one in answer.facets["brand"]]
            content |= {"total": answer.total, "facets": {"brand": counts}}
            if answer.more_values:
                content["more_values"] = answer.more_values
        if answer.reason:
            content["reason"] = answer.reason
        if "explain" in parameters:
            own = shop_searcher.input_terms(query)
            content["terms"] = [
                {"term": term, "impact": impact, "expanded": term not in own} for term, impact in answer.terms.items()
            ]
            for hit, matches in zip(found, shop_searcher.explain(answer.terms, answer.hits), strict=True):
                hit["matches"] = [
                    {
                        "term": match.term,
                        "query_impact": match.query_impact,
                        "document_impact": match.document_impact,
                        "contribution": match.contribution,
                        "expanded": match.term not in own,
                    }
                    for match in matches
                ]
        return content

    expected = [alone(parameters) for parameters in asked]
    got = [None] * len(asked)
    address = address_of(shop_service)
    # All are let go at once: the model has not seen one of these yet.
    together = threading.Barrier(64)

    def client(number):
        together.wait()
        for row in range(number, len(asked), 64):
            got[row] = ask(address, "GET", f"/search?{urlencode(asked[row])}")

    clients = [threading.Thread(target=client, args=(number,)) for number in range(64)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    for (status, body), content in zip(got, expected, strict=True):
        answer = json.loads(body)
        assert status == 200, body
        assert set(answer.pop("milliseconds")) == {"encode", "search", "fetch"}
        assert answer == content
