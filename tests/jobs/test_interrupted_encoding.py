"""Encoding that is stopped from outside: one sentence, nothing finished is lost, and the same command goes on."""

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

ENCODE = [*SPARTON, "encode"]
# Big enough that it is still going on when the first part is finished.
ROWS, SHARD_ROWS = 1_500, 50


@pytest.fixture
def corpus(tmp_path, write_parquet):
    texts = [f"{('black', 'red', 'tan')[i % 3]} leather bag number {i}" for i in range(ROWS)]
    return write_parquet(tmp_path / "bags.parquet", id=[f"d{i}" for i in range(ROWS)], text=texts)


def command(corpus, *options):
    return [*ENCODE, str(corpus), "--output", str(corpus.with_name("out")), "--shard-rows", str(SHARD_ROWS), *options]


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


@pytest.mark.parametrize("device", ["cpu", "cpu:0,cpu:1"])
def test_ctrl_c_ends_with_a_sentence_and_leaves_no_process(corpus, device):
    process = subprocess.Popen(
        command(corpus, "--device", device), stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed_ctrl_c
    )
    while not finished(corpus):
        assert process.poll() is None
        time.sleep(0.01)
    helpers = children(process.pid)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == b""
    sentence = error.decode().splitlines()[-1]
    done = len(finished(corpus))
    kept = SHARD_ROWS * done + saved(corpus)
    assert sentence == f"sparton: stopped; {kept:,} rows are encoded and kept, and the same command goes on from there"
    assert not [pid for pid in helpers if alive(pid)]
    assert 0 < done < ROWS // SHARD_ROWS
    again = subprocess.run(command(corpus, "--device", device, "--json"), capture_output=True, text=True, check=True)
    assert f'"encoded": {{"rows": {ROWS - kept}, ' in again.stdout


def test_a_full_disk_ends_with_a_sentence_and_keeps_what_fits(corpus):
    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    subprocess.run(command(corpus), check=True, capture_output=True)
    truth = bytes_of(corpus.with_name("out"))
    assert max(map(len, truth.values())) < 200_000
    corpus.with_name("out").rename(corpus.with_name("whole"))
    # With half the rows a part fits, with all of them none does.
    full = subprocess.run(command(corpus), preexec_fn=little_room, capture_output=True, text=True, check=False)
    assert full.returncode == 1
    sentence = full.stderr.splitlines()[-1]
    assert "File too large" in sentence
    assert sentence.endswith("; no row was encoded and saved yet")
    assert "Traceback" not in full.stderr
    assert not list((corpus.with_name("out") / "collection").iterdir())
    subprocess.run(command(corpus), check=True, capture_output=True)
    assert bytes_of(corpus.with_name("out")) == truth


def test_a_folder_that_cannot_be_made_is_a_sentence(corpus):
    done = subprocess.run(
        [*ENCODE, str(corpus), "--output", "/proc/sparton"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("sparton: /proc/sparton: ")
    assert "Traceback" not in done.stderr


def test_nothing_finished_is_lost_when_everything_is_killed(corpus):
    for _ in range(2):
        process = subprocess.Popen(
            command(corpus, "--device", "cpu:0,cpu:1"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        before = len(finished(corpus))
        while len(finished(corpus)) < before + 3:
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done = len(finished(corpus))
    last = subprocess.run(command(corpus, "--json"), capture_output=True, text=True, check=True)
    assert '"resumed": true, ' in last.stdout
    assert f'"encoded": {{"rows": {ROWS - SHARD_ROWS * done}, ' in last.stdout
    other = corpus.with_name("other")
    subprocess.run([*ENCODE, str(corpus), "--output", str(other), "--shard-rows", str(SHARD_ROWS)], check=True)
    assert bytes_of(corpus.with_name("out")) == bytes_of(other)
