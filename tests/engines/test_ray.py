"""The same bytes from a Ray cluster, whatever happens to its workers."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.lucene_content import read_content
from support.serving import SPARTON

import sparton
from sparton.errors import UsageError
from sparton.storage import manifest
from sparton.storage.manifest import COMPLETE, ENCODED, load_manifest

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.fresh]

ray = pytest.importorskip("ray")
ENCODING, INDEXING = "ray::EncodingActor", "ray::IndexingActor"


@pytest.fixture(scope="module")
def cluster():
    """Two workers of one core each."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def options(static_model):
    """Those of many small parts, for workers to be in the middle of, by a model without torch, which starts quickly."""
    return {"shard_rows": 2, "model": str(static_model)}


@pytest.fixture(scope="module")
def local(catalog, options, tmp_path_factory):
    """What the local engine makes of the catalogue."""
    folder = tmp_path_factory.mktemp("local") / "index"
    sparton.build_index(catalog, folder, **options)
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


def wait_for(condition, seconds=120, pause=0.02):
    until = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < until
        time.sleep(pause)
    return result


def finished(folder):
    return len(list((folder / "shards").glob("*.json")))


def times_of_finished(folder):
    """When each part was written that has a marker."""
    names = [path.stem for path in (folder / "shards").glob("*.json")]
    return {name: (folder / "collection" / f"{name}.jsonl").stat().st_mtime_ns for name in names}


def test_the_index_is_that_of_the_local_engine(cluster, small_catalog, small_index, tmp_path, monkeypatch):
    """Also where corpus and folder are named from where one stands; workers stand elsewhere."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(small_catalog, "corpus.parquet")
    report = sparton.build_index("corpus.parquet", "index", shard_rows=20, engine="ray")
    assert parts(tmp_path / "index") == parts(small_index)
    assert read_content(tmp_path / "index" / "lucene") == read_content(small_index / "lucene")
    assert report.counts == load_manifest(small_index).counts
    assert load_manifest(tmp_path / "index").stage == COMPLETE
    assert load_manifest(tmp_path / "index").settings == load_manifest(small_index).settings


def test_rows_that_a_program_gives_are_read_by_every_worker(cluster, small_catalog, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {**options, "shard_rows": 20, "lucene": False, "prune_ratio": 0.3, "prune_mass": 0.9, "min_impact": 20}
    sparton.build_index(small_catalog, "local", **options)
    sparton.build_index(pq.read_table(small_catalog), "index", engine="ray", **options)
    assert parts(tmp_path / "index") == parts(tmp_path / "local")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "local"]


def test_workers_that_are_killed_cost_only_time(cluster, catalog, options, local, tmp_path):
    """One that encodes and one that indexes, each while there is work left for it."""
    index, errors = tmp_path / "index", []

    def build():
        try:
            sparton.build_index(catalog, index, engine="ray", **options)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=build)
    thread.start()
    encoding = wait_for(lambda: len(found := processes(ENCODING)) == 2 and found)
    wait_for(lambda: finished(index) >= 3, pause=0.001)
    for pid in encoding:
        os.kill(pid, signal.SIGSTOP)
    try:
        before = times_of_finished(index)
        assert 3 <= len(before) < len(parts(local))
        os.kill(wait_for(lambda: processes(INDEXING))[0], signal.SIGKILL)
        os.kill(encoding[0], signal.SIGKILL)
    finally:
        os.kill(encoding[1], signal.SIGCONT)
    thread.join(180)
    assert not thread.is_alive()
    assert not errors
    assert parts(index) == parts(local)
    assert read_content(index / "lucene") == read_content(local / "lucene")
    # What had been committed is as it was: none of it was encoded twice.
    after = times_of_finished(index)
    assert {name: after[name] for name in before} == before


def test_a_cluster_that_is_killed_whole_is_gone_on_from(catalog, options, local, tmp_path):
    index = tmp_path / "index"
    command = [*SPARTON, "encode", catalog, "--output", str(index), "--model", options["model"]]
    command += ["--shard-rows", str(options["shard_rows"]), "--engine", "ray", "--json"]
    running = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_for(lambda: finished(index) >= 2, pause=0.001)
    finally:
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal() and session_of(int(folder.name)) == running.pid:
                os.kill(int(folder.name), signal.SIGKILL)
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


def test_no_cluster_at_an_address(bags, tmp_path, run_cli):
    """Only who looks for one needs a process without the cluster of the other tests."""
    command = ["encode", str(bags), "--output", str(tmp_path / "index"), "--address"]
    for options, words in (
        (["auto"], "--address is 'auto', which --engine local does not take; give --engine ray too"),
        (["ray://127.0.0.1:9", "--engine", "ray"], "expected auto, or host:port of the head"),
    ):
        ran = run_cli(*command, *options)
        assert ran.code == 2
        assert words in ran.stderr
    looked = [*SPARTON, *command, "127.0.0.1:9", "--engine", "ray"]
    ran = subprocess.run(looked, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "there is no Ray cluster at '127.0.0.1:9' (" in ran.stderr
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


def test_a_jvm_of_this_process_keeps_its_handlers_of_faults(light_index):
    """Without them the next null pointer in Java ends the process."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", FAULTS, str(light_index)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
