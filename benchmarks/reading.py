"""Reading a corpus: this Sparton beside another checkout of it, in turn.

    python benchmarks/reading.py --before CHECKOUT [--rows 200000] [--out FILE.json]

CHECKOUT: the folder of an older commit, whose package is imported instead. The corpus is the sample catalogue over and
over, as Parquet and as JSON lines with two columns that nobody asks for. Each round is a process that checks the ids,
takes the digest and reads all shards; documents must be the same. Ratios are round by round.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
# By today's functions, or by those of a checkout from before each format had a file of its own.
READ = """
import hashlib, re, sys, time
from sparton.pipeline.corpus.columns import choose_columns
from sparton.pipeline.corpus.reader import Corpus
from sparton.pipeline.corpus.shards import read_shards
start = time.perf_counter()
corpus = Corpus([sys.argv[1]])
try:
    from functools import partial
    from sparton.pipeline.corpus.checked import checked
    from sparton.pipeline.corpus.survey import survey
    columns, _ = survey(corpus, None, ())
    check = partial(checked, columns=columns, skip_bad=False)
    shards = read_shards(corpus.rows(columns.all), 8192, check)
except ImportError:
    from sparton.pipeline.corpus.columns import check_files
    from sparton.pipeline.corpus.ids import check_ids
    columns = choose_columns(corpus.schema)
    check_files(corpus, columns)
    check_ids(corpus, columns.id)
    shards = read_shards(corpus, columns, 8192)
corpus.fingerprint()
digest = hashlib.sha256()
for shard in shards:
    digest.update("\\0".join((*shard.documents.ids, *shard.documents.texts)).encode())
seconds = time.perf_counter() - start
# Of this program alone: what getrusage says begins with the peak of the process that started it.
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) / 1024
print(seconds, peak, digest.hexdigest())
"""


def write(folder: Path, rows: int) -> list[Path]:
    """The corpus in both formats."""
    catalog = pq.read_table(ROOT / "data" / "catalog.parquet").to_pylist()
    paths = [folder / "corpus.parquet", folder / "corpus.jsonl"]
    every = [
        {
            "id": f"{number}",
            "title": row["title"],
            "text": row["description"],
            "price": number % 997,
            "url": f"/products/{number}",
        }
        for number in range(rows)
        for row in [catalog[number % len(catalog)]]
    ]
    pq.write_table(pa.Table.from_pylist(every), paths[0], row_group_size=50_000)
    with paths[1].open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in every)
    return paths


def read(source: Path, corpus: Path) -> tuple[float, float, str]:
    """Seconds, peak MiB, and a digest of all documents. source: a folder in which `sparton` is the package."""
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run([sys.executable, "-c", READ, str(corpus)], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{source} failed:\n{done.stderr}")
    seconds, peak, digest = done.stdout.split()
    return float(seconds), float(peak), digest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    result: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        sources = {"before": arguments.before, "now": ROOT}
        for name, checkout in sources.items():
            (work / name).mkdir()
            (work / name / "sparton").symlink_to(checkout.resolve())
        for corpus in write(work, arguments.rows):
            found: dict[str, list[tuple[float, float, str]]] = {name: [] for name in sources}
            for turn in range(arguments.rounds + 1):
                for name in sources if turn % 2 else reversed(sources):
                    one = read(work / name, corpus)
                    if turn:  # the first round fills the file cache
                        found[name].append(one)
            if len({digest for every in found.values() for _, _, digest in every}) > 1:
                raise SystemExit(f"{corpus.name}: the documents differ")
            figures = {
                f"{what} {name}": statistics.median(one[index] for one in found[name])
                for index, what in enumerate(("seconds", "peak MiB"))
                for name in sources
            }
            pairs = zip(found["before"], found["now"], strict=True)
            figures["times as fast, median of rounds"] = statistics.median(old[0] / new[0] for old, new in pairs)
            result[corpus.suffix] = figures
            print(corpus.name, {name: round(value, 2) for name, value in figures.items()}, flush=True)
    if arguments.out:
        stored = {
            "command": "python benchmarks/reading.py --before CHECKOUT",
            "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
            "versions": {name: metadata.version(name) for name in ("pyarrow", "orjson")},
            "rows": arguments.rows,
            "formats": result,
        }
        arguments.out.write_text(json.dumps(stored, indent=2) + "\n")


if __name__ == "__main__":
    main()
