"""What filters, facets and orders cost beside searches without them, which take turns at the same queries.

    python benchmarks/filters.py --documents 100000 [--queries 200] [--rounds 5] [--folder FOLDER] [--out FILE.json]

Synthetic documents with five fields are indexed in FOLDER (kept; a temporary one without it), with fields and without.
A search begins with a query as {term: impact} and the texts of its filters, and ends with ids, scores, texts and fields
of the k best, and with the facets. A query's latency is its median over the rounds; means are over the queries. What is
kept after the first search (the documents that pass a filter, the fields' values) is measured apart, as `first`. `as a
clause` is the same filter given to Lucene as a clause of the query. Every filtered search must find what Python lets
pass of an unfiltered one.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from synthetic import queries, write_documents

from sparton.indexer.build import LuceneBuild
from sparton.indexer.java import LONG_RUN, find_jar, java_class, start_jvm
from sparton.indexer.options import LucenePlan
from sparton.search.filters.lucene import query_of
from sparton.search.impact_index import ImpactIndex
from sparton.search.lucene_hits import rank
from sparton.storage.fields import Field

FIELDS = (
    Field("price", "number"),
    Field("brand", "string"),
    Field("in_stock", "boolean"),
    Field("added", "timestamp"),
    Field("tags", "strings"),
)
NAMES = [field.name for field in FIELDS]
K = 10
TENTH = "price < 100"  # prices are even from 0 to 1,000
FILTERS = {
    "keeps half": "price < 500",
    "keeps 10 %": TENTH,
    "keeps 1 %": "price < 10",
    "keeps 0.1 %": "price < 1",
    "keeps 10 %, of three": "price < 200 and in_stock and brand not in ('Brand 1', 'Brand 2', 'Brand 3')",
}


def fields_of(number: int) -> dict[str, object]:
    """The fields of a document: an even price, 300 brands of which few are frequent, 336 days, up to three tags."""
    random = np.random.default_rng([3, number])
    day = int(random.integers(336))
    return {
        "price": round(float(random.random() * 1000), 2),
        "brand": f"Brand {int(random.zipf(1.5)) % 300}",
        "in_stock": bool(random.random() < 0.8),
        "added": f"2026-{day // 28 + 1:02}-{day % 28 + 1:02}T00:00:00Z",
        "tags": [f"tag {tag}" for tag in random.integers(0, 40, random.integers(0, 4))],
    }


def build(folder: Path, documents: int) -> dict[str, int]:
    """Write the documents and index them, with fields and without, unless all is there already; the indexes' bytes."""
    if not (folder / "vectors").is_dir():
        write_documents(folder / "vectors", documents, 8, fields_of)
    for name, fields in (("without fields", ()), ("with fields", FIELDS)):
        with LuceneBuild(folder / name, LucenePlan(2, 512, 64), fields=fields) as building:
            for path in sorted((folder / "vectors").iterdir()):
                building.add(path)
            building.finish()
    return {name: size_of(folder / name) for name in ("without fields", "with fields")}


def size_of(folder: Path) -> int:
    """The bytes of an index."""
    return sum(path.stat().st_size for path in folder.iterdir())


def search(index: ImpactIndex, query: Mapping[str, int], k: int = K, **asked: Any) -> Any:
    """As Searcher.answer does, of a query that is encoded."""
    selection = index.selection(asked.get("filters", ()), asked.get("sort"))
    fields = index.facet_fields(asked.get("facets", ()))
    ranked = index.rank(query, k, selection)
    facets = index.facets(query, fields, selection) if fields else None
    return ranked, index.stored(ranked), facets


def as_a_clause(index: ImpactIndex, query: Mapping[str, int]) -> Any:
    """The filter of a tenth as Lucene would have it."""
    occur = java_class("org.apache.lucene.search.BooleanClause$Occur")
    builder = java_class("org.apache.lucene.search.BooleanQuery$Builder")()
    builder.add(index._query(query), occur.MUST)
    builder.add(query_of(index.selection([TENTH]).filters[0]), occur.FILTER)
    ranked = rank(index._searcher, builder.build(), K, index._best_then_id)
    return ranked, index.stored(ranked), None


def check(index: ImpactIndex, asked: list[dict[str, int]]) -> None:
    """Exit with a message where a filter or a facet is not what Python makes of all hits."""
    for query in asked[:5]:
        every = index.rank(query, len(index))
        own = {hit.id: stored.fields for hit, stored in zip(every, index.stored(every), strict=True)}
        cheap = [hit for hit in every if own[hit.id]["price"] < 100]  # type: ignore[operator]
        ranked, _, facets = search(index, query, filters=[TENTH], facets=["in_stock"])
        counted = {one.value: one.count for one in facets.counts["in_stock"]}
        stocked = sum(bool(own[hit.id]["in_stock"]) for hit in cheap)
        found = [(hit.id, hit.score) for hit in ranked]
        if (found, facets.total, counted[True]) != ([(hit.id, hit.score) for hit in cheap[:K]], len(cheap), stocked):
            raise SystemExit(f"a filtered search of {query} finds otherwise than Python")


def measure(
    asked: list[dict[str, int]], methods: Mapping[str, Callable[[Mapping[str, int]], Any]], rounds: int
) -> dict[str, np.ndarray]:
    """Milliseconds [queries, rounds] of each; one more round before warms up."""
    times = {name: np.empty((len(asked), rounds + 1)) for name in methods}
    names = list(methods)
    for turn in range(rounds + 1):
        for number, query in enumerate(asked):
            for step in range(len(names)):
                name = names[(number + turn + step) % len(names)]
                start = time.perf_counter()
                methods[name](query)
                times[name][number, turn] = 1000 * (time.perf_counter() - start)
    return {name: ms[:, 1:] for name, ms in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        sizes = build(folder, arguments.documents)
        start_jvm(LONG_RUN)
        asked = queries(arguments.queries)
        first = {}
        index = ImpactIndex(folder / "with fields", fields=FIELDS)
        search(index, asked[0])
        for name, more in (("filter", {"filters": [TENTH]}), ("five facets", {"facets": NAMES})):
            start = time.perf_counter()
            search(index, asked[0], **more)
            first[name] = 1000 * (time.perf_counter() - start)
        check(index, asked)
        plain = ImpactIndex(folder / "without fields")
        methods: dict[str, Callable[[Mapping[str, int]], Any]] = {
            "unfiltered": lambda query: search(index, query),
            "unfiltered, index without fields": lambda query: search(plain, query),
            **{name: lambda query, text=text: search(index, query, filters=[text]) for name, text in FILTERS.items()},
            "keeps 10 %, as a clause": lambda query: as_a_clause(index, query),
            "one facet": lambda query: search(index, query, facets=NAMES[1:2]),
            "five facets": lambda query: search(index, query, facets=NAMES),
            "five facets, keeps 10 %": lambda query: search(index, query, filters=[TENTH], facets=NAMES),
            "by price": lambda query: search(index, query, sort="price"),
            "tenth page": lambda query: search(index, query, 10 * K),
        }
        times = measure(asked, methods, arguments.rounds)
        means = {name: float(np.median(ms, axis=1).mean()) for name, ms in times.items()}
        result = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "versions": {
                **{name: metadata.version(name) for name in ("pyserini", "JPype1", "numpy")},
                "jar": find_jar().name,
                "lucene": str(java_class("org.apache.lucene.util.Version").LATEST),
                "java": str(java_class("java.lang.System").getProperty("java.version")),
            },
            "documents": len(index),
            "segments": int(index._reader.leaves().size()),
            "queries": len(asked),
            "terms a query": statistics.fmean(map(len, asked)),
            "k": K,
            "rounds": arguments.rounds,
            "documents that match a query": statistics.fmean(index.facets(query, []).total for query in asked),
            "bytes": sizes,
            "first, ms": first,
            "mean ms": means,
            "ratio": {name: mean / means["unfiltered"] for name, mean in means.items()},
        }
    for name, mean in means.items():
        print(f"{name:34} {mean:7.2f} ms   {mean / means['unfiltered']:.2f}")
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
