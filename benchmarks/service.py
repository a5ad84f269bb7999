"""`sparton serve` under clients that never pause, and under malformed requests.

    python benchmarks/service.py INDEX QUERIES.tsv --clients 64 --seconds 60 [--out FILE.json]

Each client sends one query after another. Errors are counted, latencies are the clients', and the memory of the server
is read after a tenth of the time and at the end. A thousand malformed requests follow, and then it must still be well.
"""

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np


def start(index: Path) -> tuple["subprocess.Popen[str]", str]:
    """The server, and its host and port."""
    command = [sys.executable, "-c", "from sparton.cli import run; run()", "serve", "--index", str(index)]
    process = subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    line = process.stderr.readline()
    if not line.startswith("serving "):
        raise SystemExit(line + process.stderr.read())
    return process, urlsplit(line.split(" at ")[1].split()[0]).netloc


def memory_mib(pid: int) -> float:
    """What a process holds, without files that it maps."""
    _, resident, shared, *_ = (int(pages) for pages in Path(f"/proc/{pid}/statm").read_text().split())
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE") / 2**20


def client(host: str, queries: list[str], until: float, latencies: list[float], errors: list[str], seed: int) -> None:
    chance = random.Random(seed)
    connection = http.client.HTTPConnection(host, timeout=60)
    while time.perf_counter() < until:
        started = time.perf_counter()
        try:
            connection.request("GET", f"/search?{urlencode({'q': chance.choice(queries), 'k': 10})}")
            response = connection.getresponse()
            body = response.read()
            if response.status != 200:
                errors.append(f"{response.status}: {body[:100]!r}")
        except OSError as error:
            errors.append(repr(error))
            connection.close()
        latencies.append(1000 * (time.perf_counter() - started))


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("queries", type=Path, help="a query a line, behind a tab if there are ids")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    queries = [line.split("\t")[-1] for line in arguments.queries.read_text().splitlines()]
    process, host = start(arguments.index)
    try:
        latencies: list[float] = []
        errors: list[str] = []
        until = time.perf_counter() + arguments.seconds
        common = host, queries, until, latencies, errors
        clients = [threading.Thread(target=client, args=(*common, seed)) for seed in range(arguments.clients)]
        for thread in clients:
            thread.start()
        time.sleep(arguments.seconds / 10)
        early = memory_mib(process.pid)
        for thread in clients:
            thread.join()
        late = memory_mib(process.pid)
        statuses = malformed(host, 1_000)
        connection = http.client.HTTPConnection(host, timeout=60)
        connection.request("GET", "/health")
        healthy = connection.getresponse().status == 200
    finally:
        process.terminate()
        process.wait()
    result = {
        "machine": f"{os.uname().machine}, {os.cpu_count()} cores, clients on the same",
        "clients": arguments.clients,
        "requests": len(latencies),
        "requests/s": len(latencies) / arguments.seconds,
        "errors": len(errors),
        "ms": {f"p{share}": float(np.percentile(latencies, share)) for share in (50, 90, 99)},
        "MiB after a tenth": early,
        "MiB at the end": late,
        "malformed": statuses,
        "healthy": healthy,
    }
    print(json.dumps(result, indent=2))
    print("\n".join(errors[:5]), file=sys.stderr)
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
