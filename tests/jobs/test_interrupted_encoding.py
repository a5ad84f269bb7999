"""Encoding that is stopped from outside: one sentence, nothing finished is lost, and the same command goes on."""

import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.serving import SPARTON

from sparton.pipeline.encoding.saved_batches import saved_rows
from sparton.storage.manifest import load_manifest

pytestmark = pytest.mark.slow

# Big enough that it is still going on when the first part is finished.
ROWS, SHARD_ROWS = 300, 20


@pytest.fixture
def make_corpus(tmp_path, write_parquet):
    """Write so many rows; return the path."""

    def make(rows):
        texts = [f"{('black', 'red', 'tan')[i % 3]} leather bag number {i}" for i in range(rows)]
        return write_parquet(tmp_path / "bags.parquet", id=[f"d{i}" for i in range(rows)], text=texts)

    return make


@pytest.fixture
def corpus(make_corpus):
    return make_corpus(ROWS)


def arguments(corpus, *options, shard_rows=SHARD_ROWS, output="out"):
    """What a command is given; to start it as a process, or to run it here, which takes no seconds to start."""
    return ["encode", str(corpus), "--output", str(corpus.with_name(output)), "--shard-rows", str(shard_rows), *options]


def command(corpus, *options, **more):
    return [*SPARTON, *arguments(corpus, *options, **more)]


def finished(corpus):
    return sorted(path.name for path in (corpus.with_name("out") / "shards").glob("*.json"))


def saved(corpus):
    folder = corpus.with_name("out")
    return saved_rows(folder, load_manifest(folder).generation)


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in (folder / "collection").iterdir()}


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def heed_ctrl_c():
    """Whoever runs the tests in the background may have it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("device", "rows"), [("cpu", 300), ("cpu:0,cpu:1", 5_000)])
def test_ctrl_c_ends_with_a_sentence_and_leaves_no_process(make_corpus, static_model, device, rows, run_cli):
    """Several processes have a model without torch, with which they start quickly and encode more."""
    corpus = make_corpus(rows)
    options = ["--device", device, *(["--model", str(static_model)] if "," in device else [])]
    process = subprocess.Popen(
        command(corpus, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed_ctrl_c
    )
    while not finished(corpus):
        assert process.poll() is None
        time.sleep(0.01)
    started = children(process.pid)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == b""
    sentence = error.decode().splitlines()[-1]
    done = len(finished(corpus))
    kept = SHARD_ROWS * done + saved(corpus)
    assert sentence == f"sparton: stopped; {kept:,} rows are encoded and kept, and the same command goes on from there"
    assert not [pid for pid in started if alive(pid)]
    assert 0 < done < rows // SHARD_ROWS
    again = run_cli(*arguments(corpus, *options, "--json"))
    assert f'"encoded": {{"rows": {rows - kept}, ' in again.stdout


def test_a_full_disk_ends_with_a_sentence_and_keeps_what_fits(make_corpus, static_model, run_cli):
    corpus, model = make_corpus(300), ("--model", str(static_model))

    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    assert run_cli(*arguments(corpus, *model, shard_rows=100)).code == 0
    truth = bytes_of(corpus.with_name("out"))
    assert min(map(len, truth.values())) > 10_000
    corpus.with_name("out").rename(corpus.with_name("whole"))
    # With half the rows a part fits, with all of them none does.
    full = subprocess.run(
        command(corpus, *model, shard_rows=100), preexec_fn=little_room, capture_output=True, text=True, check=False
    )
    assert full.returncode == 1
    sentence = full.stderr.splitlines()[-1]
    assert "File too large" in sentence
    assert sentence.endswith("; no row was encoded and saved yet")
    assert "Traceback" not in full.stderr
    assert not list((corpus.with_name("out") / "collection").iterdir())
    assert run_cli(*arguments(corpus, *model, shard_rows=100)).code == 0
    assert bytes_of(corpus.with_name("out")) == truth


def test_a_folder_that_cannot_be_made_is_a_sentence(corpus, run_cli):
    ran = run_cli("encode", corpus, "--output", "/proc/sparton")
    assert ran.code == 2
    assert ran.stderr == (
        "Error: --output is /proc/sparton, and nothing can be written to the folder /proc (No such file or "
        "directory); name another folder\n"
    )


def test_nothing_finished_is_lost_when_everything_is_killed(make_corpus, static_model, run_cli):
    """By a model without torch, whose processes start quickly, and many small parts."""
    rows, shard_rows = 1_200, 3
    corpus = make_corpus(rows)
    options = "--model", str(static_model)
    for _ in range(2):
        process = subprocess.Popen(
            command(corpus, *options, "--device", "cpu:0,cpu:1", shard_rows=shard_rows),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        before = len(finished(corpus))
        while len(finished(corpus)) < before + 3:
            assert process.poll() is None
            time.sleep(0.01)
        started = children(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        while any(map(alive, started)):
            time.sleep(0.01)
    done = len(finished(corpus))
    assert done < rows // shard_rows
    last = run_cli(*arguments(corpus, *options, "--json", shard_rows=shard_rows))
    assert json.loads(last.stdout)["resumed"]
    assert json.loads(last.stdout)["encoded"]["rows"] == rows - shard_rows * done
    assert run_cli(*arguments(corpus, *options, shard_rows=shard_rows, output="other")).code == 0
    assert bytes_of(corpus.with_name("out")) == bytes_of(corpus.with_name("other"))
