"""`sparton serve` under clients that never pause, of one code tree or of several in turns, and under clients that mean
it no good.

    python benchmarks/service.py INDEX QUERIES.tsv --clients 64 --seconds 60 [--root old=FOLDER --root new=FOLDER]
    python benchmarks/service.py INDEX QUERIES.tsv --mode headers | bodies | abandoned [--count N]

load: each client sends one query after another, no two the same ones at a time, and each answer is compared with the
one given alone. Latencies are the clients', which are one process without threads, so that they take little of what
they measure; the memory of the server is read after each round. A thousand malformed requests follow, and then it must
still be well. headers: `count` connections send a header a letter at a time. bodies: `count` send all of a body of 1 MB
but its last byte. abandoned: `count` send 64 queries each and hang up. Meanwhile eight clients ask as before, and
/health is asked. The server may open 1,024 files then, as is usual.

--root: an import root, whose folder `sparton` is a code tree, by a name. Several are served at once and asked in turns.
"""

import argparse
import http.client
import json
import os
import random
import resource
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np

_FILES = 1_024
_PATIENCE = 60.0  # seconds that a client waits for an answer
_LAST = 60.0  # seconds that a server has to end
_HEALTHY = 8  # clients beside those that mean no good


@dataclass
class Server:
    """One that runs. host: and port, as a URL has them. errors: what went wrong for clients."""

    name: str
    process: "subprocess.Popen[str]"
    host: str
    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    rounds: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    seconds: float = 0.0
    core_seconds: float = 0.0
    client_core_seconds: float = 0.0
    malformed: dict[str, int] = field(default_factory=dict)

    @property
    def address(self) -> tuple[str, int]:
        """For a socket."""
        parts = urlsplit(f"//{self.host}")
        return parts.hostname or "", parts.port or 0


def start(index: Path, name: str, root: str | None, files: int | None) -> Server:
    """A server of a code tree. files: that it may open."""
    command = [sys.executable, "-c", "from sparton.cli import run; run()", "serve", "--index", str(index)]
    process = subprocess.Popen(
        [*command, "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **({"PYTHONPATH": root} if root else {})},
        preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))) if files else None,
    )
    assert process.stderr is not None
    said = ""
    while not (line := process.stderr.readline()).startswith("serving "):  # before it something may be warned of
        said += line
        if not line:
            raise SystemExit(said)
    return Server(name, process, urlsplit(line.split(" at ")[1].split()[0]).netloc)


def stop(server: Server) -> dict[str, object]:
    """How long it takes to end once it is told to."""
    begin = time.perf_counter()
    server.process.terminate()
    try:
        server.process.wait(_LAST)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()
    return {"seconds to stop": time.perf_counter() - begin, "exit code": server.process.returncode}


def memory_mib(pid: int) -> float:
    """What a process holds, without files that it maps."""
    _, resident, shared, *_ = (int(pages) for pages in Path(f"/proc/{pid}/statm").read_text().split())
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE") / 2**20


def core_seconds(pid: int) -> float:
    """What a process has taken of the cores."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def request_of(query: str) -> bytes:
    return f"GET /search?{urlencode({'q': query, 'k': 10})} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def own_part(body: bytes) -> bytes:
    """An answer without the time that it took."""
    return body.partition(b',"milliseconds"')[0]


def alone(server: Server, queries: list[str]) -> dict[str, bytes]:
    """The answer to each query, asked one after the other."""
    connection = http.client.HTTPConnection(server.host, timeout=_PATIENCE)
    answers = {}
    for query in queries:
        connection.request("GET", f"/search?{urlencode({'q': query, 'k': 10})}")
        answers[query] = own_part(connection.getresponse().read())
    connection.close()
    return answers


class Client:
    """Sends a query, takes the answer, and sends the next one; on one connection."""

    def __init__(self, server: Server, queries: list[str], first: int, expected: dict[str, bytes]) -> None:
        self._server, self._queries, self._next, self._expected = server, queries, first, expected
        self.socket: socket.socket | None = None
        self.started = 0.0

    def send(self) -> None:
        """The next query."""
        self._query = self._queries[self._next % len(self._queries)]
        self._next += 1
        self._received = b""
        self._length: int | None = None
        self.started = time.perf_counter()
        try:
            if self.socket is None:
                self.socket = socket.create_connection(self._server.address, timeout=_PATIENCE)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.sendall(request_of(self._query))
        except OSError as error:
            self._failed(repr(error))

    def receive(self) -> bool:
        """Take what has come; return whether that is all."""
        assert self.socket is not None
        try:
            received = self.socket.recv(2**18)
        except OSError as error:
            self._failed(repr(error))
            return True
        if not received:
            self._failed("closed")
            return True
        self._received += received
        if self._length is None:
            head, separator, _ = self._received.partition(b"\r\n\r\n")
            if not separator:
                return False
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            self._length = len(head) + 4 + int(lengths[0].partition(b":")[2])
        if len(self._received) < self._length:
            return False
        self._server.latencies.append(1000 * (time.perf_counter() - self.started))
        head, _, body = self._received.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            self._failed(f"{head[:40]!r} {body[:200]!r}")
        elif own_part(body) != self._expected[self._query]:
            got, expected = (json.loads(part + b"}") for part in (own_part(body), self._expected[self._query]))
            if got != expected:
                self._server.errors.append(f"another answer to {self._query!r} than alone")
        return True

    def _failed(self, why: str) -> None:
        self._server.errors.append(why)
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def ask(server: Server, queries: list[str], expected: dict[str, bytes], clients: int, seconds: float) -> None:
    """Have clients ask for some seconds. What they begin then is waited for, and counts."""
    every = [Client(server, queries, number * len(queries) // clients, expected) for number in range(clients)]
    chooser = selectors.DefaultSelector()
    before, own, answered = core_seconds(server.process.pid), time.process_time(), len(server.latencies)
    begin = time.perf_counter()
    until = begin + seconds
    waiting: set[Client] = set()

    def send(client: Client) -> None:
        """The next query of a client, on a connection that is watched."""
        known = client.socket
        client.send()
        if client.socket is not known and client.socket is not None:
            chooser.register(client.socket, selectors.EVENT_READ, client)
        if client.socket is None:
            time.sleep(0.01)
        waiting.add(client)

    for client in every:
        send(client)
    while waiting:
        for key, _ in chooser.select(timeout=1):
            client, connection = key.data, key.fileobj
            if client.receive():
                waiting.discard(client)
                if client.socket is None:
                    chooser.unregister(connection)
                if time.perf_counter() < until:
                    send(client)
        now = time.perf_counter()
        for client in list(waiting):
            if client.socket is None or now - client.started > _PATIENCE:
                if client.socket is not None:
                    chooser.unregister(client.socket)
                    server.errors.append(f"no answer in {_PATIENCE} s")
                    client.close()
                waiting.discard(client)
                if now < until:
                    send(client)
    for client in every:
        client.close()
    took = time.perf_counter() - begin
    server.rounds.append((len(server.latencies) - answered) / took)
    server.seconds += took
    server.core_seconds += core_seconds(server.process.pid) - before
    server.client_core_seconds += time.process_time() - own


def malformed(host: str, count: int) -> dict[str, int]:
    """Status of each of `count` requests that cannot be meant."""
    chance = random.Random(1)
    statuses: dict[str, int] = {}
    makers = (
        lambda: ("GET", f"/search?{urlencode({'q': 'a' * chance.randrange(4_097, 9_000)})}", None),
        lambda: ("GET", f"/search?{urlencode({'q': 'bag', 'k': chance.choice([0, -1, 10**9, 'x'])})}", None),
        lambda: ("POST", "/search", bytes(chance.randrange(256) for _ in range(chance.randrange(500)))),
        lambda: ("POST", "/search", json.dumps({"queries": chance.choice(["", [], [1], ["a"] * 99])}).encode()),
        lambda: ("POST", "/search", b" " * (2**20 + 1)),
        lambda: (chance.choice(["PUT", "DELETE", "PATCH"]), "/search", None),
        lambda: ("GET", f"/{chance.randrange(10**6)}", None),
    )
    for number in range(count):
        connection = http.client.HTTPConnection(host, timeout=60)
        try:
            connection.request(*makers[number % len(makers)](), headers={"content-type": "application/json"})
            status = str(connection.getresponse().status)
        except OSError:
            status = "closed"  # refused in the middle of a body that is too large
        finally:
            connection.close()
        statuses[status] = statuses.get(status, 0) + 1
    return statuses


def health(host: str) -> tuple[bool, float]:
    """Whether it says that it is well, and milliseconds until it does."""
    connection = http.client.HTTPConnection(host, timeout=10)
    begin = time.perf_counter()
    try:
        connection.request("GET", "/health")
        well = connection.getresponse().status == 200
    except OSError:
        well = False
    finally:
        connection.close()
    return well, 1000 * (time.perf_counter() - begin)


def slow_headers(server: Server, number: int) -> tuple[socket.socket, bytes]:
    """A connection that has begun a request, and what it sends every second."""
    connection = socket.create_connection(server.address, timeout=2)
    connection.sendall(b"GET /search?q=bag HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    return connection, b"a"


def slow_bodies(server: Server, number: int) -> tuple[socket.socket, bytes]:
    """A connection that lacks the last byte of its body."""
    connection = socket.create_connection(server.address, timeout=2)
    connection.sendall(b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
    connection.sendall(b"Content-Length: 1000000\r\n\r\n")
    connection.setblocking(False)
    left, until = 999_999, time.perf_counter() + 1
    while left and time.perf_counter() < until:
        try:
            left -= connection.send(b" " * min(left, 2**16))
        except BlockingIOError:
            time.sleep(0.001)
        except OSError:
            break
    return connection, b""


def abandon(server: Server, queries: list[str], number: int) -> None:
    """64 queries that nobody waits for."""
    some = [queries[(64 * number + place) % len(queries)] for place in range(64)]
    body = json.dumps({"queries": some}).encode()
    head = f"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(f"{head}\r\n\r\n".encode() + body)


def under_attack(
    server: Server, mode: str, count: int, queries: list[str], expected: dict[str, bytes], seconds: float
) -> dict[str, Any]:
    """What happens to clients beside those that mean no good."""
    opened, refused = [], 0
    begin = time.perf_counter()
    for number in range(count):
        try:
            if mode == "abandoned":
                abandon(server, queries, number)
            else:
                opened.append((slow_headers if mode == "headers" else slow_bodies)(server, number))
        except OSError:
            refused += 1
    took = time.perf_counter() - begin
    files, memory = open_files(server.process.pid), memory_mib(server.process.pid)
    well, milliseconds = health(server.host)
    ask(server, queries, expected, _HEALTHY, seconds)
    memory = max(memory, memory_mib(server.process.pid))
    alive = 0
    for connection, more in opened:
        try:
            connection.setblocking(False)
            connection.sendall(more)
            alive += 1
        except OSError:
            pass
        connection.close()
    return {
        "mode": mode,
        "count": count,
        "seconds to make them": took,
        "not let in": refused,
        "still open at the end": alive,
        "files open": files,
        "MiB": memory,
        "healthy": well,
        "ms of /health": milliseconds,
        **summary(server),
    }


def summary(server: Server) -> dict[str, object]:
    """What clients saw."""
    found = server.latencies
    return {
        "requests": len(found),
        "requests/s": len(found) / server.seconds,
        "requests/s by round": server.rounds,
        "errors": len(server.errors),
        "ms": {f"p{share}": float(np.percentile(found, share)) for share in (50, 90, 99)} if found else {},
        "core ms a request": 1000 * server.core_seconds / max(1, len(found)),
        "core ms a request, clients": 1000 * server.client_core_seconds / max(1, len(found)),
    }


def load(
    servers: list[Server], queries: list[str], expected: dict[str, bytes], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Each server under clients that never pause, in turns."""
    rounds = arguments.rounds
    for turn in range(rounds):
        for server in servers if turn % 2 == 0 else servers[::-1]:
            ask(server, queries, expected, arguments.clients, arguments.seconds / rounds)
            server.memory.append(memory_mib(server.process.pid))
    results = {}
    for server in servers:
        statuses = malformed(server.host, 1_000)
        results[server.name] = {
            **summary(server),
            "MiB after each round": server.memory,
            "malformed": statuses,
            "healthy": health(server.host)[0],
        }
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("queries", type=Path, help="a query a line, behind a tab if there are ids")
    parser.add_argument("--mode", choices=("load", "headers", "bodies", "abandoned"), default="load")
    parser.add_argument("--root", action="append", default=[], help="NAME=FOLDER, an import root; several in turns")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60, help="for each code tree, all rounds together")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--count", type=int, help="of connections that mean no good")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    count = arguments.count or {"headers": 1_100, "bodies": 1_500, "abandoned": 256}.get(arguments.mode, 0)
    lines = arguments.queries.read_text().splitlines()
    queries = list(dict.fromkeys(line.split("\t")[-1] for line in lines))
    roots = [root.partition("=")[::2] for root in arguments.root] or [("this", None)]
    attack = arguments.mode != "load"
    result: dict[str, Any] = {
        "machine": f"{os.uname().machine}, {os.cpu_count()} cores, clients on the same",
        "load before": os.getloadavg()[0],
        "clients": _HEALTHY if attack else arguments.clients,
        "queries": len(queries),
    }
    servers: list[Server] = []
    try:
        for name, root in roots:
            servers.append(start(arguments.index, name, root, _FILES if attack else None))
        expected = alone(servers[0], queries)
        if attack:
            for server in servers:
                result[server.name] = under_attack(server, arguments.mode, count, queries, expected, arguments.seconds)
        else:
            result |= load(servers, queries, expected, arguments)
    finally:
        for server in servers:
            stopped = stop(server)
            if server.name in result:
                result[server.name] |= stopped
    print(json.dumps(result, indent=2))
    for server in servers:
        print("\n".join(dict.fromkeys(server.errors[:5])), file=sys.stderr)
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
