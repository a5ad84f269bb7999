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
WHAT = ("whole commands", "encoding")
CASES = {"one alone": (1, 0), "three at once": (3, 0), f"one beside {LOOPS} busy loops": (1, LOOPS)}


def encode(source: Path, corpus: Path, folders: list[Path], loops: int) -> tuple[float, float]:
    """Seconds until all of some commands at once have ended, and the most that one of them says its encoding took.

    source: a folder in which `sparton` is the package.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    environment["PYTHONPATH"] = str(source)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    code = "from sparton.cli import run; run()"
    commands = [
        [sys.executable, "-c", code, "encode", str(corpus), "--output", str(folder), "--device", "cpu", "--json"]
        for folder in folders
    ]
    start = time.perf_counter()
    try:
        running = [
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for command in commands
        ]
        reports = [process.communicate()[0] for process in running]
        took = time.perf_counter() - start
    finally:
        for process in busy:
            process.kill()
            process.wait()
    if any(process.returncode for process in running):
        raise SystemExit(f"a command of {source} failed")
    return took, max(json.loads(report)["seconds"]["encoding"] for report in reports)


def content(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "collection").iterdir())]


def faster(seconds: dict[str, list[float]]) -> float:
    return statistics.median(old / new for old, new in zip(seconds["before"], seconds["now"], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    seconds = {case: {what: {"before": [], "now": []} for what in WHAT} for case in arguments.cases}
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        corpus = work / "corpus.parquet"
        pq.write_table(pq.read_table(arguments.corpus).slice(0, arguments.documents), corpus)
        sources = {"before": arguments.before, "now": Path(__file__).parents[1]}
        for name, checkout in sources.items():
            (work / name).mkdir()
            (work / name / "sparton").symlink_to(checkout.resolve())
        for case in seconds:
            commands, loops = CASES[case]
            for turn in range(arguments.rounds + 1):
                for name in sources if turn % 2 else reversed(sources):
                    folders = [work / f"out{number}" for number in range(commands)]
                    took = encode(work / name, corpus, folders, loops)
                    if turn:  # the first round fills the file cache
                        for what, value in zip(WHAT, took, strict=True):
                            seconds[case][what][name].append(value)
                    contents = [content(folder) for folder in folders]
                    if any(other != contents[0] for other in contents):
                        raise SystemExit("commands at once wrote different collections")
                    for folder in folders:
                        shutil.rmtree(folder)
            for what, of in seconds[case].items():
                before, now = (statistics.median(of[name]) for name in sources)
                print(
                    f"{case}, {what}: {before:.1f} s before, {now:.1f} s now, {faster(of):.2f} times as fast",
                    flush=True,
                )
    if arguments.out:
        result = {
            "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
            "versions": {name: metadata.version(name) for name in ("torch", "transformers")},
            "documents": arguments.documents,
            "seconds": seconds,
            "times as fast, median of rounds": {
                case: {what: faster(of) for what, of in every.items()} for case, every in seconds.items()
            },
        }
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
