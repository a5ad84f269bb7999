"""Whether this Sparton makes the same indexes as another checkout of it: collections, postings, runs and scores.

    python benchmarks/same_content.py --before CHECKOUT [--corpus cacm.parquet --topics topics.tsv] [--out FILE.json]

CHECKOUT: the folder of an older commit, whose package is imported instead. Both make an index of each case by whole
commands. The parts of the collection must be equal byte for byte, all that the Lucene index holds must be equal
(texts, ids, postings, statistics), and so must a run of the topics. Cases: the sample catalogue, passages, few terms,
vectors, a Ray cluster, an object store (moto), and the corpus that --corpus names. Ends with an error if one differs.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow.fs

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.lucene_content import read_content  # noqa: E402

from sparton.indexer.java import start_jvm  # noqa: E402

CATALOG, QUERIES = ROOT / "data" / "catalog.parquet", ROOT / "data" / "queries.tsv"
CASES = {
    "catalogue": ["--shard-rows", "100"],
    "passages": ["--shard-rows", "100", "--chunk", "--max-length", "32"],
    "few terms": ["--shard-rows", "100", "--top-terms", "20", "--scale", "50", "--no-join"],
    "Ray": ["--shard-rows", "100", "--engine", "ray"],
    "object store": ["--shard-rows", "100"],
}
BUCKET = "same"


@dataclass(frozen=True)
class Side:
    """A checkout: its name, and the environment in which `sparton` is its package."""

    name: str
    environment: dict[str, str]

    def run(self, *arguments: object) -> None:
        """Run one command, which must succeed."""
        command = [sys.executable, "-c", "from sparton.cli import run; run()", *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{self.name}: sparton {' '.join(map(str, arguments))} failed:\n{done.stderr}")


@contextmanager
def object_store() -> Iterator[dict[str, str]]:
    """The environment that finds an S3 server with a bucket, for as long as it runs."""
    command = [sys.executable, "-c", "from moto.server import main; main(['-p', '0', '-H', '127.0.0.1'])"]
    with tempfile.NamedTemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", Path(log.name).read_text())):
            time.sleep(0.05)
        urllib.request.urlopen(urllib.request.Request(f"{found[0]}/{BUCKET}", method="PUT")).close()
        try:
            yield {
                "AWS_ENDPOINT_URL": found[0],
                "AWS_ACCESS_KEY_ID": "none",
                "AWS_SECRET_ACCESS_KEY": "none",
                "AWS_DEFAULT_REGION": "us-east-1",
            }
        finally:
            server.kill()


def contents(side: Side, index: Path | str, topics: Path, folder: Path) -> dict[str, Any]:
    """Digests of an index's parts, all that its Lucene indexes hold, and a run of the topics."""
    run = folder / "run.trec"
    side.run("run", topics, "--index", index, "-o", run, "-k", "100", "--tag", "same")
    local = Path(index)
    if isinstance(index, str):
        local = folder / "fetched"
        pyarrow.fs.copy_files(index, str(local))
    # An index of vectors has no parts of its own; they stand where they were encoded.
    parts = sorted(
        [*(local / "collection").glob("part-*.jsonl"), *(folder / "encoded").glob("collection/part-*.jsonl")]
    )
    lucene = local / "lucene"
    return {
        "collection": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in parts},
        "postings": [read_content(path) for path in sorted(lucene.glob("[0-9]*")) or [lucene]],
        "run": run.read_text(),
    }


def make(side: Side, case: str, corpus: Path, options: list[str], folder: Path) -> Path | str:
    """Build the index of a case; return where it is."""
    if case == "vectors":
        side.run("encode", corpus, "--output", folder / "encoded")
        side.run(
            "index",
            "--from-collection",
            folder / "encoded" / "collection",
            "--model",
            "tiny",
            "--index",
            folder / "index",
        )
        return folder / "index"
    index = f"s3://{BUCKET}/{side.name}" if case == "object store" else folder / "index"
    side.run("index", corpus, "--index", index, "--index-processes", "2", *options)
    return index


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--topics", type=Path)
    parser.add_argument("--cases", nargs="*")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    cases = {case: (CATALOG, QUERIES, options) for case, options in CASES.items()}
    cases["vectors"] = CATALOG, QUERIES, []
    if arguments.corpus:
        cases[arguments.corpus.stem] = arguments.corpus, arguments.topics or QUERIES, []
    start_jvm()
    found: dict[str, dict[str, bool]] = {}
    with tempfile.TemporaryDirectory() as scratch, object_store() as store:
        work = Path(scratch)
        os.environ.update(store)  # pyarrow.fs reads it too
        sides = []
        for name, checkout in {"before": arguments.before, "now": ROOT}.items():
            (work / name).mkdir()
            (work / name / "sparton").symlink_to(checkout.resolve())
            own = {
                "PYTHONPATH": str(work / name),
                "SPARTON_SCRATCH": str(work / name / "scratch"),
                "HF_HUB_OFFLINE": "1",
            }
            sides.append(Side(name, {**os.environ, **own}))
        for case, (corpus, topics, options) in cases.items():
            if arguments.cases and case not in arguments.cases:
                continue
            sets = []
            for side in sides:
                folder = work / side.name / "case"
                folder.mkdir()
                sets.append(contents(side, make(side, case, corpus, options, folder), topics, folder))
                shutil.rmtree(folder)
            before, now = sets
            assert all(before.values()), f"{case}: nothing to compare"
            found[case] = {what: before[what] == now[what] for what in before}
            print(
                f"{case}: "
                + ", ".join(f"{what} {'equal' if same else 'DIFFERENT'}" for what, same in found[case].items()),
                flush=True,
            )
    if arguments.out:
        result = {
            "command": "python benchmarks/same_content.py --before CHECKOUT",
            "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
            "versions": {name: metadata.version(name) for name in ("torch", "transformers", "pyserini")},
            "equal": found,
        }
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    if not all(same for each in found.values() for same in each.values()):
        raise SystemExit("the contents differ")


if __name__ == "__main__":
    main()
