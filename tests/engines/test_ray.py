"""The same bytes from a Ray cluster, whatever happens to its workers."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.lucene_content import read_content
from support.serving import SPARTON

import sparton
from sparton.errors import UsageError
from sparton.storage import manifest
from sparton.storage.manifest import COMPLETE, ENCODED, load_manifest

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.fresh]

ray = pytest.importorskip("ray")
# Enough for a worker to be in the middle of.
SHARD_ROWS = 40
ENCODING, INDEXING = "ray::_Encoding", "ray::_Indexing"


@pytest.fixture(scope="module")
def cluster():
    """Two workers of one core each."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def local(catalog, tmp_path_factory):
    """What the local engine makes of the catalogue."""
    folder = tmp_path_factory.mktemp("local") / "index"
    sparton.build_index(catalog, folder, shard_rows=SHARD_ROWS, device="cpu")
    return folder


def parts(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "collection").iterdir())}


def processes(name):
    """The numbers of the processes below this one that call themselves so: Ray names each by what it runs."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            named = folder.name.isdecimal() and (folder / "cmdline").read_bytes().startswith(name.encode())
            if named and os.getpid() in ancestors(int(folder.name)):
                found.append(int(folder.name))
        except OSError:
            continue  # it has ended
    return found


def ancestors(pid):
    """The processes above one. Raises OSError for one that has ended."""
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        yield pid


def wait_for(condition, seconds=120):
    until = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return result


def finished(folder):
    return len(list((folder / "shards").glob("*.json")))


def test_the_index_is_that_of_the_local_engine(cluster, catalog, local, tmp_path):
    report = sparton.build_index(catalog, tmp_path / "index", shard_rows=SHARD_ROWS, engine="ray")
    assert parts(tmp_path / "index") == parts(local)
    assert read_content(tmp_path / "index" / "lucene") == read_content(local / "lucene")
    assert report.counts == load_manifest(local).counts
    assert load_manifest(tmp_path / "index").stage == COMPLETE
    assert load_manifest(tmp_path / "index").settings == load_manifest(local).settings


@pytest.mark.parametrize("name", [ENCODING, INDEXING])
def test_a_worker_that_is_killed_costs_only_time(cluster, catalog, local, tmp_path, name):
    index, errors = tmp_path / "index", []

    def build():
        try:
            sparton.build_index(catalog, index, shard_rows=SHARD_ROWS, engine="ray")
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=build)
    thread.start()
    wait_for(lambda: finished(index) >= 3 and processes(name))
    before = {path.name: path.stat().st_mtime_ns for path in (index / "collection").glob("*.jsonl")}
    victim = processes(name)[0]
    assert finished(index) < len(parts(local))
    os.kill(victim, signal.SIGKILL)
    thread.join(180)
    assert not thread.is_alive()
    assert not errors
    assert parts(index) == parts(local)
    assert read_content(index / "lucene") == read_content(local / "lucene")
    # What had been committed is as it was: none of it was encoded twice.
    after = {path.name: path.stat().st_mtime_ns for path in (index / "collection").glob("*.jsonl")}
    marked = {name for name in before if (index / "shards" / f"{Path(name).stem}.json").is_file()}
    assert marked
    assert all(after[name] == before[name] for name in before)


def test_a_cluster_that_is_killed_whole_is_gone_on_from(catalog, local, tmp_path):
    index = tmp_path / "index"
    command = [*SPARTON, "encode", catalog, "--output", str(index)]
    command += ["--shard-rows", str(SHARD_ROWS), "--engine", "ray", "--json"]
    running = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_for(lambda: finished(index) >= 2)
    finally:
        for place in Path("/proc").iterdir():
            if place.name.isdecimal() and session_of(int(place.name)) == running.pid:
                os.kill(int(place.name), signal.SIGKILL)
        running.communicate()
    kept = finished(index)
    assert load_manifest(index).stage == manifest.ENCODING
    assert kept < len(parts(local))
    done = subprocess.run(command, capture_output=True, check=True)
    assert load_manifest(index).stage == ENCODED
    assert parts(index) == parts(local)
    assert b"Traceback" not in done.stderr


def session_of(pid):
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def test_an_error_in_a_worker_is_one_sentence(cluster, write_parquet, tmp_path):
    corpus = write_parquet(tmp_path / "c.parquet", id=["a", "b"], text=["one", "two"])
    with pytest.raises(UsageError, match=r"^device is 'cuda:1' with engine='ray', .*expected auto, cuda or cpu"):
        sparton.build_index(corpus, tmp_path / "index", device="cuda:1", engine="ray")
    with pytest.raises(sparton.SpartonError) as caught:
        sparton.build_index(corpus, tmp_path / "index", model="no/such/model-here", engine="ray")
    assert "no/such/model-here" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_folder_may_be_named_from_where_one_stands(cluster, bags, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(bags, "corpus.parquet")
    sparton.build_index("corpus.parquet", "index", engine="ray")
    searcher = sparton.Searcher("index")
    try:
        assert searcher.search("red leather bag", 1)
    finally:
        searcher.close()


def test_no_cluster_at_an_address(bags, tmp_path):
    command = [*SPARTON, "encode", str(bags), "--output", str(tmp_path / "index"), "--address"]
    for options, code, words in (
        (["auto"], 2, "--address is 'auto', which --engine local does not take; give --engine ray too"),
        (["127.0.0.1:9", "--engine", "ray"], 1, "there is no Ray cluster at '127.0.0.1:9' ("),
        (["ray://127.0.0.1:9", "--engine", "ray"], 2, "expected auto, or host:port of the head"),
    ):
        ran = subprocess.run([*command, *options], capture_output=True, text=True)
        assert ran.returncode == code
        assert words in ran.stderr
        assert "Traceback" not in ran.stderr


FAULTS = """
import ctypes, signal, sys
from contextlib import closing
import sparton
from sparton.engines.ray_cluster import Cluster

def handlers():
    found = {}
    for fault in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL):
        action = ctypes.create_string_buffer(512)
        ctypes.CDLL(None).sigaction(fault, None, action)
        found[fault] = action.raw[: ctypes.sizeof(ctypes.c_void_p)]
    return found

searcher = sparton.Searcher(sys.argv[1])
before, hits = handlers(), searcher.search("black leather bag", 50)
assert any(before[signal.SIGSEGV]), "the JVM has no handler"
with closing(Cluster(None)):
    assert handlers() == before
    assert searcher.search("black leather bag", 50) == hits
assert handlers() == before
assert searcher.search("black leather bag", 50) == hits
"""


def test_a_jvm_of_this_process_keeps_its_handlers_of_faults(local):
    """Without them the next null pointer in Java ends the process."""
    done = subprocess.run([sys.executable, "-P", "-c", FAULTS, str(local)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
