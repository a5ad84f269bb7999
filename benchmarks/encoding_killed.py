"""Kill `sparton encode` at random moments, restart it each time, and compare what it ends up with, byte for byte.

    python benchmarks/encoding_killed.py --documents 20000 --kills 30 [--device cpu:0,cpu:1]

The first run is not interrupted: how long it takes says when to strike, and what it wrote is the truth. Every other
kill takes the process of one device or helper instead of the command's own, which must then end with a sentence.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memory import synthetic_documents, write_corpus

from sparton.storage.manifest import ENCODED, load_manifest

SHARD_ROWS = 1_000


def command(corpus: Path, folder: Path, device: str) -> list[str]:
    sparton = [sys.executable, "-c", "from sparton.cli import run; run()", "encode", str(corpus)]
    return [*sparton, "--output", str(folder), "--shard-rows", str(SHARD_ROWS), "--device", device]


def helpers(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def strike(process: "subprocess.Popen[bytes]", helper: bool, chance: random.Random) -> None:
    """Kill a command, or one of its helpers, and wait until it has ended."""
    found = helpers(process.pid) if helper else []
    if not found:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return
    subprocess.run(["kill", "-9", str(chance.choice(found))], check=False)
    message = process.communicate(timeout=60)[1].decode()
    if process.returncode != 0 and ("killed by SIGKILL" not in message or "Traceback" in message):
        raise SystemExit(f"a helper was killed, and this was said:\n{message}")


def parts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "collection").iterdir())}


def check(folder: Path, truth: dict[str, bytes]) -> None:
    if load_manifest(folder).stage != ENCODED or parts(folder) != truth:
        raise SystemExit(f"{folder} differs from what the uninterrupted run wrote")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    chance = random.Random(30)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        write_corpus(work / "corpus.parquet", synthetic_documents(arguments.documents, 8))
        started = time.perf_counter()
        subprocess.run(command(work / "corpus.parquet", work / "whole", arguments.device), check=True)
        seconds = time.perf_counter() - started
        truth = parts(work / "whole")
        kills = builds = 0
        while kills < arguments.kills:
            run = command(work / "corpus.parquet", work / "killed", arguments.device)
            process = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            time.sleep(chance.uniform(0, seconds))
            if process.poll() is None:
                strike(process, bool(kills % 2), chance)
                kills += 1
                continue
            builds += 1
            check(work / "killed", truth)
            shutil.rmtree(work / "killed")
        subprocess.run(command(work / "corpus.parquet", work / "killed", arguments.device), check=True)
        check(work / "killed", truth)
        print(
            f"{kills} kills, {builds + 1} finished collections, each byte for byte that of the run of {seconds:.0f} s"
        )


if __name__ == "__main__":
    main()
