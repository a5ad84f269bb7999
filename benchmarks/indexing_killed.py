"""Kill `sparton index --from-collection` at random moments, restart it each time, and compare what it ends up with.

    python benchmarks/indexing_killed.py --documents 30000 --kills 30

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
from typing import TYPE_CHECKING

from indexing import CORES, read_content, run, sparton
from synthetic import write_documents

from sparton.storage.manifest import COMPLETE, load_manifest

if TYPE_CHECKING:
    from support.lucene_content import Content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=30_000)
    parser.add_argument("--kills", type=int, default=30)
    arguments = parser.parse_args()
    chance = random.Random(30)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        write_documents(work / "vectors", arguments.documents)
        whole = run(sparton(work / "vectors", work / "whole", CORES), work / "whole")
        truth = read_content(work / "whole" / "lucene")
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
                check(work / "killed", truth)
                shutil.rmtree(work / "killed")
        subprocess.run(sparton(work / "vectors", work / "killed", CORES), check=True)
        check(work / "killed", truth)
        print(f"{kills} kills, {builds + 1} finished indexes, each equal to the uninterrupted one, posting for posting")


def check(index: Path, truth: "Content") -> None:
    assert load_manifest(index).stage == COMPLETE
    if read_content(index / "lucene") != truth:
        raise SystemExit("the index differs from the uninterrupted one")


if __name__ == "__main__":
    main()
