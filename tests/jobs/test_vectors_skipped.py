"""An index of vectors without the lines that are none is that of the good lines alone, and says what it lacks."""

import gzip
import json
import logging
import random
import shutil
from functools import partial
from pathlib import Path

import pytest
from support.lucene_content import read_content
from support.vector_lines import line

import sparton
from sparton.errors import SpartonError
from sparton.indexer import build as lucene_build
from sparton.indexer.splits import cut
from sparton.jobs.index_build import IndexBuild
from sparton.storage.manifest import COMPLETE, ENCODING, load_manifest

pytestmark = pytest.mark.slow
EXPECTED = 'is not {"id": …, "vector": {term: impact}}: it'
BAD = [
    (b"[]\n", "no object", f"{EXPECTED} is a list"),
    (b'{"id": "x"}\n', "no vector", f"{EXPECTED} has no vector"),
    (b'{"id": "", "vector": {"bag": 1}}\n', "id", "has an empty id; an id is a text or a whole number"),
    (
        b'{"id": "x", "vector": {"bag": 1, "bag": 2}}\n',
        "entry twice",
        f"{EXPECTED[:-2]}bag stands twice in an object; expected once",
    ),
    (
        b'{"id": "x", "vector": {"bag": 2147483647, "hat": 1}}\n',
        "sum of impacts",
        "has impacts that sum to 2147483648 and Lucene holds at most 2147483647",
    ),
    (
        b'{"id": "x", "vector": {"bag": -1}}\n',
        "impact",
        "gives the term 'bag' the impact -1; an impact is an integer from 0 to 2147483647",
    ),
]


@pytest.fixture
def mixed(tmp_path, monkeypatch):
    """A collection of three files with bad lines among the good, cut into many splits; the good lines alone, as
    another; and what is to be said of the bad ones."""
    monkeypatch.setattr(lucene_build, "cut", partial(cut, most=1_000))
    chance = random.Random(3)
    (folder := tmp_path / "vectors").mkdir()
    (alone := tmp_path / "alone").mkdir()
    told = []
    for name in ("a.jsonl", "b.jsonl.gz", "c.jsonl"):
        path, lines, good = folder / name, [], []
        for number in range(1, 61):
            if chance.random() < 0.3:
                written, kind, found = chance.choice(BAD)
                told.append({"file": str(path), "line": number, "kind": kind, "found": found})
            elif chance.random() < 0.1:
                written = b" \n"
            else:
                terms = chance.sample([f"t{i}" for i in range(40)], 6)
                vector = {term: chance.randint(0, 300) for term in terms}
                written = line(vector, id=f"{name}-{number}", contents=f"text {number}")
                good.append(written)
            lines.append(written)
        for target, content in ((path, lines), (alone / name, good)):
            joined = b"".join(content)
            target.write_bytes(gzip.compress(joined) if name.endswith(".gz") else joined)
    return folder, alone, told


def messages(caplog):
    return [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]


def check(index, report, alone, told, caplog):
    """An index is that of the good lines, and says what it lacks."""
    assert read_content(index / "lucene") == read_content(alone / "lucene")
    rows = load_manifest(alone).counts.rows
    counts = load_manifest(index).counts
    assert report.counts == counts
    assert (counts.rows, counts.dropped_bad) == (rows + len(told), len(told))
    assert counts.rows == counts.documents + counts.dropped_no_terms + counts.dropped_bad
    written = [json.loads(entry) for entry in (index / "skipped-rows.jsonl").read_text().splitlines()]
    assert written == told
    kinds = {kind: sum(entry["kind"] == kind for entry in told) for _, kind, _ in BAD}
    assert report.skipped == kinds
    *first, last = messages(caplog)
    assert first == [f"left out: {entry['file']} line {entry['line']} {entry['found']}" for entry in told[:10]]
    assert last.startswith(f"{len(told)} rows are left out: ")
    assert sorted(last.partition(": ")[2].split(", ")) == sorted(f"{count} {kind}" for kind, count in kinds.items())
    assert not (index / "lucene.left-out").exists()
    assert not (index / "lucene" / "lucene.left-out").exists()


@pytest.mark.parametrize("processes", [1, 2])
def test_an_index_is_that_of_the_good_lines_alone(mixed, tmp_path, caplog, processes):
    folder, alone, told = mixed
    caplog.set_level(logging.INFO, logger="sparton")
    sparton.index_vectors(alone, tmp_path / "good", index_processes=1)
    report = sparton.index_vectors(folder, tmp_path / "index", skip_bad_rows=True, index_processes=processes)
    check(tmp_path / "index", report, tmp_path / "good", told, caplog)
    caplog.clear()
    again = sparton.index_vectors(folder, tmp_path / "index", skip_bad_rows=True)  # nothing is left to do
    assert again.resumed
    check(tmp_path / "index", again, tmp_path / "good", told, caplog)
    with pytest.raises(SpartonError) as caught:
        sparton.index_vectors(folder, tmp_path / "index")
    assert str(caught.value) == (
        f"the index {tmp_path / 'index'} lacks {len(told)} rows that could not be read, for it was made with "
        "skip_bad_rows=True; give that again, or mend the rows and replace it with overwrite=True"
    )
    whole = (tmp_path / "index" / "skipped-rows.jsonl").read_bytes()
    (tmp_path / "index" / "skipped-rows.jsonl").write_bytes(b"[]\n" + whole)
    with pytest.raises(SpartonError) as caught:
        sparton.index_vectors(folder, tmp_path / "index", skip_bad_rows=True)
    assert str(caught.value) == (
        f"{tmp_path / 'index' / 'skipped-rows.jsonl'} line 1 is damaged: it is a list; expected an object; build the "
        "index again with overwrite=True"
    )
    shutil.rmtree(tmp_path / "index" / "lucene")
    caplog.clear()
    made = sparton.index_vectors(folder, tmp_path / "index", skip_bad_rows=True, index_processes=processes)
    check(tmp_path / "index", made, tmp_path / "good", told, caplog)


def test_without_bad_lines_the_option_changes_nothing(mixed, tmp_path, caplog):
    _, alone, _ = mixed
    caplog.set_level(logging.INFO, logger="sparton")
    without = sparton.index_vectors(alone, tmp_path / "without", index_processes=1)
    report = sparton.index_vectors(alone, tmp_path / "index", skip_bad_rows=True, index_processes=1)
    assert (report.counts, report.skipped, messages(caplog)) == (without.counts, {}, [])
    assert read_content(tmp_path / "index" / "lucene") == read_content(tmp_path / "without" / "lucene")
    assert not (tmp_path / "index" / "skipped-rows.jsonl").exists()
    assert load_manifest(tmp_path / "index").settings == load_manifest(tmp_path / "without").settings
    assert sparton.index_vectors(alone, tmp_path / "index").resumed


def test_a_build_that_was_interrupted_still_knows_what_it_left_out(mixed, tmp_path, caplog, monkeypatch):
    folder, alone, told = mixed
    caplog.set_level(logging.INFO, logger="sparton")
    sparton.index_vectors(alone, tmp_path / "good", index_processes=1)
    build = partial(sparton.index_vectors, folder, tmp_path / "index", skip_bad_rows=True, index_processes=2)
    with monkeypatch.context() as patch:  # when all is indexed and nothing is told
        patch.setattr(lucene_build, "collect_left_out", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build()
    monkeypatch.setattr(lucene_build, "Index", interrupted)  # nothing is indexed again
    with monkeypatch.context() as patch:  # when the Lucene index is in its place
        patch.setattr(IndexBuild, "save_skipped", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build()
    assert load_manifest(tmp_path / "index").stage == ENCODING
    caplog.clear()
    report = build()
    assert report.resumed
    check(tmp_path / "index", report, tmp_path / "good", told, caplog)


def interrupted(*arguments):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "damage",
    [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1] + b"{\n")],
    ids=["lost", "damaged"],
)
def test_what_was_kept_of_left_out_lines_is_missed(mixed, tmp_path, monkeypatch, damage):
    folder, _, _ = mixed
    with monkeypatch.context() as patch:
        patch.setattr(lucene_build, "collect_left_out", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sparton.index_vectors(folder, tmp_path / "index", skip_bad_rows=True)
    damage(next((tmp_path / "index" / "lucene.left-out").iterdir()))
    with pytest.raises(SpartonError) as caught:
        sparton.index_vectors(folder, tmp_path / "index", skip_bad_rows=True)
    assert str(caught.value) == (
        f"{tmp_path / 'index' / 'lucene.left-out'} does not keep what is written to it; see to that disk and run again"
    )
    sparton.index_vectors(folder, tmp_path / "index", skip_bad_rows=True)
    assert load_manifest(tmp_path / "index").stage == COMPLETE


def test_what_was_half_built_with_the_option_is_not_taken_without_it(mixed, tmp_path, monkeypatch):
    folder, _, told = mixed
    with monkeypatch.context() as patch:
        patch.setattr(lucene_build, "collect_left_out", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sparton.index_vectors(folder, tmp_path / "index", skip_bad_rows=True, index_processes=1)
    with pytest.raises(SpartonError) as caught:
        sparton.index_vectors(folder, tmp_path / "index", index_processes=1)
    first = told[0]
    scale = "; lower scale" if first["kind"] == "sum of impacts" else ""
    assert str(caught.value) == (
        f"{first['file']} line {first['line']} {first['found']}{scale}; mend it, or leave out such rows with "
        "skip_bad_rows=True"
    )


def test_indexes_that_are_not_joined_lack_the_same(mixed, tmp_path, caplog):
    folder, alone, told = mixed
    caplog.set_level(logging.INFO, logger="sparton")
    sparton.index_vectors(alone, tmp_path / "good", index_processes=1)
    report = sparton.index_vectors(folder, tmp_path / "index", skip_bad_rows=True, index_processes=2, join=False)
    documents = sum(
        len(read_content(tmp_path / "index" / name).texts) for name in load_manifest(tmp_path / "index").indexes
    )
    assert documents == report.counts.documents == load_manifest(tmp_path / "good").counts.documents
    assert sorted(path.name for path in (tmp_path / "index").iterdir() if not path.name.startswith(".")) == [
        "lucene",
        "skipped-rows.jsonl",
        "sparton.json",
    ]
    written = [json.loads(entry) for entry in (tmp_path / "index" / "skipped-rows.jsonl").read_text().splitlines()]
    assert written == told


@pytest.mark.parametrize("command", [("index-vectors",), ("index", "--from-collection")])
def test_a_command_advises_the_option_and_says_what_it_left_out(tmp_path, run_cli, command):
    path, index = tmp_path / "v.jsonl", tmp_path / "index"
    path.write_bytes(line({"bag": 7}, id="a") + b'[]\n\n{"id": "b", "vector": {"bag": 0.5}}\n' + line({}, id="c"))
    given = (*command, path, "--index", index, "--index-processes", 1)
    ran = run_cli(*given)
    assert (ran.code, ran.stdout, ran.stderr) == (
        1,
        "",
        f"Error: {path} line 2 {EXPECTED} is a list; mend it, or leave out such rows with --skip-bad-rows\n",
    )
    ran = run_cli(*given, "--skip-bad-rows")
    assert (ran.code, ran.stdout) == (
        0,
        f"{index}: 1 document of 4 rows, 1.0 terms a document, 2 left out as unreadable, 1 dropped for having no "
        "term\n",
    )
    assert [line for line in ran.stderr.splitlines() if "left out" in line] == [
        f"left out: {path} line 2 {EXPECTED} is a list",
        f"left out: {path} line 4 gives the term 'bag' the impact 0.5; an impact is an integer from 0 to 2147483647",
        "2 rows are left out: 1 no object, 1 impact",
        f"the rows that are left out are listed in {index}/skipped-rows.jsonl",
    ]
    ran = run_cli(*given, "--skip-bad-rows", "--json")
    assert json.loads(ran.stdout)["rows left out"] == {"no object": 1, "impact": 1}
    assert json.loads(ran.stdout)["counts"]["dropped_bad"] == 2
    ran = run_cli(*given)
    assert (ran.code, ran.stderr) == (
        1,
        f"Error: the index {index} lacks 2 rows that could not be read, for it was made with --skip-bad-rows; give "
        "that again, or mend the rows and replace it with --overwrite\n",
    )
    ran = run_cli(*given, "--skip-bad-rows", "--scale", 100, "--overwrite")
    assert ran.code == 0
    assert load_manifest(index).counts.dropped_bad == 1


def test_a_collection_of_bad_lines_alone_is_nothing_to_index(tmp_path, run_cli):
    path = tmp_path / "v.jsonl"
    path.write_bytes(b"[]\n" * 12)
    ran = run_cli("index-vectors", path, "--index", tmp_path / "index", "--skip-bad-rows")
    assert (ran.code, ran.stderr.splitlines()) == (
        1,
        [
            *(f"left out: {path} line {number} {EXPECTED} is a list" for number in range(1, 11)),
            "12 rows are left out: 12 no object",
            "Error: the collection holds no document, and 12 lines that are no vectors of impacts are left out; "
            "there is nothing to index",
        ],
    )


def test_a_repeated_id_is_refused_by_its_lines_among_bad_ones(mixed, tmp_path):
    folder, _, _ = mixed
    (folder / "d.jsonl").write_bytes(b"[]\n{\n" + line({"bag": 1}, id="twice") + b"[]\n" + line({}, id="twice"))
    path = folder / "d.jsonl"
    for _ in range(2):  # the second goes on from what the first has indexed
        with pytest.raises(SpartonError) as caught:
            sparton.index_vectors(folder, tmp_path / "index", skip_bad_rows=True)
        assert str(caught.value) == (
            f"the id 'twice' stands twice: at {path} line 3 and at {path} line 5; make ids unique"
        )


def test_a_damaged_file_is_refused_all_the_same(mixed, tmp_path):
    folder, _, _ = mixed
    path = folder / "b.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SpartonError, match=f"^{path} cannot be read: .*; mend or remove the file and run again$"):
        sparton.index_vectors(folder, tmp_path / "index", skip_bad_rows=True)
