"""No build mixes with another, whenever it is killed, and what an index holds is what was checked."""

import hashlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sparton
from sparton.errors import SpartonError
from sparton.pipeline.corpus.reader import Corpus
from sparton.pipeline.corpus.survey import survey_all
from sparton.pipeline.encoding.impacts import Impacts
from sparton.pipeline.encoding.saved_batches import SavedBatches
from sparton.storage.manifest import COMPLETE, ENCODED, ENCODING, load_manifest

pytestmark = pytest.mark.slow

# Runs a command again and again, in a process forked off, so that modules load once. Each line that it is given is the
# number of a change of a file system, at which that process ends, as by a kill; it responds with the exit code.
KILLED = """
import os, sys

left = 0

def count(event, arguments):
    global left
    changes = event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir")
    if changes or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
        left -= 1
        if not left:
            os._exit(9)

import pyarrow.dataset, tokenizers, torch, transformers
from sparton import cli
from sparton.jobs import corpus  # what is written while modules load is none of it

log, sys.argv = sys.argv[1], ["sparton", *sys.argv[2:]]
while line := os.read(0, 100):
    child = os.fork()
    if not child:
        with open(log, "wb") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        left = int(line)
        sys.addaudithook(count)
        cli.run()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
STEPS = 10


def contents(folder):
    """The collection's documents, and its counts."""
    lines = [line for path in sorted((folder / "collection").iterdir()) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines], load_manifest(folder).counts


def write(path, name, rows):
    pq.write_table(pa.table({"id": [f"{name}{i}" for i in range(rows)], "text": ["black leather bag"] * rows}), path)
    return path


def test_an_overwrite_that_is_killed_anywhere_ends_with_the_new_documents_alone(static_model, tmp_path):
    old, new = write(tmp_path / "old.parquet", "old", 370), write(tmp_path / "new.parquet", "new", 100)
    folder, before = tmp_path / "out", tmp_path / "before"
    options = {"shard_rows": 40, "model": str(static_model), "lucene": False}
    command = [
        "encode",
        str(new),
        "--output",
        str(folder),
        "--shard-rows",
        "40",
        "--model",
        str(static_model),
        "--overwrite",
    ]
    sparton.build_index(old, before, **options)
    sparton.build_index(new, tmp_path / "expected", **options)
    expected = contents(tmp_path / "expected")
    assert [document["id"] for document in expected[0]] == [f"new{i}" for i in range(100)]
    step = killed = 0
    killer = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "log"), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with killer:
        while True:
            step += 1 + killed // STEPS * 4  # the first steps replace the manifest, and remove what is old
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(before, folder)
            killer.stdin.write(f"{step}\n".encode())
            killer.stdin.flush()
            code = int(killer.stdout.readline())
            assert code in (0, 9), (tmp_path / "log").read_text()
            if not code:
                break
            killed += 1
            sparton.build_index(new, folder, overwrite=True, **options)
            assert contents(folder) == expected, step
    assert killed > STEPS


@pytest.mark.parametrize("stage", [ENCODING, ENCODED, COMPLETE])
@pytest.mark.parametrize("harm", ["cut", "edited", "removed", "marker removed"])
def test_a_part_that_is_not_what_was_written_is_encoded_again(bags, static_model, tmp_path, stage, harm, run_cli):
    folder = tmp_path / "index"
    command = ["index", bags, "--index", folder, "--model", static_model, "--shard-rows", 20, "--json"]
    assert run_cli(*command).code == 0
    expected = contents(folder)
    hits = sparton.Searcher(folder).search("black bag", 60)
    for path in sorted((folder / "lucene").iterdir()):
        path.unlink()
    (folder / "lucene").rmdir()
    load_manifest(folder).at(stage).save(folder)
    part = folder / "collection" / "part-00001.jsonl"
    content = part.read_bytes()
    if harm == "cut":
        part.write_bytes(content[: len(content) // 2])
    elif harm == "edited":
        part.write_bytes(content.replace(b"d20", b"d99"))
    else:
        (part if harm == "removed" else folder / "shards" / "part-00001.json").unlink()
    ran = run_cli(*command)
    assert ran.code == 0, ran.stderr
    assert json.loads(ran.stdout)["encoded"]["rows"] == 20
    assert contents(folder)[0] == expected[0]
    assert contents(folder)[1].documents == 60
    assert load_manifest(folder).stage == COMPLETE
    assert sparton.Searcher(folder).search("black bag", 60) == hits


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
@pytest.mark.parametrize("how", ["replaced", "edited"])
def test_a_corpus_that_changes_while_it_is_read_ends_the_build(
    static_model, tmp_path, suffix, how, monkeypatch, run_cli
):
    def save_as(path, name):
        if suffix == "parquet":
            return write(path, name, 300)
        lines = [f'{{"id": "{name}{i}", "text": "black bag"}}' for i in range(300)]
        if suffix == "csv":
            lines = ["id,text", *(f"{name}{i},black bag" for i in range(300))]
        path.write_text("\n".join(lines) + "\n")
        return path

    corpus, other = save_as(tmp_path / f"a.{suffix}", "a"), save_as(tmp_path / f"b.{suffix}", "b")
    times = os.stat(corpus).st_atime_ns, os.stat(corpus).st_mtime_ns

    def change(*arguments, **named):
        found = survey_all(*arguments, **named)
        if how == "replaced":
            other.replace(corpus)
        else:
            corpus.write_bytes(other.read_bytes())
        os.utime(corpus, ns=times)  # as a copy that keeps times would leave it
        return found

    monkeypatch.setattr("sparton.pipeline.corpus.survey.survey_all", change)
    ran = run_cli("encode", corpus, "--output", tmp_path / "out", "--model", static_model, "--shard-rows", 20)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1] == (
        f"Error: {corpus} was changed or replaced while it was read, so not all of it was checked; leave it as it is "
        "until the command has ended, and run it again"
    )
    monkeypatch.undo()
    assert run_cli("encode", corpus, "--output", tmp_path / "out", "--model", static_model, "--overwrite").code == 0
    assert [document["id"] for document in contents(tmp_path / "out")[0]] == [f"b{i}" for i in range(300)]


def test_a_file_that_is_replaced_between_two_batches_is_noticed(tmp_path):
    path = write(tmp_path / "a.parquet", "a", 5_000)
    corpus = Corpus([path])
    rows = corpus.rows(["id"])
    assert next(rows).numbers[0] == 1
    write(tmp_path / "b.parquet", "b", 5_000).replace(path)
    with pytest.raises(SpartonError, match=r"a\.parquet was changed or replaced while it was read"):
        list(rows)
    path.unlink()
    with pytest.raises(SpartonError, match=r"a\.parquet was removed while it was read"):
        list(corpus.rows(["id"]))


def test_what_was_encoded_of_a_part_is_kept_when_all_is_killed(small_catalog, small_index, tmp_path, monkeypatch):
    """On a CPU; and what comes of it is the same, byte for byte."""
    from sparton.pipeline.encoding import saved_batches

    monkeypatch.setattr(saved_batches, "SECONDS", 0)
    options = {"device": "cpu", "shard_rows": 64, "batch_tokens": 128, "lucene": False}
    sparton.build_index(small_catalog, tmp_path / "whole", **options)
    encoded = []
    fails = {"at": 7}

    class KilledError(Exception):
        pass

    from sparton.pipeline.encoding.encoder import Encoder

    weights = Encoder._weights

    def count(self, tokens, rows):
        encoded.append(len(rows))
        if len(encoded) == fails["at"]:
            raise KilledError
        return weights(self, tokens, rows)

    monkeypatch.setattr(Encoder, "_weights", count)
    with pytest.raises(KilledError):
        sparton.build_index(small_catalog, tmp_path / "out", **options)
    kept = sum(encoded[:-1])
    generation = load_manifest(tmp_path / "out").generation
    assert saved_batches.saved_rows(tmp_path / "out", generation) == kept
    assert not list((tmp_path / "out" / "collection").iterdir())
    encoded.clear()
    fails["at"] = None
    report = sparton.build_index(small_catalog, tmp_path / "out", **options)
    assert sum(encoded) == 64 - kept
    assert report.work.kept == kept
    assert contents(tmp_path / "out")[0] == contents(tmp_path / "whole")[0]
    files = [(folder / "collection" / "part-00000.jsonl").read_bytes() for folder in tmp_path.glob("[wo]*")]
    assert files[0] == files[1]
    assert not list((tmp_path / "out" / "shards").rglob("*.batches"))


def test_saved_batches_that_are_damaged_or_of_another_build_do_not_count(tmp_path):
    rows = np.array([4, 2, 9])
    impacts = Impacts(np.array([0, 2, 2, 3]), np.array([5, 7, 1], np.int32), np.array([3, 1, 8], np.int32))
    saved = SavedBatches(tmp_path, "ab", 3, 10)
    saved.add(rows, impacts)
    saved.add(np.array([1]), Impacts(np.array([0, 0]), np.empty(0, np.int32), np.empty(0, np.int32)))
    saved.save()
    found = SavedBatches(tmp_path, "ab", 3, 10).find(rows)
    assert [(terms.tolist(), values.tolist()) for terms, values in found] == [([5, 7], [3, 1]), ([], []), ([1], [8])]
    assert len(SavedBatches(tmp_path, "ab", 3, 10).find(np.array([1]))) == 1
    assert SavedBatches(tmp_path, "ab", 3, 10).find(np.array([4, 2])) is None
    assert SavedBatches(tmp_path, "cd", 3, 10).find(rows) is None
    assert SavedBatches(tmp_path, "ab", 3, 7).find(rows) is None  # no term 7 in a vocabulary of 7
    (path,) = tmp_path.rglob("*.batches")
    whole = path.read_bytes()
    for cut in range(0, len(whole), 97):
        path.write_bytes(whole[:cut])
        assert SavedBatches(tmp_path, "ab", 3, 10).find(rows) is None
    for offset in range(0, len(whole), 13):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 64]) + whole[offset + 1 :])
        again = SavedBatches(tmp_path, "ab", 3, 10).find(rows)
        assert again is None or np.array_equal(again.values, impacts.values)
    lengths = [4, 2, 3]
    numbers = [[4, 2, 9, 1], [3, 4], [0, 2, 2, 3, 3], [5, 7, 1], [3, 1, 8]]
    path.write_bytes(signed(lengths, *numbers))
    assert SavedBatches(tmp_path, "ab", 3, 10).find(rows) is not None
    for odd in (
        signed(lengths, *numbers[:4], [3, 0, 8]),
        signed(lengths, *numbers[:4], [3, 1, 2**31]),
        signed(lengths, *numbers[:3], [5, -7, 1], numbers[4]),
        signed(lengths, numbers[0], [3, 3], *numbers[2:]),
        signed(lengths, numbers[0], [5, 4], *numbers[2:]),
        signed(lengths, *numbers[:2], [0, 2, 1, 3, 3], *numbers[3:]),
        signed(lengths, *numbers[:2], [1, 2, 2, 3, 3], *numbers[3:]),
        signed([2**62, 2**62, 2**62], *numbers),
        signed([-4, 2, 3], *numbers),
        signed([0, 0, 0], [0]),
        signed([0]),
        signed(),
    ):
        path.write_bytes(odd)
        assert SavedBatches(tmp_path, "ab", 3, 10).find(rows) is None


def signed(*numbers):
    """A file that holds these numbers and their digest."""
    content = np.concatenate([np.empty(0), *numbers]).astype("<i8").tobytes()
    return hashlib.sha256(content).digest() + content
