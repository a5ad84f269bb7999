"""Update, delete and compact an index at random, kill some of it, and compare with fresh builds; and time updates.

    python benchmarks/updates.py random --documents 20000 --operations 200 --kills 30
    python benchmarks/updates.py times --documents 100000 [--model tiny] [--out FILE.json]
    python benchmarks/updates.py service --seconds 60 --clients 64

random: after the operations every search must give what a fresh build of the final corpus gives, and so must the index
after each kill give the old generation or the new one. times: of an update of 1 %, whole and of prices alone, against
the build; and the bytes after `compact` against a fresh index. service: clients search while an update commits every
five seconds, and each response is compared with what its generation gives.
"""

import argparse
import http.client
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import sparton
from sparton.indexer.java import java_class
from sparton.search.check import check_index
from sparton.storage.manifest import load_manifest

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from support.saved_models import save, save_masked_lm, static
from support.updates import QUERIES, Catalogue, build, collection_of, counted, found, make, size_of, write_rows

COMMAND = [sys.executable, "-c", "from sparton.cli import run; run()"]
MOST_SECONDS = 6.0  # that a process runs before it is killed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["random", "times", "service"])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--operations", type=int, default=200)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--compare", type=int, default=50, help="Operations between two fresh builds.")
    parser.add_argument("--model", help="Instead of a static table.")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        if arguments.model is None:
            save([static(save_masked_lm(work / "plain"))], work / "static")
        model = arguments.model or str(work / "static")
        results = {"random": run_random, "times": run_times, "service": run_service}[arguments.what](
            work, model, arguments
        )
    results = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: metadata.version(name) for name in ("pyserini", "JPype1", "torch", "pyarrow")},
        **results,
    }
    print(json.dumps(results, indent=2))
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=2) + "\n")


def run_random(work: Path, model: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Change an index, with kills among the changes."""
    catalogue, index = Catalogue(arguments.documents), work / "index"
    build(index, catalogue.rows.values(), model)
    chance = random.Random(30)
    to_kill = set(chance.sample(range(arguments.operations), arguments.kills))
    kills = {"before": 0, "after": 0, "too late": 0}
    for operation in range(arguments.operations):
        change = catalogue.change(share=0.01)
        if operation in to_kill:
            kills[killed(change, index, work, chance)] += 1
        make(change, index, work / "rows.jsonl")
        if operation % arguments.compare == arguments.compare - 1 or operation == arguments.operations - 1:
            compare(index, catalogue, model, work / "fresh")
            print(f"{operation + 1} operations, {sum(kills.values())} kills: equal to a fresh build", flush=True)
    return {"operations": arguments.operations, "kills": kills, "generation": load_manifest(index).number}


def killed(change: Any, index: Path, work: Path, chance: random.Random) -> str:
    """Have another process make a change, and kill it at a random moment; return which generation is left."""
    before = load_manifest(index)
    process = subprocess.Popen(
        [*COMMAND, *command_of(change, index, work)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(chance.uniform(0.5, MOST_SECONDS))
    late = process.poll() is not None
    process.send_signal(signal.SIGKILL)
    process.wait()
    after = load_manifest(index)
    check_index(index, after)
    assert after.number in (before.number, before.number + 1)
    return "too late" if late else "before" if after.number == before.number else "after"


def command_of(change: Any, index: Path, work: Path) -> list[str]:
    if change.kind == "update":
        return ["update", str(index), str(write_rows(work / "killed.jsonl", change.rows))]
    if change.kind == "compact":
        return ["compact", str(index)]
    (work / "ids.txt").write_text("".join(f"{name}\n" for name in change.ids))
    filters = [part for one in change.filters for part in ("--filter", one)]
    return ["delete", str(index), *(["--ids", str(work / "ids.txt")] if change.ids else []), *filters]


def compare(index: Path, catalogue: Catalogue, model: str, fresh: Path) -> None:
    """Raise AssertionError where an index is not what a fresh build is."""
    shutil.rmtree(fresh, ignore_errors=True)
    build(fresh, catalogue.rows.values(), model)
    check_index(index, load_manifest(index))
    assert found(index) == found(fresh)
    assert collection_of(index) == collection_of(fresh)
    assert counted(index) == counted(fresh)


def run_times(work: Path, model: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Time updates of 1 %."""
    catalogue, index = Catalogue(arguments.documents), work / "index"
    rows = list(catalogue.rows.values())
    java_class("java.lang.Object")  # Java runs before anything is timed
    results: dict[str, Any] = {
        "documents": len(rows),
        "model": arguments.model or "a static table",
        "cores": os.cpu_count(),
    }
    begin = time.perf_counter()
    build(index, rows, model)
    results["build"] = time.perf_counter() - begin
    built, chance = size_of(index), random.Random(1)
    some = chance.sample(rows, len(rows) // 100)
    cheaper = [{**row, "price": round(row["price"] / 2, 2) + 0.01} for row in some]
    for name, changed in (
        ("prices of 1 %", cheaper),
        ("texts of 1 %", [{**row, "text": f"{row['text']} gold"} for row in cheaper]),
        ("nothing of all", rows[: len(rows) // 2]),
    ):
        report = sparton.update_index(write_rows(work / "rows.jsonl", changed), index)
        results[name] = {"seconds": report.seconds, "encoding": report.encoding_seconds}
        results[name]["share of the build"] = (report.seconds - report.encoding_seconds) / results["build"]
    for turn in range(5):
        changed = [{**row, "price": turn + 1.5} for row in chance.sample(rows, len(rows) // 10)]
        sparton.update_index(write_rows(work / "rows.jsonl", changed), index)
    grown = size_of(index)
    report = sparton.compact_index(index)
    results["compact"] = {"seconds": report.seconds, "before": grown / built, "after": size_of(index) / built}
    return results


def run_service(work: Path, model: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Search by many clients while updates commit."""
    catalogue, index = Catalogue(arguments.documents), work / "index"
    build(index, catalogue.rows.values(), model)
    expected = {}
    remember(index, expected)
    process = subprocess.Popen(
        [*COMMAND, "serve", "--index", str(index), "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    host = urlsplit(process.stderr.readline().split(" at ")[1].split()[0]).netloc
    threading.Thread(target=process.stderr.read, daemon=True).start()
    stopped, failed = threading.Event(), []
    responses: list[tuple[str, str, Any]] = []

    def search(seed: int) -> None:
        chance = random.Random(seed)
        with closing(http.client.HTTPConnection(host, timeout=60)) as connection:
            while not stopped.is_set():
                query = chance.choice(QUERIES)
                try:
                    connection.request("GET", f"/search?{urlencode({'q': query})}")
                    response = connection.getresponse()
                    content = json.loads(response.read())
                    hits = [(hit["id"], hit["score"], hit["text"]) for hit in content["hits"]]
                    responses.append((response.headers["Sparton-Generation"], query, hits))
                except Exception as error:
                    failed.append(repr(error))
                    return

    clients = [threading.Thread(target=search, args=(seed,)) for seed in range(arguments.clients)]
    for client in clients:
        client.start()
    begin = time.monotonic()
    while time.monotonic() < begin + arguments.seconds:
        until = time.monotonic() + 5
        make(catalogue.change(share=0.01), index, work / "rows.jsonl")
        remember(index, expected)
        time.sleep(max(0.0, until - time.monotonic()))
    time.sleep(3)
    stopped.set()
    for client in clients:
        client.join()
    process.kill()
    process.wait()
    wrong = sum(hits != expected[state][query] for state, query, hits in responses)
    seen = {state for state, _, _ in responses}
    return {
        "responses": len(responses),
        "failed": failed,
        "of another generation": wrong,
        "generations": {"committed": len(expected), "seen": len(seen)},
    }


def remember(index: Path, expected: dict[str, Any]) -> None:
    with closing(sparton.Searcher(index)) as searcher:
        expected[searcher.manifest.state] = {
            query: [(hit.id, hit.score, hit.text) for hit in searcher.search(query)] for query in QUERIES
        }


if __name__ == "__main__":
    main()
