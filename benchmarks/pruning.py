"""What pruning documents costs in effectiveness and saves in bytes and time, on one collection that is encoded once.

    sparton encode corpus.parquet --output whole
    python benchmarks/pruning.py whole/collection --topics topics.tsv [--qrels qrels.txt] [--out pruning.json]

The collection's vectors are pruned as `sparton index` would, by each of --ratios and --masses, and indexed in one
segment each. `kept@10` is how many of the first ten documents of the whole index the pruned one finds in its own first
ten; nDCG@10 needs judgments. Latency is of finding the ids and scores of ten: queries take turns at all indexes, each
has its median over the rounds, and mean and 99th percentile are over queries.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
from searching import measure, summary

import sparton
from sparton.pipeline.encoding.impacts import from_rows
from sparton.pipeline.encoding.open_encoder import open_document_encoder
from sparton.pipeline.encoding.pruning import Pruning
from sparton.search.evaluation.topics import read_topics
from sparton.search.impact_index import ImpactIndex
from sparton.search.stats import index_stats

_TOGETHER = 4_096  # lines
_NDCG = ir_measures.parse_measure("nDCG@10")
Query = Mapping[str, int]


def lines_of(collection: Path, most: int | None) -> Iterator[dict[str, Any]]:
    """The lines of a collection, or the first of them."""
    every = (json.loads(line) for path in sorted(collection.glob("*.jsonl")) for line in path.open(encoding="utf-8"))
    return islice(every, most)


def write_pruned(lines: Iterator[dict[str, Any]], vocabulary: Sequence[str], pruning: Pruning, path: Path) -> None:
    """Write the lines with pruned vectors, without those that have no term left."""
    number = {term: place for place, term in enumerate(vocabulary)}
    with path.open("w", encoding="utf-8") as stream:
        while some := list(islice(lines, _TOGETHER)):
            rows = []
            for line in some:
                terms = np.array([number[term] for term in line["vector"]], np.int32)
                order = np.argsort(terms)
                rows.append((terms[order], np.array(list(line["vector"].values()), np.int32)[order]))
            kept = pruning.prune(from_rows(rows)).to_dicts(vocabulary)
            for line, vector in zip(some, kept, strict=True):
                if vector:
                    stream.write(json.dumps({**line, "vector": vector}, ensure_ascii=False) + "\n")


def found(index: Path, queries: Mapping[str, Query], k: int = 1000) -> dict[str, list[tuple[str, float]]]:
    """Ids and scores of each query's k best."""
    searcher = ImpactIndex(index / "lucene")
    ranked = {name: [(hit.id, hit.score) for hit in searcher.rank(terms, k)] for name, terms in queries.items()}
    searcher.close()
    return ranked


def kept_of(first: Mapping[str, list[tuple[str, float]]], runs: Mapping[str, list[tuple[str, float]]]) -> float:
    """The mean share of each first ten that is in the other's first ten."""
    shares = [
        len({name for name, _ in hits[:10]} & {name for name, _ in runs[query][:10]}) / len(hits[:10])
        for query, hits in first.items()
        if hits
    ]
    return float(np.mean(shares))


def ndcg(run: Mapping[str, list[tuple[str, float]]], qrels: Path) -> float:
    """nDCG@10 over the judged queries."""
    hits = [ir_measures.ScoredDoc(query, name, score) for query, ranked in run.items() for name, score in ranked]
    return float(ir_measures.calc_aggregate([_NDCG], list(ir_measures.read_trec_qrels(str(qrels))), hits)[_NDCG])


def encoded_topics(path: Path, model: str, most: int | None) -> dict[str, Query]:
    """Topics, encoded by the model unless they are vectors."""
    topics = list(islice(read_topics(path), most))
    texts = [topic.text for topic in topics if topic.text is not None]
    encoder = sparton.Encoder(model, device="cpu") if texts else None
    vectors = iter(encoder.encode_alone(texts).to_dicts(encoder.vocabulary) if encoder else [])
    return {topic.id: next(vectors) if topic.terms is None else topic.terms for topic in topics}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", type=Path)
    parser.add_argument("--topics", type=Path, required=True)
    parser.add_argument("--qrels", type=Path)
    parser.add_argument("--model", default="tiny", help="of the vocabulary, and of topics that are texts")
    parser.add_argument("--ratios", type=float, nargs="*", default=[0.05, 0.1, 0.2])
    parser.add_argument("--masses", type=float, nargs="*", default=[0.95, 0.9, 0.8])
    parser.add_argument("--documents", type=int, help="how many; all without it")
    parser.add_argument("--queries", type=int, help="how many; all without it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    vocabulary = open_document_encoder(model=arguments.model, device="cpu").vocabulary
    queries = encoded_topics(arguments.topics, arguments.model, arguments.queries)
    prunings = {
        "all terms": Pruning(),
        **{f"ratio {ratio:g}": Pruning(prune_ratio=ratio) for ratio in arguments.ratios},
        **{f"mass {mass:g}": Pruning(prune_mass=mass) for mass in arguments.masses},
    }
    with tempfile.TemporaryDirectory() as scratch:
        rows: dict[str, dict[str, Any]] = {}
        indexes = {name: Path(scratch) / name.replace(" ", "-") for name in prunings}
        first: dict[str, list[tuple[str, float]]] | None = None
        for name, pruning in prunings.items():
            part = Path(scratch) / "part.jsonl"
            write_pruned(lines_of(arguments.collection, arguments.documents), vocabulary, pruning, part)
            sparton.index_vectors(part, indexes[name], index_processes=1, optimize=True)
            run = found(indexes[name], queries)
            first = first or run
            stats = index_stats(indexes[name], list(queries.values()))
            rows[name] = {
                "documents": stats.documents,
                "terms a document": stats.terms_a_document.mean,
                "bytes": sum(stats.lucene.values()),
                "bytes by part": stats.lucene,
                "flops": stats.queries.flops if stats.queries else None,
                "kept@10": kept_of(first, run),
                "nDCG@10": ndcg(run, arguments.qrels) if arguments.qrels else None,
            }
        folders = [path / "lucene" for path in indexes.values()]
        times = measure(folders, list(queries.values()), 10, arguments.rounds, same=False)
        for name, path in indexes.items():
            rows[name]["rank"] = summary(times[path.name]["rank"])
    whole = rows["all terms"]
    print(
        f"{whole['documents']:,} documents, {len(queries):,} queries; the machine's load was {os.getloadavg()[0]:.1f}"
    )
    for name, row in rows.items():
        postings = row["bytes by part"]["postings"] / whole["bytes by part"]["postings"]
        effect = "" if row["nDCG@10"] is None else f"nDCG@10 {row['nDCG@10']:.4f}  "
        print(
            f"{name:10}  {effect}kept@10 {row['kept@10']:.3f}  {row['terms a document']:6.1f} terms  "
            f"{row['bytes']:>13,} bytes ({row['bytes'] / whole['bytes']:4.0%}), postings {postings:4.0%}  "
            f"FLOPS {row['flops']:6.2f}  {row['rank']['mean ms']:7.2f} ms, p99 {row['rank']['p99 ms']:7.2f}"
        )
    if arguments.out:
        arguments.out.write_text(json.dumps({"queries": len(queries), "prunings": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
