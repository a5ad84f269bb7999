"""Encoding on a machine with other work: this Sparton beside another checkout of it, in turn.

    python benchmarks/busy_machine.py corpus.parquet --before CHECKOUT --documents 600 [--out FILE.json]

CHECKOUT: the folder of an older commit, whose package is imported instead. Whole `sparton encode` commands on the CPU:
one alone, three at once, and one beside six processes that do nothing but count. The collections must be the same,
byte for byte, within each version and case. A case takes turns between the versions; ratios are round by round.
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

import pyarrow.parquet as pq

LOOPS = 6
CASES = {"one alone": (1, 0), "three at once": (3, 0), f"one beside {LOOPS} busy loops": (1, LOOPS)}


def encode(source: Path, corpus: Path, folders: list[Path], loops: int) -> float:
    """Seconds until all of some commands at once have ended. source: a folder in which `sparton` is the package."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    environment["PYTHONPATH"] = str(source)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    code = "from sparton.cli import run; run()"
    commands = [
        [sys.executable, "-c", code, "encode", str(corpus), "--output", str(folder), "--device", "cpu"]
        for folder in folders
    ]
    start = time.perf_counter()
    try:
        running = [
            subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for command in commands
        ]
        codes = [process.wait() for process in running]
        took = time.perf_counter() - start
    finally:
        for process in busy:
            process.kill()
            process.wait()
    if any(codes):
        raise SystemExit(f"a command of {source} ended with exit code {max(codes)}")
    return took


def content(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "collection").iterdir())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    seconds: dict[str, dict[str, list[float]]] = {case: {"before": [], "now": []} for case in CASES}
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        corpus = work / "corpus.parquet"
        pq.write_table(pq.read_table(arguments.corpus).slice(0, arguments.documents), corpus)
        sources = {"before": arguments.before, "now": Path(__file__).parents[1]}
        for name, checkout in sources.items():
            (work / name).mkdir()
            (work / name / "sparton").symlink_to(checkout.resolve())
        for case, (commands, loops) in CASES.items():
            for turn in range(arguments.rounds + 1):
                for name in sources if turn % 2 else reversed(sources):
                    folders = [work / f"out{number}" for number in range(commands)]
                    took = encode(work / name, corpus, folders, loops)
                    if turn:  # the first round fills the file cache
                        seconds[case][name].append(took)
                    contents = [content(folder) for folder in folders]
                    if any(other != contents[0] for other in contents):
                        raise SystemExit("commands at once wrote different collections")
                    for folder in folders:
                        shutil.rmtree(folder)
            before, now = seconds[case]["before"], seconds[case]["now"]
            ratio = statistics.median(old / new for old, new in zip(before, now, strict=True))
            print(
                f"{case}: {statistics.median(before):.1f} s before, {statistics.median(now):.1f} s now, "
                f"{ratio:.2f} times as fast",
                flush=True,
            )
    if arguments.out:
        result = {
            "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
            "versions": {name: metadata.version(name) for name in ("torch", "transformers")},
            "documents": arguments.documents,
            "seconds": seconds,
            "times as fast, median of rounds": {
                case: statistics.median(a / b for a, b in zip(of["before"], of["now"], strict=True))
                for case, of in seconds.items()
            },
        }
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
