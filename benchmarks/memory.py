"""Peak memory of `sparton index` over 2,000 and over 20,000 synthetic documents, all its processes together.

python benchmarks/memory.py
python benchmarks/memory.py --command encode --counts 50000 500000
"""

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from watching import watched

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[2_000, 20_000])
    parser.add_argument("--words", type=int, default=12)
    parser.add_argument("--command", choices=("index", "encode"), default="index")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    sparton = [sys.executable, "-c", "from sparton.cli import run; run()", arguments.command]
    options = ["--model", arguments.model, "--device", arguments.device]
    peaks: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in arguments.counts:
            corpus, index = Path(folder) / f"{count}.parquet", Path(folder) / f"{count}"
            write_corpus(corpus, synthetic_documents(count, arguments.words))
            output = "--output" if arguments.command == "encode" else "--index"
            seconds, peaks[count] = watched([*sparton, str(corpus), output, str(index), *options])
            print(f"{count:>8,} documents: peak {peaks[count]:,.0f} MiB, {seconds:.0f} s", flush=True)
    smallest, largest = peaks[arguments.counts[0]], peaks[arguments.counts[-1]]
    print(f"ratio {largest / smallest:.2f}")
    if arguments.out:
        machine = f"{os.uname().machine}, {os.cpu_count()} cores, device {arguments.device}"
        result = {"machine": machine, "command": arguments.command, "peak MiB": peaks}
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
