"""Peak memory of `sparton index` over 2,000 and over 20,000 synthetic documents.

    python benchmarks/memory.py

Each corpus is indexed by a process of its own, and the peak is the operating system's figure for that process.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

GROUP = 1_000


def synthetic_documents(count: int, words: int) -> Iterator[pa.Table]:
    """Row groups of documents of `words` invented-looking words, the same on every run."""
    chance = random.Random(7)
    stems = ["".join(chance.choice("bdfglmnprst") + chance.choice("aeiou") for _ in range(3)) for _ in range(5_000)]
    for start in range(0, count, GROUP):
        rows = range(start, min(count, start + GROUP))
        texts = [" ".join(chance.choices(stems, k=chance.randint(words // 2, words * 3 // 2))) for _ in rows]
        yield pa.table({"id": [f"d{row}" for row in rows], "text": texts})


def write_corpus(path: Path, tables: Iterator[pa.Table]) -> None:
    """One Parquet file, a row group a table."""
    first = next(tables)
    with pq.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


def peak_mib(command: Sequence[str]) -> float:
    """Peak resident memory of a command, in MiB. Measured by a child of its own, whose only child it is."""
    script = (
        "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode; "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return int(done.stdout) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[2_000, 20_000])
    parser.add_argument("--words", type=int, default=12)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    sparton = str(Path(sys.executable).with_name("sparton"))
    peaks: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in arguments.counts:
            corpus, index = Path(folder) / f"{count}.parquet", Path(folder) / f"{count}"
            write_corpus(corpus, synthetic_documents(count, arguments.words))
            peaks[count] = peak_mib([sparton, "index", str(corpus), "--index", str(index)])
            print(f"{count:>8,} documents: peak {peaks[count]:,.0f} MiB")
    smallest, largest = peaks[arguments.counts[0]], peaks[arguments.counts[-1]]
    print(f"ratio {largest / smallest:.2f}")
    if arguments.out:
        result = {"machine": f"{os.uname().machine}, {os.cpu_count()} cores", "peak MiB": peaks}
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
