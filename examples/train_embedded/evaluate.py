"""Stage 5: nDCG@10 and recall@100 of a run beside BM25 and the dense teacher, by exact search of all passages.

    python examples/train_embedded/evaluate.py --prepared prepared --run run --out results.json

Then the sample catalogue, by the queries that use its products' words and those that use others. With --small only the
passages that train.py searches while it goes on are searched, which takes a CPU some minutes instead of an hour. Last
come collections of their own (own_collections.py), which are always searched whole.
"""

import argparse
import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from backbone import DenseTeacher
from beginning import trained_student
from exact import dense_ranking, grades_of, small_collection, sparse_ranking
from measures import by_source, ndcg, recall
from own_collections import by_own_collection, document_frequencies
from prepared import Prepared, read_prepared
from student import Student
from token_lists import on_device, tokenize

_LONGEST = 256  # tokens of a product
_FIRST_OF_OTHER_WORDS = 47  # q47 and those after it


def development_results(prepared: Prepared, student: Student, small: bool, device: str) -> dict[str, object]:
    """Measures of each way to search, by source."""
    development, tokens = prepared.development, 2**17 if device == "cuda" else 2**12
    searched = small_collection(development) if small else np.arange(len(prepared.passages))
    weights = student.query_weights(prepared.queries, development.queries)
    ranked, terms = sparse_ranking(student, (prepared.passages, searched), weights, 100, tokens // 2)
    teacher = DenseTeacher(prepared.backbone).to(device)
    asked = teacher.vectors(prepared.queries, development.queries, tokens)
    dense = searched[dense_ranking(asked, teacher.vectors(prepared.passages, searched, tokens), 100)]
    ways = {"model": ranked, "BM25": only(searched, development.bm25), "dense teacher": dense}
    grades, sources = grades_of(development), development.sources
    return {
        "passages": len(searched),
        "terms_per_passage": terms,
        "nDCG@10": {name: by_source(ndcg(way, grades), sources) for name, way in ways.items()},
        "R@100": {name: by_source(recall(way, grades), sources) for name, way in ways.items()},
    }


def only(searched: np.ndarray, ranked: np.ndarray) -> np.ndarray:
    """Rankings [Q, k] without what is not searched, -1 behind the last that is."""
    kept = np.isin(ranked, searched)
    order = np.argsort(~kept, axis=1, kind="stable")
    return np.take_along_axis(np.where(kept, ranked, -1), order, axis=1)


def catalogue_results(prepared: Prepared, student: Student, device: str) -> dict[str, dict[str, float]]:
    """nDCG@10 on the sample catalogue, of the model and of the dense teacher."""
    data = files("sparton.data")
    rows = pq.read_table(str(data / "catalog.parquet"), columns=["id", "title", "description"]).to_pylist()
    numbers = {row["id"]: number for number, row in enumerate(rows)}
    queries = dict(line.split("\t") for line in (data / "queries.tsv").read_text(encoding="utf-8").splitlines())
    grades: dict[str, dict[int, int]] = {name: {} for name in queries}
    for line in (data / "qrels.txt").read_text(encoding="utf-8").splitlines():
        query, _, product, grade = line.split()
        grades[query][numbers[product]] = int(grade)
    tokenizer = prepared.tokenizer()
    texts = [f"{row['title']} {row['description']}" for row in rows]
    products, asked = (
        on_device(**tokenize(tokenizer, some, _LONGEST), device=device) for some in (texts, list(queries.values()))
    )
    teacher = DenseTeacher(prepared.backbone).to(device)
    weights = student.query_weights(asked, np.arange(len(asked)))
    ranked, _ = sparse_ranking(student, (products, np.arange(len(products))), weights, 10)
    ways = {"model": ranked, "dense teacher": dense_ranking(teacher.vectors(asked), teacher.vectors(products), 10)}
    words = ["other words" if int(name[1:]) >= _FIRST_OF_OTHER_WORDS else "own words" for name in queries]
    measured = {name: ndcg(way, list(grades.values())) for name, way in ways.items()}
    return {name: {"all": float(values.mean()), **by_source(values, words)} for name, values in measured.items()}


def own_collections_results(prepared: Prepared, student: Student, passages: int) -> dict[str, dict[str, float]]:
    """nDCG@10 of each source's queries in a collection of its own. passages: that tell how rare terms usually are."""
    reference, own_words = document_frequencies(student, prepared, passages), student.own_words
    assert own_words is not None, "a trained student has them"
    with student.without_own_words():
        return by_own_collection(student, own_words, prepared, reference)


def print_table(title: str, ways: dict[str, dict[str, float]]) -> None:
    """A line a source, a column a way to search."""
    print(f"\n{title:26}" + "".join(f"{name:>16}" for name in ways))
    for source in next(iter(ways.values())):
        print(f"{source:26}" + "".join(f"{way[source]:16.4f}" for way in ways.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prepared", type=Path, required=True, help="what prepare.py wrote")
    parser.add_argument("--run", type=Path, required=True, help="the run of train.py")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--passages", type=int, default=4_000, help="that tell how rare terms usually are")
    parser.add_argument("--small", action="store_true", help="search few passages")
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    prepared = read_prepared(arguments.prepared, device)
    student = trained_student(prepared, arguments.run, device)
    results = development_results(prepared, student, arguments.small, device)
    results["sample catalogue, nDCG@10"] = catalogue_results(prepared, student, device)
    results["own collections, nDCG@10"] = own_collections_results(prepared, student, arguments.passages)
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"{results['passages']:,} passages, {results['terms_per_passage']:.0f} terms each")
    for title in ("nDCG@10", "R@100", "sample catalogue, nDCG@10", "own collections, nDCG@10"):
        print_table(title, results[title])


if __name__ == "__main__":
    main()
