"""Whether an installed Sparton works: index, search, run, score and serve on the sample, with contents compared.

    python tests/installed.py                      # the `sparton` of this Python, and its own model
    python tests/installed.py --model FOLDER       # another model
    python tests/installed.py --index INDEX        # of the sample, built elsewhere: where nothing encodes documents

It takes no module of a checkout. What is printed is held against this file's own count: scores against products of
impacts in the collection, and measures against relevance judgments. Exit code 1, and a sentence for each thing that is
otherwise.
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

# Beside this file a folder may lie that is called sparton; the one that is installed is meant.
SPARTON = [sys.executable, "-P", "-m", "sparton"]
FIRST = re.compile(r"black.*leather crossbody bag|crossbody bag in black.*leather", re.IGNORECASE)
FIELDS = ["--field", "brand", "--field", "price", "--field", "in_stock"]
QUERY, DEPTH = "small black leather crossbody bag", 10


def main() -> None:
    """Run the commands one after the other in an empty folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a model, in place of its own")
    parser.add_argument("--index", type=Path, help="an index of the sample that is there already; nothing is built")
    arguments = parser.parse_args()
    index = arguments.index.resolve() if arguments.index else None
    model = ["--model", os.path.abspath(arguments.model)] if arguments.model else []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        failures = list(compare(index, model, default=not (index or model)))
    for failure in failures:
        print(f"FAILED {failure}", file=sys.stderr)
    if failures:
        sys.exit(1)
    print("installed: index, search, run, score and serve agree" if index is None else "installed: all but index agree")


def compare(index: Path | None, model: Sequence[str], *, default: bool) -> Iterable[str]:
    """A sentence for each thing that is not as it should be. default: whether the default model built the index."""
    data = Path(said([sys.executable, "-P", "-c", "import sparton; print(sparton.__path__[0])"]).strip()) / "data"
    version = said([sys.executable, "-P", "-c", "from importlib import metadata as m; print(m.version('sparton'))"])
    if said([*SPARTON, "--version"]) != version:
        yield f"--version is not {version.strip()}, which the metadata says"
    if index is None:
        index = Path("index").resolve()
        said([*SPARTON, "index", str(data / "catalog.parquet"), "--index", str(index), *FIELDS, *model])
    place = ["--index", str(index)]
    queries = dict(line.split("\t") for line in (data / "queries.tsv").read_text(encoding="utf-8").splitlines())
    said([*SPARTON, "run", str(data / "queries.tsv"), "-o", "out.trec", *place])
    run = read_run(Path("out.trec"))
    hits = json_lines(said([*SPARTON, "search", QUERY, "--json", "-k", "3", *place]))
    if default and not FIRST.search(hits[0]["text"]):
        yield f"search finds {hits[0]['text'][:60]} first, expected a black leather crossbody bag"
    filtered = json_lines(said([*SPARTON, "search", QUERY, "--json", "--filter", "price < 200 and in_stock", *place]))
    if not filtered or not all(hit["fields"]["price"] < 200 and hit["fields"]["in_stock"] for hit in filtered):
        yield "search --filter finds what does not pass"
    searched = json_lines(said([*SPARTON, "search", "--json", "-k", str(DEPTH), *place], "\n".join(queries.values())))
    by_text = defaultdict(list)
    for hit in searched:
        by_text[hit["query"]].append((hit["id"], hit["score"]))
    for name, text in queries.items():
        if by_text[text] != run[name][:DEPTH]:
            yield f"search and run find others for {text!r}"
    yield from compare_measures(run, data / "qrels.txt")
    yield from compare_service(index, queries, run, hits)


def compare_service(index: Path, queries: dict[str, str], run: "Run", hits: list[Any]) -> Iterable[str]:
    """The service's hits against the command's, and all scores of the run against products of impacts."""
    vectors = {}
    for part in sorted(index.glob("collection/*.jsonl")):
        vectors.update({row["id"]: row["vector"] for row in json_lines(part.read_text(encoding="utf-8"))})
    model = json.loads((index / "sparton.json").read_text(encoding="utf-8"))["settings"]["model"]
    by_table = (model["queries"] or model["documents"])["kind"] == "static"
    command = [*SPARTON, "serve", "--index", str(index), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        try:
            line = ""
            for line in service.stderr or ():
                if line.startswith("serving "):
                    break
            found = re.search(r"http://\S+?/", line)
            if found is None:
                yield f"serve does not start: {line.strip()}"
                return
            if asked(found[0], "search", q=QUERY, k=3)["hits"] != hits:
                yield f"the service and search give others for {QUERY!r}"
            for name, text in queries.items():
                answer = asked(found[0], "search", q=text, k=DEPTH)["hits"]
                if [(hit["id"], hit["score"]) for hit in answer] != run[name][:DEPTH]:
                    yield f"the service and run find others for {text!r}"
                impacts = asked(found[0], "encode", text=text)["terms"]
                yield from compare_scores(text, impacts, vectors, run[name], by_table=by_table)
        finally:
            service.terminate()


def compare_scores(
    text: str, query: dict[str, int], vectors: dict[str, Any], hits: "Hits", *, by_table: bool
) -> Iterable[str]:
    """A query's hits against the sums of products with all documents. by_table: whether no transformer encodes it."""
    scores = {
        name: float(total)
        for name, vector in vectors.items()
        if (total := sum(impact * vector.get(term, 0) for term, impact in query.items()))
    }
    for name, score in hits:
        # Lucene adds up in single precision: 89.999992 for 90.
        if not math.isclose(score, scores.get(name, 0), rel_tol=1e-6):
            yield f"the score of {name} for {text!r} is {score}, expected the sum of products {scores.get(name, 0)}"
    # Queries by a table find by whole words: not all that has a piece of a word, or a word of an expression.
    words = set(re.findall(r"[^\W_]+", text.lower())) if by_table else query.keys()
    whole = {name for name, vector in vectors.items() if any(term in vector for term in words & query.keys())}
    best = sorted((score for name, score in scores.items() if name in whole), reverse=True)[:1000]
    if [round(score) for name, score in hits if name in whole] != best:
        yield f"hits for {text!r} are not the documents with the highest scores"


def compare_measures(run: "Run", qrels: Path) -> Iterable[str]:
    """What score prints, against this file's own nDCG@10, RR@10 and R@1000."""
    printed = json.loads(said([*SPARTON, "score", "out.trec", "--qrels", str(qrels), "--json"]))
    judged: dict[str, dict[str, int]] = defaultdict(dict)
    for line in qrels.read_text(encoding="utf-8").splitlines():
        query, _, name, grade = line.split()
        judged[query][name] = int(grade)
    sums = dict.fromkeys(("nDCG@10", "RR@10", "R@1000"), 0.0)
    for query, grades in judged.items():
        # Whatever the order of the run, trec_eval has equal scores in falling order of id, and RR@10 in rising order.
        rising = sorted(run[query], key=lambda hit: (-hit[1], hit[0]))
        falling = sorted(run[query], key=lambda hit: (hit[1], hit[0]), reverse=True)
        found, first = ([grades.get(name, 0) for name, _ in hits] for hits in (falling, rising))
        ideal = gain(sorted(grades.values(), reverse=True))
        relevant = sum(grade > 0 for grade in grades.values())
        sums["nDCG@10"] += gain(found) / ideal if ideal else 0
        sums["RR@10"] += next((1 / rank for rank, grade in enumerate(first[:10], 1) if grade > 0), 0)
        sums["R@1000"] += sum(grade > 0 for grade in found[:1000]) / relevant if relevant else 0
    for measure, total in sums.items():
        mean = printed["runs"][0]["measures"][measure]["mean"]
        if not math.isclose(mean, total / len(judged), rel_tol=1e-6):
            yield f"score says {measure} {mean:.6f}, expected {total / len(judged):.6f}"


Hits = list[tuple[str, float]]
Run = dict[str, Hits]


def gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades[:10], 1))


def read_run(path: Path) -> Run:
    """The hits of each query of a TREC run, in order."""
    run: Run = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        query, _, name, _, score, _ = line.split()
        run[query].append((name, float(score)))
    return run


def asked(address: str, route: str, **parameters: object) -> Any:
    """The service's answer."""
    with urllib.request.urlopen(f"{address}{route}?{urllib.parse.urlencode(parameters)}", timeout=60) as response:
        return json.load(response)


def json_lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def said(command: Sequence[str], given: str | None = None) -> str:
    """The standard output of a command; ends this program where it fails."""
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"FAILED {' '.join(command)}: exit code {done.returncode}")
    return done.stdout


if __name__ == "__main__":
    main()
