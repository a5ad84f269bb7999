"""What the embedded models find on the sample catalogue and on a judged collection, beside BM25, and what that takes.

    python benchmarks/embedded_model.py corpus.parquet topics.tsv qrels.txt

Lucene's BM25 ranks the same documents, each model's index has it beside itself. Rates are of whole builds, which take
turns; a cold search is a process of its own, a warm query's encoding a call.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any

import ir_measures

import sparton
from sparton.search.evaluation.topics import read_topics

MODELS = ("small", "tiny")
WAYS = {"model": "lucene", "BM25": "bm25", "both fused": "bm25+sparse"}
MEASURES = [ir_measures.parse_measure(name) for name in ("nDCG@10", "R@1000")]
_FIRST_OF_OTHER_WORDS = 47  # q47 and those after it say what the products do not
_COLD = "from sparton.cli import run; run()"


def measured(index: Path, topics: Mapping[str, str], qrels: list[Any]) -> dict[str, dict[str, float]]:
    """The measures of each way to search an index. topics: judged ones, which alone count."""
    found = {}
    for way, name in WAYS.items():
        with sparton.Searcher(index, search_with=name) as searcher:
            hits = searcher.search_many(list(topics.values()), 1000)
            run = [
                ir_measures.ScoredDoc(query, hit.id, hit.score)
                for query, some in zip(topics, hits, strict=True)
                for hit in some
            ]
        means = ir_measures.calc_aggregate(MEASURES, qrels, run)
        found[way] = {str(measure): value for measure, value in means.items()}
    return found


def in_part(part: str, query: str) -> bool:
    """Whether a query is of a part: "all", or of the sample catalogue "own words" or "other words"."""
    return part == "all" or (int(query[1:]) >= _FIRST_OF_OTHER_WORDS) == (part == "other words")


def query_milliseconds(index: Path, texts: list[str]) -> float:
    """The median time to make terms of a query whose terms are not kept, once each term was seen."""
    with sparton.Searcher(index) as searcher:
        searcher.terms_each(texts)
        times = []
        for text in texts:
            changed = f"{text} {text.split()[0]}"  # the same terms, of another query
            start = time.perf_counter()
            searcher.terms(changed)
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def cold_seconds(index: Path, rounds: int) -> float:
    """The median time of `sparton search` as a process, of which the first fills the file cache."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        command = [sys.executable, "-c", _COLD, "search", "black bag", "--index", str(index)]
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("topics", type=Path, help="query id, tab, text")
    parser.add_argument("qrels", type=Path, help="TREC judgments")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    data = Path(str(files("sparton").joinpath("data")))
    collections = {
        "collection": (arguments.corpus, arguments.topics, arguments.qrels),
        "sample catalogue": (data / "catalog.parquet", data / "queries.tsv", data / "qrels.txt"),
    }
    results: dict[str, Any] = {model: {"documents/s": []} for model in MODELS}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(arguments.rounds):
            for model in MODELS:
                report = sparton.build_index(
                    arguments.corpus, Path(folder) / f"{model}-{turn}", model=model, also=["bm25"], device="cpu"
                )
                results[model]["documents/s"].append(report.counts.documents / report.encoding_seconds)
                results[model]["terms a document"] = report.counts.postings / report.counts.documents
        for model in MODELS:
            for name, (corpus, topics_file, qrels_file) in collections.items():
                index = Path(folder) / f"{model}-0"
                if name != "collection":
                    index = Path(folder) / f"{model}-{name}"
                    sparton.build_index(corpus, index, model=model, also=["bm25"], device="cpu")
                qrels = list(ir_measures.read_trec_qrels(str(qrels_file)))
                judged = {qrel.query_id for qrel in qrels}
                topics = {one.id: one.text or "" for one in read_topics(topics_file) if one.id in judged}
                parts = ("all",) if name == "collection" else ("all", "own words", "other words")
                results[model][name] = {
                    part: measured(
                        index,
                        {query: text for query, text in topics.items() if in_part(part, query)},
                        [one for one in qrels if in_part(part, one.query_id)],
                    )
                    for part in parts
                }
                if name == "collection":
                    results[model]["query ms"] = query_milliseconds(index, list(topics.values()))
                    results[model]["cold search s"] = cold_seconds(index, 3)
    results = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: metadata.version(name) for name in ("torch", "pyserini")},
        "models": results,
    }
    print(json.dumps(results["models"], indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
