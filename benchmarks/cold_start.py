"""Wall time of one query from a cold start: `sparton search`, and a script around Pyserini's LuceneImpactSearcher.

    python benchmarks/cold_start.py sparton-index "small black leather crossbody bag"

Both are whole processes over the same index and model, run in turn. The index is one of `--model tiny`.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from sparton.indexer.java import find_jar, find_java
from sparton.pipeline.model.files import find_model

# With a Java that has the module Pyserini asks for, the lines about the JVM are not needed; they take no time.
PYSERINI = """
import sys
import jnius_config
jnius_config.set_classpath(sys.argv[4])
import jnius
from pyserini.encode import SpladeQueryEncoder
from pyserini.search.lucene import LuceneImpactSearcher
searcher = LuceneImpactSearcher(sys.argv[1], SpladeQueryEncoder(sys.argv[2], device="cpu"))
for hit in searcher.search(sys.argv[3], 10):
    print(hit.docid, hit.score)
"""


def seconds(command: Sequence[str], environment: dict[str, str]) -> float:
    """Wall seconds of a command that must succeed and print something."""
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    took = time.perf_counter() - start
    if done.returncode or not done.stdout.strip():
        raise SystemExit(f"{command[0]} failed:\n{done.stderr}")
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("query")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    sparton = shutil.which("sparton") or str(Path(sys.executable).with_name("sparton"))
    environment = {**os.environ, "JAVA_HOME": str(find_java()), "OPENAI_API_KEY": "unused"}
    model, jar = str(find_model("tiny").folder), str(find_jar())
    pyserini = [sys.executable, "-c", PYSERINI, str(arguments.index / "lucene")]
    commands = {
        "sparton search": [sparton, "search", arguments.query, "--index", str(arguments.index)],
        "pyserini script": [*pyserini, model, arguments.query, jar],
        "sparton --help": [sparton, "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(arguments.rounds + 1):
        for name, command in commands.items():
            took = seconds(command, environment)
            if turn:  # the first round fills the file cache
                times[name].append(took)
    for name, values in times.items():
        print(f"{name:16} median {statistics.median(values):6.2f} s  ({min(values):.2f} to {max(values):.2f})")
    ratio = statistics.median(
        ours / theirs for ours, theirs in zip(times["sparton search"], times["pyserini script"], strict=True)
    )
    print(f"sparton / pyserini, round by round: {ratio:.2f}")
    if arguments.out:
        versions = {name: metadata.version(name) for name in ("torch", "transformers", "pyserini")}
        machine = f"{platform.machine()}, {os.cpu_count()} cores"
        result = {"machine": machine, "versions": versions, "seconds": times, "ratio": ratio}
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
