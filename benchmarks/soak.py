"""Threads that share a Searcher, or clients of `sparton serve`, for minutes: every answer is the one given alone.

    python benchmarks/soak.py INDEX TOPICS.tsv --seconds 300 [--threads 16] [--clients 64] [--out FILE.json]

Each thread and client asks one query after another, with k of 10, 100 and 1000 in turn, with texts and explanations.
Before, each query was answered alone at each k. Ids, scores, texts, terms and matches are compared, and the matches of
a hit must sum to its score. Memory is read after a tenth of the time and at the end.
"""

import argparse
import http.client
import json
import os
import platform
import random
import threading
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from service import memory_mib, start

from sparton import Searcher

DEPTHS = (10, 100, 1000)
Key = tuple[str, int]


def plain(terms: dict[str, int], hits: list[dict[str, Any]]) -> str:
    """An answer as text that can be compared."""
    for hit in hits:
        if sum(match["contribution"] for match in hit["matches"]) != hit["score"]:
            return f"the matches of {hit['id']} do not sum to its score"
    return json.dumps([sorted(terms.items()), hits], sort_keys=True)


def answered(searcher: Searcher, query: str, k: int) -> str:
    answer = searcher.answer(query, k)
    matches = searcher.explain(answer.terms, answer.hits)
    hits = [
        {
            "rank": hit.rank,
            "id": hit.id,
            "score": hit.score,
            "text": hit.text,
            "matches": [
                {
                    "term": match.term,
                    "query_impact": match.query_impact,
                    "document_impact": match.document_impact,
                    "contribution": match.contribution,
                }
                for match in found
            ],
        }
        for hit, found in zip(answer.hits, matches, strict=True)
    ]
    return plain(answer.terms, hits)


def asked(connection: http.client.HTTPConnection, query: str, k: int) -> str:
    connection.request("GET", f"/search?{urlencode({'q': query, 'k': k, 'explain': 'true'})}")
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        return f"status {response.status}: {body[:200]!r}"
    content = json.loads(body)
    for hit in content["hits"]:
        for match in hit["matches"]:
            del match["expanded"]
    return plain({term["term"]: term["impact"] for term in content["terms"]}, content["hits"])


def soak(
    number: int, seconds: float, alone: dict[Key, str], ask: Callable[[int], Callable[[str, int], str]], pid: int
) -> dict[str, Any]:
    """What so many threads found wrong. ask: gives each thread what answers its queries. pid: whose memory is read."""
    until = time.perf_counter() + seconds
    counts, wrong = [0] * number, []

    def run(seed: int) -> None:
        chance, act, turn = random.Random(seed), ask(seed), 0
        queries = sorted({query for query, _ in alone})
        while time.perf_counter() < until:
            key = chance.choice(queries), DEPTHS[turn % len(DEPTHS)]
            turn += 1
            try:
                found = act(*key)
            except Exception as error:  # whatever it is, it is no right answer
                found = repr(error)
            counts[seed] += 1
            if found != alone[key]:
                wrong.append((key, found[:300]))

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(number)]
    for thread in threads:
        thread.start()
    time.sleep(seconds / 10)
    early = memory_mib(pid)
    for thread in threads:
        thread.join()
    late = memory_mib(pid)
    for key, found in wrong[:5]:
        print(f"{key}: {found}")
    return {
        "answers": sum(counts),
        "wrong": len(wrong),
        "MiB after a tenth": round(early, 1),
        "MiB at the end": round(late, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("topics", type=Path)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    lines = arguments.topics.read_text(encoding="utf-8").splitlines()[: arguments.queries]
    queries = [line.split("\t")[1] for line in lines]
    searcher = Searcher(arguments.index)
    alone = {(query, k): answered(searcher, query, k) for query in queries for k in DEPTHS}
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, clients on the same",
        "versions": {name: metadata.version(name) for name in ("JPype1", "pyserini", "torch")},
        "documents": len(searcher),
        "queries": len(queries),
        "k": DEPTHS,
        "seconds": arguments.seconds,
    }
    if arguments.threads:

        def shared(_: int) -> Callable[[str, int], str]:
            return lambda query, k: answered(searcher, query, k)

        found = soak(arguments.threads, arguments.seconds, alone, shared, os.getpid())
        result["threads"] = {"number": arguments.threads, **found}
        print(result["threads"], flush=True)
    searcher.close()
    if arguments.clients:
        process, host = start(arguments.index)
        try:

            def client(_: int) -> Callable[[str, int], str]:
                connection = http.client.HTTPConnection(host, timeout=300)
                return lambda query, k: asked(connection, query, k)

            found = soak(arguments.clients, arguments.seconds, alone, client, process.pid)
            result["clients"] = {"number": arguments.clients, **found, "crashed": process.poll() is not None}
            print(result["clients"], flush=True)
        finally:
            process.kill()
            process.wait()
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
