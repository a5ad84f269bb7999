"""Whether what an index exports finds what the index finds, in each format, and what it costs.

    python benchmarks/exports.py INDEX TOPICS --folder FOLDER [--queries 200] [--out exports.json]

Each format is exported to a folder of its own (and goes on there), loaded by the tool that it is for where pip has one,
else by what its files say, and asked each query, for 10 hits. `same`: queries whose hits have the scores of the index's
own ten best (equal ones may be in any order); of CIFF, the scores that 8-bit impacts and BMP's weights of queries give.
`recall`: the share of the index's own hits among them. Qdrant's local mode, which is plain Python, gets the first
documents only (--points), and is compared with the best of these.
"""

import argparse
import json
import math
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq
from scipy.sparse import csc_array, csr_array

import sparton
from sparton.exports.ciff import LARGEST, eight_bits
from sparton.exports.register import FORMATS
from sparton.search.evaluation.run import encode_topics
from sparton.search.evaluation.topics import read_topics

K = 10
Hits = Sequence[str]
Search = Callable[[str, Mapping[str, int]], Hits]


@dataclass(frozen=True)
class Vectors:
    """Documents as a matrix, to score all of them at once."""

    ids: np.ndarray
    rows: Mapping[str, int]
    columns: Mapping[str, int]
    matrix: csc_array

    def scores(self, query: Mapping[str, float]) -> np.ndarray:
        """The score of every document."""
        known = [(self.columns[term], weight) for term, weight in query.items() if term in self.columns]
        weights = np.array([weight for _, weight in known], np.float64)
        return self.matrix[:, [column for column, _ in known]] @ weights

    def best(self, query: Mapping[str, float]) -> Hits:
        """The ids of the best documents that have a term of it."""
        scores = self.scores(query)
        some = np.argpartition(-scores, min(K, len(scores) - 1))[:K]
        order = some[np.argsort(-scores[some], kind="stable")]
        return [str(self.ids[row]) for row in order if scores[row] > 0]

    def with_values(self, change: Callable[[np.ndarray], np.ndarray]) -> "Vectors":
        """The same with other impacts."""
        changed = csc_array((change(self.matrix.data), self.matrix.indices, self.matrix.indptr), self.matrix.shape)
        return Vectors(self.ids, self.rows, self.columns, changed)


def as_vectors(documents: Iterator[tuple[str, Mapping[str, float]]]) -> Vectors:
    """Documents by id as a matrix."""
    ids, columns = [], dict[str, int]()
    terms, values, ends = [], [], [0]
    for name, vector in documents:
        ids.append(name)
        terms.append(np.array([columns.setdefault(term, len(columns)) for term in vector], np.int32))
        values.append(np.fromiter(vector.values(), np.float32, len(vector)))
        ends.append(ends[-1] + len(vector))
    shape = (len(ids), len(columns))
    rows = csr_array((np.concatenate(values), np.concatenate(terms), np.array(ends)), shape)
    return Vectors(np.array(ids, object), {name: row for row, name in enumerate(ids)}, columns, csc_array(rows))


def lines(paths: Sequence[Path]) -> Iterator[Any]:
    """The values of JSON lines."""
    for path in paths:
        with path.open("rb") as stream:
            yield from map(orjson.loads, stream)


def seismic(folder: Path, _: argparse.Namespace) -> Search:
    """Seismic's dataset, which is searched exactly."""
    from seismic import SeismicDataset, get_seismic_string

    dataset, kind = SeismicDataset(), get_seismic_string()
    for line in lines([folder / "documents.jsonl"]):
        vector = line["vector"]
        dataset.add_document(line["id"], np.array(list(vector), kind), np.fromiter(vector.values(), np.float32))
    queries = {line["id"]: line["vector"] for line in lines([folder / "queries.jsonl"])}

    def search(name: str, _: Mapping[str, int]) -> Hits:
        query = queries[name]
        found = dataset.search(name, np.array(list(query), kind), np.fromiter(query.values(), np.float32), K)
        return [one for _, _, one in sorted(found, key=lambda hit: -hit[1])]

    return search


def ciff(folder: Path, _: argparse.Namespace) -> Search:
    """BMP's index."""
    import bmp

    bmp.ciff2bmp(str(folder / "index.ciff"), str(folder.with_suffix(".bmp")), 8, False)
    searcher = bmp.Searcher(str(folder.with_suffix(".bmp")))
    queries = {line["qid"]: line["vector"] for line in lines([folder / "queries.jsonl"])}
    return lambda name, _: searcher.search({term: float(one) for term, one in queries[name].items()}, K, 1.0, 1.0)[0]


def of_bulk(folder: Path, _: argparse.Namespace) -> Search:
    """What OpenSearch and Elasticsearch are told, with the 9 bits that Lucene keeps."""

    def documents() -> Iterator[tuple[str, Mapping[str, float]]]:
        every = lines(sorted(folder.glob("documents-*.ndjson")))
        for _, source in zip(every, every, strict=True):
            yield source["id"], source["impacts"]

    vectors = as_vectors(documents()).with_values(
        lambda values: (values.astype(np.float32).view(np.int32) >> 15 << 15).view(np.float32)
    )
    queries = {}
    for search in list(lines([folder / "queries.ndjson"]))[1::2]:
        (query,) = search["query"]["bool"]["must"]
        inner = query.get("sparse_vector") or query["neural_sparse"]["impacts"]
        queries[search["query"]["bool"]["_name"]] = inner.get("query_vector") or inner["query_tokens"]
    return lambda name, _: vectors.best(queries[name])


def qdrant(folder: Path, arguments: argparse.Namespace) -> Search:
    """Qdrant's local mode, of the first documents."""
    from qdrant_client import QdrantClient, models

    client, count = QdrantClient(":memory:"), 0
    settings = models.CreateCollection.model_validate_json((folder / "collection.json").read_bytes())
    client.create_collection("exported", vectors_config={}, sparse_vectors_config=settings.sparse_vectors)
    for path in sorted(folder.glob("points-*.json")):
        if count < arguments.points:
            points = models.PointsList.model_validate_json(path.read_bytes()).points
            client.upsert("exported", points[: arguments.points - count])
            count += len(points)
    requests = {line["id"]: line["request"] for line in lines([folder / "queries.jsonl"])}

    def search(name: str, _: Mapping[str, int]) -> Hits:
        request = models.QueryRequest.model_validate(requests[name])
        hits = client.query_points("exported", query=request.query, using=request.using, limit=K, with_payload=["id"])
        return [hit.payload["id"] for hit in hits.points]

    return search


def vespa(folder: Path, _: argparse.Namespace) -> Search:
    """What Vespa is told."""
    feed = lines(sorted(folder.glob("documents-*.jsonl")))
    vectors = as_vectors((put["fields"]["id"], put["fields"]["impacts"]) for put in feed)
    queries = {line["id"]: json.loads(line["request"]["terms"]) for line in lines([folder / "queries.jsonl"])}
    return lambda name, _: vectors.best(queries[name])


def parquet(folder: Path, _: argparse.Namespace) -> Search:
    """The tables."""
    vectors = as_vectors(of_parquet(folder))
    return lambda _, query: vectors.best(query)


def of_parquet(folder: Path) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Ids and vectors."""
    for path in sorted(folder.glob("documents-*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(columns=["id", "terms", "impacts"]):
            for name, terms, impacts in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield name, dict(zip(terms, impacts, strict=True))


READERS: dict[str, Callable[[Path, argparse.Namespace], Search]] = {
    "seismic": seismic,
    "ciff": ciff,
    "opensearch": of_bulk,
    "elasticsearch": of_bulk,
    "qdrant": qdrant,
    "vespa": vespa,
    "parquet": parquet,
}


def compared(
    name: str,
    search: Search,
    vectors: Vectors,
    queries: Mapping[str, Mapping[str, int]],
    best: Mapping[str, Hits],
    points: int,
) -> dict[str, float]:
    """What is the same, and how long the queries took."""
    scoring, largest = vectors, float(vectors.matrix.data.max())
    if name == "ciff":
        scoring = vectors.with_values(
            lambda values: eight_bits(values.astype(np.int64), int(largest)).astype(np.float32)
        )
    same = found = total = 0
    seconds = 0.0
    for topic, terms in queries.items():
        begin = time.perf_counter()
        hits = search(topic, terms)
        seconds += time.perf_counter() - begin
        query: Mapping[str, float] = terms
        if name == "ciff":  # as BMP does
            scale = np.float32(32) / np.float32(max(terms.values()))
            query = {term: math.ceil(np.float32(weight) * scale) for term, weight in terms.items()}
        scores = scoring.scores(query)[: points if name == "qdrant" else None]
        expected = np.sort(scores)[::-1][:K]
        expected = expected[expected > 0]
        same += np.array_equal([scores[vectors.rows[one]] for one in hits], expected[: len(hits)]) and (
            len(hits) == len(expected) or name == "ciff"  # which leaves out what has the score of the last
        )
        own = best[topic]
        if name == "qdrant":
            own = [str(vectors.ids[row]) for row in np.argsort(-scores, kind="stable")[: len(expected)]]
        found, total = found + len(set(hits) & set(own)), total + len(own)
    return {
        "same": int(same),
        "queries": len(queries),
        "recall": found / total,
        "ms a query": 1000 * seconds / len(queries),
    }


def main() -> None:
    """Export, load and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("topics", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--points", type=int, default=5_000)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=[*FORMATS])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with sparton.Searcher(arguments.index) as searcher:
        chosen = list(read_topics(arguments.topics))[: arguments.queries]
        queries = {name: terms for name, terms in encode_topics(searcher, chosen) if terms}
        best = {name: [one for one, _ in searcher.rank_terms(terms, K)] for name, terms in queries.items()}
    topics = arguments.folder / "topics.jsonl"
    topics.write_bytes(b"".join(orjson.dumps({"qid": name, "vector": one}) + b"\n" for name, one in queries.items()))
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    report: dict[str, Any] = {"index": str(arguments.index), "machine": machine, "formats": {}}
    table = sparton.export_index(arguments.index, "parquet", arguments.folder / "parquet", topics=topics)
    vectors = as_vectors(of_parquet(arguments.folder / "parquet"))
    report |= {"documents": len(vectors.ids), "postings": int(vectors.matrix.nnz), "8 bits hold": LARGEST}
    for name in arguments.formats:
        folder = arguments.folder / name
        exported = table if name == "parquet" else sparton.export_index(arguments.index, name, folder, topics=topics)
        begin = time.perf_counter()
        search = READERS[name](folder, arguments)
        loaded = time.perf_counter() - begin
        report["formats"][name] = {
            "export seconds": round(exported.seconds, 1),
            "bytes": exported.size,
            "load seconds": round(loaded, 1),
            "notes": dict(exported.notes),
            **compared(name, search, vectors, queries, best, arguments.points),
        }
        print(name, json.dumps(report["formats"][name], ensure_ascii=False), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
