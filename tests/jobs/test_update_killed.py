"""An update that is killed leaves the old generation or the new one, whole, and the next change finds its way."""

import subprocess
import sys

import pytest
from support.updates import Catalogue, build, collection_of, found, write_rows

import sparton
from sparton.search.check import check_index
from sparton.storage.generations import named_files
from sparton.storage.manifest import load_manifest

pytestmark = pytest.mark.slow

SMALL = {"shard_rows": 20, "index_processes": 1, "heap_mb": 128}
SEVERAL = {**SMALL, "index_processes": 2, "join": False}
# Runs a command that ends without a word before or after a function is called for the n-th time.
KILLED = """
import os, sys
from importlib import import_module
module, name, when, count = sys.argv.pop(1).split(":")
home = import_module(module)
*way, last = name.split(".")
for part in way:
    home = getattr(home, part)
method, calls = getattr(home, last), []
def killing(*arguments, **named):
    calls.append(name)
    if when == "before" and len(calls) == int(count):
        os._exit(9)
    result = method(*arguments, **named)
    if when == "after" and len(calls) == int(count):
        os._exit(9)
    return result
setattr(home, last, killing)
from sparton.cli import run
run()
"""


@pytest.mark.parametrize(
    ("where", "number", "options"),
    [
        pytest.param("sparton.pipeline.parts.changes:PartsWriter._finish:after:1", 0, SMALL, id="a part was written"),
        pytest.param("sparton.indexer.updating:LuceneUpdate.add:after:1", 0, SMALL, id="Lucene has documents"),
        pytest.param("sparton.indexer.updating:LuceneUpdate.commit:after:1", 0, SMALL, id="Lucene has committed"),
        pytest.param("sparton.storage.index_location:remove_unnamed:before:1", 1, SMALL, id="sparton.json is new"),
        pytest.param("sparton.storage.generations:remove_leftovers:after:4", 1, SMALL, id="some of the old is removed"),
        pytest.param(
            "sparton.indexer.index_writer:LuceneWriter.commit:after:1", 0, SEVERAL, id="one of two Lucene indexes has"
        ),
    ],
)
def test_a_kill_leaves_one_generation_whole(static_model, tmp_path, where, number, options):
    rows = Catalogue(60).rows
    index = build(tmp_path / "index", rows.values(), static_model, **options)
    changed = [{**rows["d1"], "price": 7}, {**rows["d2"], "text": "black gold"}, {**rows["d30"], "id": "new"}]
    update = write_rows(tmp_path / "update.jsonl", changed)
    final = rows | {row["id"]: row for row in changed}
    expected = [found(index), found(build(tmp_path / "fresh", final.values(), static_model, **options))]
    command = [sys.executable, "-c", KILLED, where, "update", str(index), str(update)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 9, ran.stderr
    manifest = load_manifest(index)
    assert manifest.number == number
    assert found(index) == expected[number]
    check_index(index, manifest)
    report = sparton.update_index(update, index)
    assert (report.added, report.unchanged) == ((0, 3) if number else (1, 0))
    sparton.compact_index(index)
    assert found(index) == expected[1]
    assert collection_of(index) == collection_of(tmp_path / "fresh")
    manifest = load_manifest(index)
    check_index(index, manifest)
    present = {path.relative_to(index).as_posix() for path in index.rglob("*") if path.is_file()}
    assert {name for name in present if not name.endswith("write.lock")} - {".lock", "sparton.json"} == named_files(
        manifest
    )
