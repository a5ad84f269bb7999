"""Kill `sparton index --from-collection` at random moments, restart it each time, and compare what it ends up with.

    python benchmarks/indexing_killed.py --documents 100000 --kills 30

The first run is not interrupted: how long it takes says when to strike, and what it wrote is the truth.
"""

import argparse
import random
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from indexing import CORES, run, same, sparton
from synthetic import write_documents

from sparton.manifest import COMPLETE, load_manifest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=30)
    arguments = parser.parse_args()
    chance = random.Random(30)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        write_documents(work / "vectors", arguments.documents)
        whole = run(sparton(work / "vectors", work / "whole", CORES), work / "whole")
        print(f"uninterrupted: {whole.seconds:.1f} s")
        kills = builds = 0
        while kills < arguments.kills:
            process = subprocess.Popen(sparton(work / "vectors", work / "killed", CORES), stdout=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, whole.seconds))
            finished = process.poll() is not None
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += not finished
            if finished:  # check it, and start over
                builds += 1
                check(work)
                shutil.rmtree(work / "killed")
        subprocess.run(sparton(work / "vectors", work / "killed", CORES), check=True)
        check(work)
        print(f"{kills} kills, {builds + 1} finished indexes, each equal to the uninterrupted one, posting for posting")


def check(work: Path) -> None:
    assert load_manifest(work / "killed").stage == COMPLETE
    if not same(work / "killed" / "lucene", work / "whole" / "lucene"):
        raise SystemExit("the index differs from the uninterrupted one")


if __name__ == "__main__":
    main()
