"""A thousand requests that somebody might send: each is answered right or refused in a sentence."""

import http.client
import json
import random
import socket
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import quote, quote_plus, urlsplit

import pytest
from support.serving import SPARTON

import sparton
from sparton.search.service.app import MOST_BYTES, MOST_LETTERS, MOST_QUERIES
from sparton.search.service.page import page, security_headers

pytestmark = pytest.mark.slow

SEED, COUNT, MOST_K = 8017, 500, 50

WORDS = [
    "small",
    "black",
    "leather",
    "crossbody",
    "bag",
    "red",
    "silk",
    "scarf",
    "tote",
    "clutch",
    "rain",
    "hat",
    "the",
    "a",
]
ODD = [
    *(
        "",
        " ",
        "\t",
        "\x00",
        "a\x00bag",
        "bag\r\nhat",
        "‮bag",
        "\u200b",
        "\ufffd",
        "\ufeffbag",
        "ＢＡＧ",
        "bäg",
        "b\u0301ag",
    ),
    *(
        "亞亟",
        "日本 bag",
        "😀 bag 😀",
        "\U0010ffff",
        "<b>bag</b>",
        "'; DROP TABLE bags; --",
        "bag" * 1_000,
        "%s %n {0}",
        "../bag",
    ),
    *(
        "[CLS] bag [SEP]",
        "[MASK]",
        "##bag",
        "&q=hat",
        "a+b%20c",
        "?q=1#2",
        "bag " * 200,
        '"',
        "\\u0000",
        "NaN",
        "null",
    ),
]
HALVES = ["\ud83d", "bag \udc00", "\udfff\ud800"]
GOOD_K, BAD_K = [1, 2, 3, 4, 5, 10, MOST_K], [0, -1, MOST_K + 1, 2**31, 2**63, 10**30]
BOOLS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
BAD_HOSTS = [
    b"",
    b" ",
    b"evil.example",
    b"127.0.0.1.evil.example",
    b"localhost.evil.example:80",
    b"[::1",
    b"::1",
    b"[bag]",
]
BAD_HOSTS += [
    b"a b",
    b"\xff\xfe",
    b"localhost:bag",
    b"localhost:1:2",
    b"u@localhost",
    b"localhost/",
    b"localhost,evil",
    b"*",
]
BAD_HOSTS += [b"0.0.0.0", b"128.0.0.1", b"[::2]", b"127.1", b"2130706433", b"x" * 300, b"%6cocalhost", b"localhost\x00"]
GOOD_HOSTS = [
    b"localhost",
    b"LOCALHOST:1",
    b"127.0.0.1",
    b"127.255.3.4:65535",
    b"[::1]:8017",
    b"[0:0::1]",
    b"localhost:",
]


@dataclass
class Sent:
    """A request, and what is to come of it. queries: with their hits, or None where it is to be refused or is up to the
    parser. statuses: that it may end with. more: whether the connection may serve another."""

    data: bytes
    statuses: tuple = (200,)
    queries: list | None = None
    k: int = 10
    explain: bool = False
    more: bool = True
    method: str = "GET"
    path: str = "/search"
    raw: bytes = field(default=b"", repr=False)


REFUSED = tuple(status for status in range(400, 500))


def request(method, target, body=b"", *, headers=(), host=b"localhost", version=b"1.1"):
    lines = [method + b" " + target + b" HTTP/" + version]
    lines += [] if host is None else [b"Host: " + host]
    lines += headers
    if body and not any(line.lower().startswith((b"content-length", b"transfer-encoding")) for line in headers):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class Maker:
    """Makes requests of each kind."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.plain = [" ".join(self.chance.choices(WORDS, k=self.any([1, 2, 3, 5]))) for _ in range(30)]

    def any(self, of):
        return self.chance.choice(of)

    def query(self):
        return self.any(self.any([self.plain, ODD]))

    def noise(self, most=200):
        return self.chance.randbytes(self.chance.randrange(most))

    def good_get(self):
        query, k, explain = self.query(), self.any(GOOD_K), self.any([*BOOLS, *[""] * 8])
        encode = self.any([quote, quote_plus, lambda text: "".join(f"%{byte:02x}" for byte in text.encode())])
        pairs = [f"q={encode(query)}", f"k={k}", *([f"explain={explain}"] if explain else [])]
        pairs += self.any([[], [], [""]])
        self.chance.shuffle(pairs)
        host, prefix = self.any(GOOD_HOSTS), self.any([b"", b"", b"http://localhost:1", b"HTTP://[::1]"])
        target = prefix + b"/search?" + "&".join(pairs).encode()
        return Sent(request(b"GET", target, host=host), (200,), [query], k, BOOLS.get(explain, False))

    def odd_get(self):
        number = self.any(
            ["", " ", "many", "1.5", "1e1", "0x3", "+3", "٣", "1_0", "9" * 400, "9" * 5_000, "-0", "NaN", "%00"]
        )
        k = self.any([*map(str, BAD_K), quote(number)])
        pairs = self.any(
            [
                [f"q=bag&k={k}"],
                ["q=bag&explain=" + quote(self.any(["maybe", "2", "", "[]", "true false"]))],
                ["k=3"],
                ["q=" + "a" * (MOST_LETTERS + self.any([1, 100]))],
                ["q=%ED%A0%BD&k=3"],
                ["q=%FF%FE%80"],
                ["q=%zz%&k=3"],
                ["q=hat&q=bag", "k=3&k=4"],
                [";".join(["q=bag", "k=3"])],
                ["&&&=&q"],
                ["q=bag", self.any(["more=1", "q[]=1", "=", "%FF=1", "x" * 9_000 + "=1"])],
            ]
        )
        return Sent(request(b"GET", b"/search?" + "&".join(pairs).encode()), (200, *REFUSED))

    def good_post(self):
        queries = [self.query() for _ in range(self.any([1, 1, 1, 1, 3]))]
        content = {"queries": queries, "k": self.any(GOOD_K), "explain": self.any([True, False, False])}
        dump = json.dumps(content, ensure_ascii=self.any([True, False]), indent=self.any([None, 1]))
        body = dump.encode(self.any(["utf-8", "utf-8", "utf-16", "utf-32-le"])) if dump.isascii() else dump.encode()
        kind = self.any([b"application/json", b"application/json; charset=utf-8", b"application/problem+json"])
        headers = [b"Content-Type: " + kind]
        if self.chance.random() < 0.2:
            cut = self.chance.randrange(1, len(body))
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:cut], body[cut:])) + b"0\r\n\r\n"
            headers.append(b"Transfer-Encoding: chunked")
        data = request(b"POST", b"/search", body, headers=headers, host=self.any(GOOD_HOSTS))
        return Sent(data, (200,), queries, content["k"], content["explain"], method="POST")

    def value(self, depth=0):
        makers = [
            lambda: self.any([None, True, False, 0, -1, 1.5, 1e308, -0.0, 2**70, 10**4_000, "", "bag"]),
            lambda: self.any(HALVES),
            lambda: self.query(),
            lambda: float(self.any(["nan", "inf", "-inf"])),
        ]
        if depth < 3:
            makers.append(lambda: [self.value(depth + 1) for _ in range(self.chance.randrange(4))])
            makers.append(lambda: {self.any([*HALVES, "k", "queries", ""]): self.value(depth + 1) for _ in range(2)})
        return self.any(makers)()

    def odd_post(self):
        queries = self.any(
            [
                [],
                ["bag"] * (MOST_QUERIES + 1),
                ["a" * (MOST_LETTERS + 1)],
                [self.any(HALVES)],
                ["bag", self.value()],
                self.value(),
                "bag",
            ]
        )
        k = self.any([3, *BAD_K, self.value(), "3", " 3", 3.0, 3.5, True])
        content = self.any(
            [
                lambda: {"queries": queries, "k": k, "explain": self.any([self.value(), "yes", 2, 1])},
                lambda: {"queries": ["bag"], self.any(["limit", "", "Queries", *HALVES, "x" * 5_000]): 1},
                lambda: {"queries": ["bag"], **{str(number): 1 for number in range(3_000)}},
                lambda: self.value(),
            ]
        )()
        body = json.dumps(content).encode()
        return Sent(self.json_post(body), (200, *REFUSED), method="POST")

    def json_post(self, body, kind=b"application/json"):
        return request(b"POST", b"/search", body, headers=[b"Content-Type: " + kind])

    def broken_post(self):
        good = json.dumps({"queries": ["black bag"], "k": 3}).encode()
        offset = self.chance.randrange(len(good))
        body = self.any(
            [
                good[:offset],
                good[:offset] + self.noise(5) + good[offset:],
                b"[" * 100_000,
                b'{"queries":' + b"[" * 900 + b"]" * 900 + b"}",
                b'{"a":' * 50_000,
                b'{"queries": ["bag"], "k": ' + b"9" * 5_000 + b"}",
                b'{"queries": ["bag"], "k": 3' + b"0" * 400 + b".0}",
                b'{"queries": ["bag"], "k": 1e999}',
                b'{"queries": ["bag"], "queries": ["hat"]}',
                b'\xef\xbb\xbf{"queries": ["bag"]}',
                b'{"queries": ["\xed\xa0\xbd"]}',
                b'{"queries": ["\xff"]}',
                b'{"queries": ["bag\x00"]}',
                b"NaN",
                b" " * (MOST_BYTES + 1),
                self.noise(),
                b"queries=bag",
            ]
        )
        kind = self.any(
            [b"application/json"] * 3 + [b"text/plain", b"application/x-www-form-urlencoded", b"\xff", b"a/b; c"]
        )
        kind = self.any([kind] * 3 + [b"multipart/form-data; boundary=x"])
        return Sent(self.json_post(body, kind), (200, *REFUSED), method="POST")

    def elsewhere(self):
        method = self.any([b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"HEAD", b"BAG", b"get"])
        paths = [
            b"/",
            b"/health",
            b"/metrics",
            b"/search/",
            b"//search",
            b"/search/..",
            b"/docs",
            b"/%2e%2e/etc/passwd",
            b"/%00",
        ]
        paths += [
            b"/%ff",
            b"/%ED%A0%BD",
            b"*",
            b"search",
            b"localhost:80",
            b"/" + b"a" * 5_000,
            b"/search%3Fq=bag",
            b"//evil.example/",
        ]
        paths += [
            b"ftp://localhost/search",
            b"http://localhost",
            b"http://localhost?q=bag",
            b"/search#q",
            b"/search;q=bag?q=bag",
        ]
        path = self.any(paths)
        good = {
            b"/": "/",
            b"/docs": "/docs",
            b"/health": "/health",
            b"/metrics": "/metrics",
            b"http://localhost": "/",
            b"http://localhost?q=bag": "/",
        }
        found = method in (b"GET", b"HEAD") and path in good
        return Sent(
            request(method, path),
            (200,) if found else REFUSED,
            method=method.decode(),
            path=good.get(path, "") if found else "",
        )

    def unknown(self):
        """A parameter or a field that no route knows, beside what would be answered without it."""
        name = self.any(
            ["more", "K", "Q", "q[]", "quer", "filters", "texts ", "%00", "%FF", "x" * 3_000, "=", "\\", "as"]
        )
        path = self.any(
            [
                *(
                    "/search?q=bag",
                    "/indexes/index/search?q=bag",
                    "/encode?text=bag",
                    "/index?",
                    "/indexes?",
                    "/health?",
                ),
                *(
                    "/metrics?",
                    "/docs?",
                    "/openapi.json?",
                    "/doc/1?",
                    "/indexes/index/doc/a%2Fb?",
                    "/indexes/index/index?",
                ),
            ]
        )
        if self.chance.random() < 0.5:
            name = "as_" if name == "as" and "/encode" in path else name
            method = self.any([b"GET", b"HEAD"])
            data = request(method, f"{path}&{quote(name, safe='%=')}=1".encode())
            return Sent(data, (422,), method=method.decode(), path="")
        path, content = self.any([("/search", {"queries": ["bag"]}), ("/encode", {"texts": ["bag"]})])
        body = json.dumps({**content, self.any(["more", "Queries", "q", "text", "", "\ud83d", "k "]): 1}).encode()
        headers = [b"Content-Type: application/json"]
        return Sent(request(b"POST", path.encode(), body, headers=headers), (422,), method="POST", path="")

    def bad_host(self):
        target = b"/search?q=bag"
        headers = []
        host = self.any([None, *BAD_HOSTS])
        version = self.any([b"1.1", b"1.1", b"1.0"])
        match self.any(["alone", "alone", "twice", "target"]):
            case "twice":
                host, headers = b"localhost", [b"Host: " + self.any(GOOD_HOSTS)]
            case "target":
                host = self.any([b"localhost", host])
                target = self.any([b"http://evil.example", b"http://", b"https://u@localhost", b"http://[::1"]) + target
        if self.chance.random() < 0.3:
            body = json.dumps({"queries": ["bag"]}).encode()
            data = request(
                b"POST", target, body, headers=[*headers, b"Content-Type: application/json"], host=host, version=version
            )
            return Sent(data, (400, 421), more=False, method="POST")
        return Sent(request(b"GET", target, host=host, headers=headers, version=version), (400, 421), more=False)

    def good_old(self):
        query = self.query()
        data = request(b"GET", b"/search?q=" + quote(query).encode(), version=b"1.0")
        return Sent(data, (200,), [query], more=False)

    def broken(self):
        start = b"GET /search?q=bag HTTP/1.1\r\nHost: localhost\r\n"
        data = self.any(
            [
                start + self.noise() + b"\r\n\r\n",
                self.noise() + b"\r\n\r\n",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                b"GET /search?q=bag\r\n\r\n",
                b"GET  /search?q=bag  HTTP/1.1\r\nHost: localhost\r\n\r\n",
                b"GET /search?q=b\xc3\xa4g HTTP/1.1\r\nHost: localhost\r\n\r\n",
                start + b"Content-Length: -1\r\n\r\n",
                start + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
                start + b"Transfer-Encoding: bag\r\n\r\n",
                start + b"Transfer-Encoding: chunked\r\n\r\nbag\r\n",
                start + b" folded\r\n\r\n",
                start + b"A: " + b"a" * 100_000 + b"\r\n\r\n",
                b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
                b"GET /search?q=bag HTTP/9.9\r\nHost: localhost\r\n\r\n",
            ]
        )
        return Sent(data, (200, *REFUSED), more=False)

    def headers(self):
        query = self.query()
        more = self.any(
            [
                [b"X-Forwarded-Host: evil.example", b"Forwarded: host=evil.example"],
                [b"Connection: upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"],
                [b"Connection: upgrade, http2-settings", b"Upgrade: h2c"],
                [b"Accept: image/png", b"Accept-Encoding: bag", b"Accept-Language: \xff"],
                [b"Content-Type: \xff\xfe", b"Content-Encoding: gzip"],
                [b"Range: bytes=0-1", b"If-None-Match: *"],
                [b"Origin: https://evil.example", b"Cookie: " + b"a=b; " * 500],
                [b"X-%d: a" % number for number in range(200)],
                [b"X-HTTP-Method-Override: DELETE"],
            ]
        )
        return Sent(request(b"GET", b"/search?q=" + quote(query).encode(), headers=more), (200,), [query])

    def make(self):
        kinds = {
            **{self.good_get: 3, self.odd_get: 3, self.good_post: 2, self.odd_post: 4, self.broken_post: 3},
            **{self.elsewhere: 3, self.bad_host: 3, self.good_old: 1, self.broken: 2, self.headers: 1, self.unknown: 3},
        }
        (kind,) = self.chance.choices(list(kinds), list(kinds.values()))
        return kind()


@pytest.fixture
def searcher(light_index):
    """The light index, open."""
    with closing(sparton.Searcher(light_index)) as opened:
        yield opened


@pytest.fixture
def served(light_index, tmp_path):
    """Where a service on the light index listens, and the file of what it says."""
    log = tmp_path / "log"
    with log.open("wb") as stream:
        command = [*SPARTON, "serve", "--index", str(light_index), "--port", "0", "--max-k", str(MOST_K)]
        process = subprocess.Popen(command, stderr=stream)
    try:
        while not (said := log.read_text()).endswith("\n"):
            assert process.poll() is None, said
            time.sleep(0.05)
        address = urlsplit(said.split(" at ")[1].split()[0])
        yield (address.hostname, address.port), log
    finally:
        process.kill()
        process.wait()


class Client:
    """Sends requests over a connection for as long as it is kept."""

    def __init__(self, address):
        self._address, self._connection = address, None

    def send(self, sent):
        if self._connection is None:
            self._connection = socket.create_connection(self._address, timeout=60)
        self._connection.sendall(sent.data)
        response = http.client.HTTPResponse(self._connection, method=sent.method)
        response.begin()
        body = response.read()
        if not sent.more or response.will_close:
            self.close()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, body

    def close(self):
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def check_hits(result, found, k, explain):
    expected, terms = found(result["query"])
    assert [(hit["rank"], hit["id"], hit["score"], hit["text"]) for hit in result["hits"]] == expected[:k]
    assert ("terms" in result) == explain
    if explain:
        assert {term["term"]: term["impact"] for term in result["terms"]} == terms
        for hit in result["hits"]:
            assert sum(match["contribution"] for match in hit["matches"]) == hit["score"]


def check(sent, status, headers, body, searcher, found):
    assert status in sent.statuses
    for name, value in security_headers().items():
        assert headers[name] == value
    if sent.method == "HEAD":
        return
    if status != 200:
        detail = json.loads(body)["detail"]
        assert json.loads(body) == {"detail": detail}
        assert detail.strip()
        assert len(detail.splitlines()) == 1
        assert len(detail) < 6_000
        return
    if sent.path == "/search":
        content = json.loads(body)
        results = content.get("results", [content])
        if sent.queries is not None:
            assert [result["query"] for result in results] == sent.queries
            for result in results:
                check_hits(result, found, sent.k, sent.explain)
        else:  # what it asks for is what the service took it for; the hits must be those of that
            for result in results:
                check_hits(result, found, len(result["hits"]), "terms" in result)
    elif sent.path == "/health":
        assert json.loads(body) == {
            "status": "ok",
            "documents": len(searcher),
            "generation": searcher.manifest.state,
        }
    elif sent.path == "/":
        assert body.decode() == page()
    elif sent.path == "/docs":
        assert body.startswith(b"<!doctype html>")
    else:
        assert body.startswith(b"# TYPE sparton_requests_total counter\n")


def test_every_request_is_answered_right_or_refused_in_a_sentence(served, searcher):
    address, log = served

    @cache
    def found(query):
        answer = searcher.answer(query, MOST_K)
        return [(hit.rank, hit.id, hit.score, hit.text) for hit in answer.hits], answer.terms

    maker, client = Maker(SEED), Client(address)
    statuses = {}
    for number in range(COUNT):
        sent = maker.make()
        try:
            status, headers, body = client.send(sent)
            check(sent, status, headers, body, searcher, found)
        except (AssertionError, OSError, http.client.HTTPException, ValueError, KeyError) as error:
            excerpt = sent.data if len(sent.data) < 2_000 else sent.data[:1_000] + b" ... " + sent.data[-500:]
            client.close()
            raise AssertionError(f"request {number}, {excerpt!r}: {error}\n{log.read_text()[-3_000:]}") from error
        statuses[status] = statuses.get(status, 0) + 1
    client.close()
    assert {200, 400, 404, 405, 413, 421, 422} <= set(statuses)
    assert statuses[200] > COUNT / 4
    assert "Traceback" not in log.read_text()
    for query in ("small black leather crossbody bag", "red hat", ""):
        sent = Sent(request(b"GET", b"/search?q=" + quote(query).encode()), (200,), [query], more=False)
        check(sent, *client.send(sent), searcher, found)
    sent = Sent(request(b"GET", b"/health"), path="/health", more=False)
    check(sent, *client.send(sent), searcher, found)
