"""Several processes build one Lucene index: whole or absent, the same however often it was interrupted."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from support.lucene_content import read_content

from sparton.errors import SpartonError, UsageError
from sparton.indexer.build import _FORMAT, LuceneBuild
from sparton.indexer.options import LuceneOptions, LucenePlan, plan_build
from sparton.indexer.splits import cut
from sparton.indexer.worker import Finish, Index, LuceneWorker, Start
from sparton.machine import free_memory_mb

pytestmark = pytest.mark.slow

TWO = LucenePlan(processes=2, heap_mb=128, buffer_mb=4)
TERMS = [f"t{i}" for i in range(50)]


@pytest.fixture
def parts(tmp_path):
    """Six files of 40 documents each."""
    folder = tmp_path / "collection"
    folder.mkdir()
    for part in range(6):
        lines = []
        for line in range(40):
            number = part * 40 + line
            vector = {TERMS[(number * step) % 50]: 1 + (number * step) % 97 for step in range(1, 9)}
            lines.append(json.dumps({"id": f"d{number}", "contents": f"text {number}", "vector": vector}) + "\n")
        (folder / f"part-{part:05d}.jsonl").write_text("".join(lines))
    return sorted(folder.iterdir())


def build(folder, parts, plan=TWO, **more):
    with LuceneBuild(folder, plan, **more) as building:
        for part in parts:
            building.add(part)
        return building.finish()


def expected(parts):
    """{term: {id: impact}} of all parts, read the plain way."""
    found = {}
    for part in parts:
        for line in part.read_text().splitlines():
            document = json.loads(line)
            for term, impact in document["vector"].items():
                found.setdefault(term, {})[document["id"]] = impact
    return found


def postings(folder):
    """The same of an index."""
    content = read_content(folder)
    ids = sorted(content.texts)
    return {term: {ids[rank]: impact for rank, impact in array} for term, array in content.postings.items()}


def segments(folder):
    return len(list(folder.glob("*.si")))


@pytest.mark.fresh
def test_two_processes_index_every_posting_once(parts, tmp_path):
    heard = []
    counts = build(tmp_path / "lucene", parts, on_bytes=heard.append)
    assert (counts.documents, counts.empty) == (240, 0)
    assert counts.postings == sum(len(documents) for documents in expected(parts).values())
    assert sum(heard) == sum(part.stat().st_size for part in parts)
    assert postings(tmp_path / "lucene") == expected(parts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["collection", "lucene"]


def test_one_process_gives_the_same_as_two(parts, tmp_path):
    build(tmp_path / "two", parts)
    build(tmp_path / "one", parts, LucenePlan(processes=1, heap_mb=128, buffer_mb=4))
    assert read_content(tmp_path / "one") == read_content(tmp_path / "two")


def test_documents_of_one_process_stand_in_the_order_of_the_files(parts, tmp_path):
    build(tmp_path / "lucene", parts, LucenePlan(processes=1, heap_mb=128, buffer_mb=4))
    assert list(read_content(tmp_path / "lucene").texts) == [f"d{number}" for number in range(240)]


def test_a_commit_says_of_which_splits_it_is_made(parts, tmp_path):
    build(tmp_path / "lucene", parts, LucenePlan(processes=1, heap_mb=128, buffer_mb=4), key="settings")
    (commit,) = (tmp_path / "lucene").glob("segments_*")
    assert json.loads(re.search(rb'\{"key".*?\}', commit.read_bytes())[0]) == {
        "key": f"{_FORMAT} settings",
        "splits": [split.name() for part in parts for split in cut(part)],
        "documents": 240,
        "postings": sum(len(documents) for documents in expected(parts).values()),
        "empty": 0,
        "zeros": 0,
        "bad": 0,
    }


def test_optimizing_leaves_one_segment(parts, tmp_path):
    build(tmp_path / "lucene", parts)
    assert segments(tmp_path / "lucene") == 2
    build(tmp_path / "merged", parts, LucenePlan(processes=2, heap_mb=128, buffer_mb=4, segments=1))
    assert segments(tmp_path / "merged") == 1
    assert read_content(tmp_path / "lucene") == read_content(tmp_path / "merged")


def test_building_again_replaces(parts, tmp_path):
    build(tmp_path / "lucene", parts[:1])
    build(tmp_path / "lucene", parts[1:2])
    assert postings(tmp_path / "lucene") == expected(parts[1:2])


def test_a_failure_names_the_line_and_leaves_the_index_that_stood_there(parts, tmp_path):
    build(tmp_path / "lucene", parts[:1])
    with parts[3].open("a") as stream:
        stream.write('{"id": "x", "vector": {"t1": -1}}\n')
    with pytest.raises(SpartonError) as caught:
        build(tmp_path / "lucene", parts)
    assert str(caught.value) == (
        f"{parts[3]} line 41 gives the term 't1' the impact -1; an impact is an integer from 0 to 2147483647; mend it, "
        "or leave out such rows with skip_bad_rows=True"
    )
    assert postings(tmp_path / "lucene") == expected(parts[:1])


def test_nothing_to_index_is_said(tmp_path):
    empty = tmp_path / "part.jsonl"
    empty.write_text('{"id": "a", "vector": {}}\n{"id": "b", "vector": {}}\n')
    with pytest.raises(SpartonError, match="none of the 2 documents has a term"):
        build(tmp_path / "lucene", [empty])


def leave_behind(folder, part, key=f"{_FORMAT} "):
    """What a run that was killed leaves: one part committed, another not."""
    worker = LuceneWorker()
    worker.handle(Start(folder.with_name(folder.name + ".tmp") / "0", key, TWO, None))
    for split in cut(part):
        worker.handle(Index(split))
    worker.handle(Finish())


def test_what_was_committed_is_not_done_again(parts, tmp_path):
    leave_behind(tmp_path / "lucene", parts[2])
    times = parts[2].stat()
    parts[2].write_text(parts[2].read_text().replace('"t', '"T'))  # would be noticed if it were read again
    os.utime(parts[2], ns=(times.st_atime_ns, times.st_mtime_ns))
    counts = build(tmp_path / "lucene", parts)
    assert counts.documents == 240
    assert not any(term.startswith("T") for term in postings(tmp_path / "lucene"))


def test_what_was_committed_of_a_file_that_changed_since_is_thrown_away(parts, tmp_path):
    leave_behind(tmp_path / "lucene", parts[2])
    parts[2].write_text(parts[2].read_text().replace('"t1"', '"changed"'))
    build(tmp_path / "lucene", parts)
    assert postings(tmp_path / "lucene") == expected(parts)


def test_what_was_committed_with_other_settings_is_thrown_away(parts, tmp_path):
    leave_behind(tmp_path / "lucene", parts[2], f"{_FORMAT} other settings")
    build(tmp_path / "lucene", parts, key="these settings")
    assert postings(tmp_path / "lucene") == expected(parts)


@pytest.mark.parametrize("lost", ["*.si", "*.fdt", "segments_*"])
def test_what_is_damaged_is_made_again(parts, tmp_path, lost):
    leave_behind(tmp_path / "lucene", parts[2])
    for path in (tmp_path / "lucene.tmp" / "0").glob(lost):
        path.unlink()
    build(tmp_path / "lucene", parts)
    assert postings(tmp_path / "lucene") == expected(parts)


def test_an_index_that_was_put_in_place_just_before_the_end_is_not_made_again(parts, tmp_path):
    build(tmp_path / "lucene", parts)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "lucene").iterdir()}
    counts = build(tmp_path / "lucene", parts)
    assert counts.documents == 240
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "lucene").iterdir()} == before


def test_a_term_that_stands_twice_is_refused(tmp_path):
    part = tmp_path / "part.jsonl"
    part.write_text('{"id": "a", "vector": {"bag": 9, "bag": 1}}\n')
    with pytest.raises(
        SpartonError,
        match="Lucene counts 1 postings and the vectors have 2: a vector has a term twice; let each stand once, or "
        "leave out such rows with skip_bad_rows=True",
    ):
        build(tmp_path / "lucene", [part])


def test_what_more_processes_left_behind_is_joined_by_fewer(parts, tmp_path):
    leave_behind(tmp_path / "lucene", parts[2])
    (tmp_path / "lucene.tmp" / "0").rename(tmp_path / "lucene.tmp" / "7")
    (tmp_path / "lucene.tmp" / "3").mkdir()  # killed before its first commit
    build(tmp_path / "lucene", parts, LucenePlan(processes=1, heap_mb=128, buffer_mb=4))
    assert postings(tmp_path / "lucene") == expected(parts)


@pytest.mark.fresh
def test_a_worker_that_is_killed_is_a_sentence(parts, tmp_path):
    with LuceneBuild(tmp_path / "lucene", TWO) as building:
        building.add(parts[0])
        until = time.monotonic() + 30
        while not building.process_ids and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(building.process_ids[0], signal.SIGKILL)
        with pytest.raises(SpartonError) as caught:
            building.finish()
    assert str(caught.value) == (
        "a process that helps with this was killed by SIGKILL (the system kills so when memory runs out); what was "
        "finished is kept, so run again, with fewer processes if it recurs"
    )
    build(tmp_path / "lucene", parts)
    assert postings(tmp_path / "lucene") == expected(parts)


SCRIPT = """
import sys
from pathlib import Path
from sparton.indexer.build import LuceneBuild
from sparton.indexer.options import LucenePlan

with LuceneBuild(Path(sys.argv[1]), LucenePlan(2, 128, 4)) as building:
    for part in sys.argv[2:]:
        building.add(Path(part))
    print("added", flush=True)
    building.finish()
"""


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0, 1.5])
def test_killed_at_any_moment_it_goes_on(parts, tmp_path, seconds):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "lucene"), *map(str, parts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        time.sleep(seconds)
        process.kill()
    if (tmp_path / "lucene").exists():  # whole or absent
        assert postings(tmp_path / "lucene") == expected(parts)
    build(tmp_path / "lucene", parts)
    assert postings(tmp_path / "lucene") == expected(parts)


def test_the_machine_decides_what_is_not_asked_for():
    plan = plan_build(LuceneOptions())
    assert 1 <= plan.processes <= os.cpu_count()
    assert 0 < plan.buffer_mb < plan.heap_mb
    assert free_memory_mb() > 0
    asked = LuceneOptions(index_processes=3, heap_mb=200, buffer_mb=20, optimize=True)
    assert plan_build(asked) == LucenePlan(3, 200, 20, segments=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"index_processes": 0}, "index_processes is 0; expected at least 1"),
        ({"heap_mb": 64}, "heap_mb is 64; expected at least 128"),
        ({"heap_mb": 300, "buffer_mb": 0}, "buffer_mb is 0; expected at least 1"),
        ({"heap_mb": 300, "buffer_mb": 201}, "buffer_mb is 201; expected at most 200 with a heap of 300"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(arguments, message):
    with pytest.raises(UsageError) as caught:
        plan_build(LuceneOptions(**arguments))
    assert str(caught.value) == message
