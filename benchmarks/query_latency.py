"""Latency and batch throughput of queries as texts: Sparton's Searcher, and Pyserini's LuceneImpactSearcher beside it.

    python benchmarks/query_latency.py INDEX TOPICS.tsv --queries 500 [--out FILE.json]

The index is one of `--model tiny`. Both keep the same model and the same Lucene index open, each in a process of its
own, and take turns at each query. A query ends with ids and scores in Python; `encode` is the model's share of that.
`with texts` is the same query again, now with its terms at hand, by Searcher.answer, which fetches stored texts too:
`search` is Lucene's share of it, and `fetch` the texts'. No query serves for two lengths of the list of hits. A batch
is all queries, encoding included, on --threads, until ids and scores are in Python.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from pyserini_side import Pyserini

from sparton import Searcher
from sparton.pipeline.model.files import find_model
from sparton.search.evaluation.run import plan_runs, write_runs
from sparton.search.searcher import Seconds

WARM = 20  # queries


def milliseconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - start)


def latencies(ours: Searcher, theirs: Pyserini, queries: list[str], k: int) -> dict[str, list[float]]:
    """Milliseconds of each query, by who and what."""
    found: dict[str, list[float]] = {}

    def add(name: str, act: Callable[[], object]) -> None:
        found.setdefault(name, []).append(milliseconds(act))

    def ask(query: str) -> None:
        terms: dict[str, int] = {}
        add("sparton, encode", lambda: terms.update(ours.terms(query)))
        add("sparton, rank", lambda: ours.rank_terms(terms, k))
        found.setdefault("sparton", []).append(sum(found[f"sparton, {part}"][-1] for part in ("encode", "rank")))

    def add_parts(seconds: Seconds) -> None:
        for part in ("search", "fetch"):
            found.setdefault(f"sparton, {part}", []).append(1000 * getattr(seconds, part))

    for number, query in enumerate(queries):
        turns = [
            lambda: ask(query),  # noqa: B023
            lambda: found.setdefault("pyserini", []).append(theirs.ask(do="search", query=query, k=k)[1]),  # noqa: B023
        ]
        for turn in turns if number % 2 else reversed(turns):
            turn()
        add("sparton, with texts", lambda: add_parts(ours.answer(query, k).seconds))  # noqa: B023
        found.setdefault("pyserini, encode", []).append(theirs.ask(do="encode", query=query)[1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("topics", type=Path)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    lines = arguments.topics.read_text().splitlines()[: arguments.queries]
    queries = [line.split("\t")[1] for line in lines]
    ours = Searcher(arguments.index)
    theirs = Pyserini(arguments.index / "lucene", find_model("tiny").folder)
    chosen = arguments.index.with_suffix(".topics.tsv")
    chosen.write_text("".join(f"{number}\t{query}\n" for number, query in enumerate(queries)))
    result: dict[str, Any] = {
        "machine": f"{os.uname().machine}, {os.cpu_count()} cores",
        "versions": {name: metadata.version(name) for name in ("pyserini", "torch", "transformers")},
        "documents": len(ours),
        "queries": len(queries),
    }
    try:
        for turn, k in enumerate((10, 1000)):
            latencies(ours, theirs, queries[:WARM], k)
            asked = queries[WARM + turn :: 2]
            mean = {name: statistics.fmean(ms) for name, ms in latencies(ours, theirs, asked, k).items()}
            result[f"k {k}, mean ms"] = mean
            print(f"k {k}: " + ", ".join(f"{name} {ms:.2f} ms" for name, ms in mean.items()), flush=True)
            plan = plan_runs([chosen], arguments.index.with_suffix(".trec"), k=k, threads=arguments.threads)
            speeds: dict[str, list[float]] = {"sparton": [], "pyserini": []}
            for _ in range(3):
                took = milliseconds(lambda: list(write_runs(ours, plan)))  # noqa: B023
                speeds["sparton"].append(1000 * len(queries) / took)
                _, took = theirs.ask(do="batch", queries=queries, k=k, threads=arguments.threads)
                speeds["pyserini"].append(1000 * len(queries) / took)
            medians = {name: statistics.median(values) for name, values in speeds.items()}
            result[f"k {k}, batch, queries/s"] = medians
            ratio = medians["sparton"] / medians["pyserini"]
            print(f"k {k}, batch: {medians}, {ratio:.2f} times", flush=True)
    finally:
        theirs.close()
        chosen.unlink()
        arguments.index.with_suffix(".trec").unlink(missing_ok=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
