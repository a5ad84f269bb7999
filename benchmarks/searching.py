"""Latency of searching Lucene impact indexes, which take turns at the same synthetic queries.

    python benchmarks/searching.py INDEX [INDEX ...] --queries 500 [--same] [--c2] [--out searching.json]

An INDEX is a Lucene folder with the fields `id` and `contents`, Sparton's or Anserini's. Every round puts each query to
each index in turn, for k = 10 and k = 1000. `search` is all of it, from {term: impact} to ids, scores and texts; `rank`
is the part that makes the query and finds ids and scores; what remains is fetching stored texts. A query's latency is
its median over the rounds, and means and percentiles are over the queries.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from synthetic import queries

from sparton.indexer.java import find_jar, java_class, start_jvm
from sparton.search.impact_index import ImpactIndex

DEPTHS = (10, 1000)


def timed(index: ImpactIndex, query: Mapping[str, int], k: int) -> tuple[list[tuple[str, float]], float, float]:
    """The ids and scores that one search finds, and the milliseconds of all of it and of finding alone."""
    start = time.perf_counter()
    ranked = index.rank(query, k)
    found = time.perf_counter()
    index.texts(ranked)
    end = time.perf_counter()
    return [(hit.id, hit.score) for hit in ranked], 1000 * (end - start), 1000 * (found - start)


def measure(
    folders: Sequence[Path], asked: Sequence[Mapping[str, int]], k: int, rounds: int, same: bool
) -> dict[str, dict[str, np.ndarray]]:
    """Milliseconds [queries, rounds] of each index, as `search` and `rank`; one more round before warms up.

    same: exit with a message where an index's ids and scores are not the first one's.
    """
    indexes = [ImpactIndex(folder) for folder in folders]
    times = np.empty((len(indexes), len(asked), rounds + 1, 2))
    for turn in range(rounds + 1):
        for number, query in enumerate(asked):
            results: dict[int, list[tuple[str, float]]] = {}
            # Whoever comes first finds the caches as another query left them, so all get to be first.
            for step in range(len(indexes)):
                which = (number + turn + step) % len(indexes)
                found, *times[which, number, turn] = timed(indexes[which], query, k)
                if same and not turn:
                    results[which] = found
            for which, hits in results.items():
                if hits != results[0]:
                    raise SystemExit(f"{folders[which]} answers query {number} otherwise than {folders[0]} at k = {k}")
    for index in indexes:
        index.close()
    return {
        name_of(folder): {"search": times[which, :, 1:, 0], "rank": times[which, :, 1:, 1]}
        for which, folder in enumerate(folders)
    }


def summary(ms: np.ndarray) -> dict[str, float]:
    """Mean, median and 99th percentile over queries of each one's median round. ms: [queries, rounds]."""
    latency = np.median(ms, axis=1)
    return {"mean ms": latency.mean(), "p50 ms": np.median(latency), "p99 ms": np.percentile(latency, 99)}


def name_of(folder: Path) -> str:
    """What a folder is called in results."""
    return folder.parent.name if folder.name == "lucene" else folder.name


def describe(folder: Path) -> dict[str, int]:
    """Documents, segments and bytes of an index."""
    index = ImpactIndex(folder)
    try:
        size = sum(path.stat().st_size for path in folder.iterdir())
        return {"documents": len(index), "segments": int(index._reader.leaves().size()), "bytes": size}
    finally:
        index.close()


def start_java(c2: bool, options: Sequence[str]) -> None:
    """Start the JVM as `sparton search` does. c2: with the second compiler, as a server would; options: Java's own."""
    # Of an option given twice Java takes the last, and it reads this variable after all else.
    os.environ["_JAVA_OPTIONS"] = " ".join(["-XX:TieredStopAtLevel=4"] * c2 + [*options])
    start_jvm()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("indexes", type=Path, nargs="+", metavar="INDEX")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("-k", type=int, nargs="+", default=DEPTHS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--same", action="store_true", help="all indexes must give the same ids and scores")
    parser.add_argument("--c2", action="store_true", help="Java's optimizing compiler too, as in a long-running server")
    parser.add_argument("--java-option", action="append", default=[], help="for instance --java-option=-Xmx8g")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    start_java(arguments.c2, arguments.java_option)
    asked = queries(arguments.queries)
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {
            **{name: metadata.version(name) for name in ("pyserini", "JPype1")},
            "jar": find_jar().name,
            "lucene": java_class("org.apache.lucene.util.Version").LATEST.toString(),
            "java": java_class("java.lang.System").getProperty("java.version"),
        },
        "compilers": "C1 and C2" if arguments.c2 else "C1",
        "java options": arguments.java_option,
        "queries": len(asked),
        "terms a query": statistics.fmean(map(len, asked)),
        "rounds": arguments.rounds,
        "checked to be the same": arguments.same,
        "indexes": {name_of(folder): describe(folder) for folder in arguments.indexes},
        "latency": {},
    }
    print(f"{len(asked)} queries, {result['terms a query']:.0f} terms each, {result['machine']}, {result['compilers']}")
    for k in arguments.k:
        times = measure(arguments.indexes, asked, k, arguments.rounds, arguments.same)
        result["latency"][k] = {
            name: {part: summary(ms) for part, ms in parts.items()} for name, parts in times.items()
        }
        for name, parts in result["latency"][k].items():
            search, rank = parts["search"], parts["rank"]
            print(
                f"k {k:<5} {name:32} search mean {search['mean ms']:7.2f} ms  p99 {search['p99 ms']:7.2f} ms"
                f"   without texts {rank['mean ms']:7.2f} ms  p99 {rank['p99 ms']:7.2f} ms"
            )
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
