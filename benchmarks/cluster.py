"""`sparton index --engine ray` beside the local engine, at equal cores, over the same documents; both must agree.

    python benchmarks/cluster.py --documents 50000 --rounds 2 [--corpus corpus.parquet ...] [--out FILE.json]

Whole processes in turn, start-up included; the cluster is one that `sparton` starts on this machine, with a worker a
core. The collections must be the same bytes, and the Lucene indexes hold the same: every term and posting, every text.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from memory import synthetic_documents, write_corpus

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from support.lucene_content import read_content

ENGINES = ("local", "ray")


def seconds(corpus: Path, index: Path, engine: str) -> float:
    """Wall seconds of one command, from scratch."""
    shutil.rmtree(index, ignore_errors=True)
    command = [sys.executable, "-c", "from sparton.cli import run; run()", "index", str(corpus), "--index", str(index)]
    started = time.perf_counter()
    subprocess.run(
        [*command, "--model", "tiny", "--device", "cpu", "--engine", engine], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - started


def agree(folders: list[Path]) -> bool:
    """Whether all hold the same parts, and Lucene indexes with the same content."""
    parts = [{path.name: path.read_bytes() for path in (folder / "collection").iterdir()} for folder in folders]
    contents = [read_content(folder / "lucene") for folder in folders]
    return all(found == parts[0] for found in parts) and all(found == contents[0] for found in contents)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--corpus", type=Path, nargs="*", default=[], help="others, of which both must make the same")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    result: dict[str, object] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: metadata.version(name) for name in ("ray", "torch", "pyserini")},
        "documents": arguments.documents,
    }
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        write_corpus(work / "corpus.parquet", synthetic_documents(arguments.documents, 8))
        times: dict[str, list[float]] = {engine: [] for engine in ENGINES}
        for _ in range(arguments.rounds):
            for engine in ENGINES:
                times[engine].append(seconds(work / "corpus.parquet", work / engine, engine))
                print(f"{engine:5} {times[engine][-1]:6.1f} s", flush=True)
        result["seconds"] = times
        result["ray / local"] = statistics.median(times["ray"]) / statistics.median(times["local"])
        result["same"] = {"synthetic": agree([work / engine for engine in ENGINES])}
        for corpus in arguments.corpus:
            for engine in ENGINES:
                seconds(corpus, work / engine, engine)
            result["same"] |= {corpus.stem: agree([work / engine for engine in ENGINES])}  # type: ignore[operator]
    print(f"ray / local {result['ray / local']:.2f}; the same bytes and postings: {result['same']}")
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
