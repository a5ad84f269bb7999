"""Corpora and indexes on an object store: an S3 server on this machine's loopback."""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

import sparton
from sparton import remote
from sparton.errors import SpartonError, UsageError
from sparton.manifest import COMPLETE, ENCODED, ENCODING
from sparton.mirror import Mirror, open_mirror, stand_in
from sparton.remote import RemoteFolder

pytest.importorskip("moto")
SHARD_ROWS = 20


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The environment that finds the server, which has an empty bucket."""
    command = [sys.executable, "-c", "from moto.server import main; main(['-p', '0', '-H', '127.0.0.1'])"]
    log = tmp_path_factory.mktemp("store") / "log"  # not a pipe, which would fill
    with log.open("wb") as stream:
        server = subprocess.Popen(command, stdout=stream, stderr=stream)
    while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
        assert server.poll() is None, log.read_text()
        time.sleep(0.05)
    address = found[0]
    environment = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield address
    server.kill()
    server.wait()


@pytest.fixture
def bucket(store, tmp_path, monkeypatch):
    """The URI of a bucket of the test's own."""
    name = re.sub(r"[^a-z0-9]", "-", tmp_path.name.lower())[:60].strip("-")
    urllib.request.urlopen(urllib.request.Request(f"{store}/{name}", method="PUT")).close()
    monkeypatch.setenv("SPARTON_SCRATCH", str(tmp_path / "scratch"))
    return f"s3://{name}"


def put(bucket, name, path):
    RemoteFolder(bucket).put(Path(path), name)


def read(bucket, below=""):
    """Everything that can be seen there: {name: bytes}."""
    folder = RemoteFolder(bucket)
    return {name: folder.read(name) for name in folder.files(below)}


def local_parts(folder):
    return {f"index/collection/{path.name}": path.read_bytes() for path in (folder / "collection").iterdir()}


def stage(bucket):
    return re.search(rb'"stage": "(\w+)"', RemoteFolder(bucket).read("index/sparton.json"))[1].decode()


def test_a_corpus_there_and_an_index_there_are_those_of_here(bucket, small_catalog, small_index):
    put(bucket, "corpus/small.parquet", small_catalog)
    report = sparton.build_index(f"{bucket}/corpus", f"{bucket}/index", shard_rows=SHARD_ROWS)
    assert report.index == f"{bucket}/index"
    assert read(bucket, "index/collection") == local_parts(small_index)
    assert stage(bucket) == COMPLETE
    assert not stand_in(f"{bucket}/index", "built").exists()
    here, there = sparton.Searcher(small_index), sparton.Searcher(f"{bucket}/index")
    try:
        for query in ("black leather bag", "red hat", "tote for a laptop"):
            assert there.search(query, 20) == here.search(query, 20)
    finally:
        here.close()
        there.close()
    before = read(bucket)
    again = sparton.build_index(f"{bucket}/corpus", f"{bucket}/index", shard_rows=SHARD_ROWS)
    assert again.counts == report.counts
    assert again.resumed
    assert read(bucket) == before


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_corpus_in_the_index_that_is_written_is_refused(bucket, small_catalog, slash):
    put(bucket, "index/sparton.json", small_catalog)  # whatever it holds
    put(bucket, "index/collection/a.parquet", small_catalog)
    before = read(bucket)
    corpus = f"{bucket}/index/collection/a.parquet"
    with pytest.raises(UsageError) as caught:
        sparton.build_index(corpus, f"{bucket}/index{slash}", overwrite=True)
    assert str(caught.value) == (
        f"the corpus file {corpus} lies in the index folder {bucket}/index{slash}, which is to be written; name "
        "another with --index"
    )
    assert read(bucket) == before


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_other_formats_are_read_there(bucket, tmp_path, suffix):
    texts = {
        "jsonl": '{"id": "a", "text": "red hat"}\n{"id": "b", "text": "blue bag"}\n',
        "csv": "id,text\na,red hat\nb,blue bag\n",
    }
    path = tmp_path / f"corpus.{suffix}"
    path.write_text(texts[suffix])
    put(bucket, path.name, path)
    sparton.build_index(f"{bucket}/{path.name}", tmp_path / "there", lucene=False)
    sparton.build_index(path, tmp_path / "here", lucene=False)
    assert local_parts(tmp_path / "there") == local_parts(tmp_path / "here")


def test_a_put_that_fails_half_way_leaves_no_part_visible(bucket, small_catalog, small_index, monkeypatch):
    class Fails:
        """A file that cannot be read to its end."""

        def __init__(self, stream):
            self._stream, self._left = stream, 1

        def read(self, count):
            if not self._left:
                raise OSError("the disk is gone")
            self._left -= 1
            return self._stream.read(min(count, 1000))

    copy = shutil.copyfileobj
    copied = []

    def failing(source, target, size):
        copied.append(source.name)
        copy(Fails(source) if "part-00002.jsonl" in str(source.name) else source, target, size)

    monkeypatch.setattr(shutil, "copyfileobj", failing)
    monkeypatch.setattr(remote, "_BLOCK", 1000)  # so that a part is more than one put
    with pytest.raises(OSError, match="the disk is gone"):
        sparton.build_index(small_catalog, f"{bucket}/index", shard_rows=SHARD_ROWS, lucene=False)
    assert any("part-00002.jsonl" in str(name) for name in copied)
    seen = read(bucket)
    expected = local_parts(small_index)
    parts = {name: content for name, content in seen.items() if "/collection/" in name}
    assert set(parts) == {f"index/collection/part-{number:05d}.jsonl" for number in range(2)}
    assert all(expected[name] == content for name, content in parts.items())
    assert stage(bucket) == ENCODING
    monkeypatch.undo()


def test_a_build_is_gone_on_with_on_another_machine(bucket, small_catalog, small_index, tmp_path, monkeypatch):
    """After the first two parts; the other machine has nothing but what is in the bucket."""
    puts = []
    put_file = RemoteFolder.put

    def stops(self, source, name):
        if name == "shards/part-00002.json":
            raise KeyboardInterrupt
        puts.append(name)
        put_file(self, source, name)

    monkeypatch.setattr(RemoteFolder, "put", stops)
    with pytest.raises(KeyboardInterrupt):
        sparton.build_index(small_catalog, f"{bucket}/index", shard_rows=SHARD_ROWS)
    monkeypatch.setattr(
        RemoteFolder, "put", lambda self, source, name: (puts.append(name), put_file(self, source, name))
    )
    monkeypatch.setenv("SPARTON_SCRATCH", str(tmp_path / "another"))
    report = sparton.build_index(small_catalog, f"{bucket}/index", shard_rows=SHARD_ROWS)
    assert report.resumed
    assert report.work.kept == 2 * SHARD_ROWS
    assert puts.count("collection/part-00000.jsonl") == puts.count("collection/part-00001.jsonl") == 1
    assert read(bucket, "index/collection") == local_parts(small_index)
    assert stage(bucket) == COMPLETE


def test_an_index_that_was_replaced_is_fetched_anew(bucket, small_catalog, bags):
    sparton.build_index(small_catalog, f"{bucket}/index")
    sparton.Searcher(f"{bucket}/index").close()
    with pytest.raises(SpartonError, match="was made with other settings"):
        sparton.build_index(bags, f"{bucket}/index")
    sparton.build_index(bags, f"{bucket}/index", overwrite=True)
    searcher = sparton.Searcher(f"{bucket}/index")
    try:
        assert len(searcher) == 60
    finally:
        searcher.close()


def test_a_second_run_on_a_finished_index_leaves_it(bucket, small_catalog, monkeypatch):
    """It looked while there was nothing yet, and gets the lock when the first one is done."""
    early = open_mirror(f"{bucket}/index", overwrite=False)
    sparton.build_index(small_catalog, f"{bucket}/index", shard_rows=SHARD_ROWS)
    before = read(bucket)
    monkeypatch.setattr("sparton.build.open_mirror", lambda index, overwrite: early)
    report = sparton.build_index(small_catalog, f"{bucket}/index", shard_rows=SHARD_ROWS)
    assert report.resumed
    assert read(bucket) == before


def test_parts_that_were_left_here_by_other_settings_are_not_taken(bucket, small_catalog, small_index, monkeypatch):
    scratch = os.environ["SPARTON_SCRATCH"]

    def interrupted(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Mirror, "put_lucene", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sparton.build_index(small_catalog, f"{bucket}/index", shard_rows=SHARD_ROWS, scale=50)
    monkeypatch.setenv("SPARTON_SCRATCH", f"{scratch}-of-another-machine")
    sparton.build_index(small_catalog, f"{bucket}/index", shard_rows=SHARD_ROWS, overwrite=True, lucene=False)
    monkeypatch.setenv("SPARTON_SCRATCH", scratch)
    sparton.build_index(small_catalog, f"{bucket}/index", shard_rows=SHARD_ROWS)
    here, there = sparton.Searcher(small_index), sparton.Searcher(f"{bucket}/index")
    try:
        assert there.search("black leather bag", 20) == here.search("black leather bag", 20)
    finally:
        here.close()
        there.close()


def test_an_overwrite_that_was_killed_leaves_no_old_part(bucket, small_catalog, small_index, monkeypatch):
    sparton.build_index(small_catalog, f"{bucket}/index", shard_rows=10, lucene=False, scale=50)
    remove = RemoteFolder.remove

    def killed(self, name):
        if name == "collection":
            raise KeyboardInterrupt
        remove(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(RemoteFolder, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            sparton.build_index(small_catalog, f"{bucket}/index", shard_rows=SHARD_ROWS, overwrite=True, lucene=False)
    sparton.build_index(small_catalog, f"{bucket}/index", shard_rows=SHARD_ROWS, lucene=False)
    assert read(bucket, "index/collection") == local_parts(small_index)


def test_names_may_hold_anything(bucket, small_catalog):
    for name in ("corpus/my file#1?.parquet", "corpus/_log/other.json", "corpus/.hidden.csv"):
        put(bucket, name, small_catalog)
    sparton.build_index(f"{bucket}/corpus", f"{bucket}/corpus/index", lucene=False)
    again = sparton.build_index(f"{bucket}/corpus", f"{bucket}/corpus/index", lucene=False)
    assert again.resumed


def test_sub_indexes_are_found_there(bucket, small_index):
    collection = small_index / "collection"
    sparton.index_collection(collection, f"{bucket}/index", model="tiny", index_processes=2, join=False)
    searcher = sparton.Searcher(f"{bucket}/index")
    try:
        assert searcher.manifest.indexes == ("lucene/0", "lucene/1")
        assert len(searcher) == 64
    finally:
        searcher.close()


def test_a_cluster_shares_an_index_there(bucket, small_catalog, small_index):
    pytest.importorskip("ray")
    sparton.build_index(small_catalog, f"{bucket}/index", shard_rows=SHARD_ROWS, engine="ray")
    assert read(bucket, "index/collection") == local_parts(small_index)
    assert stage(bucket) == COMPLETE


def test_the_commands_take_uris(bucket, small_catalog, run_cli):
    put(bucket, "small.parquet", small_catalog)
    ran = run_cli("encode", f"{bucket}/small.parquet", "--output", f"{bucket}/index")
    assert ran.code == 0
    assert ran.stdout.startswith(f"{bucket}/index: 64 documents")
    assert stage(bucket) == ENCODED
    ran = run_cli("info", "--index", f"{bucket}/index")
    assert ran.stdout.startswith(f"{bucket}/index: encoded")
    ran = run_cli("search", "bag", "--index", f"{bucket}/index")
    assert ran.code == 1
    assert "has its collection but no Lucene index" in ran.stderr


def test_what_is_not_there_is_said_in_a_sentence(bucket, small_catalog, tmp_path, run_cli):
    for arguments, words in (
        (
            ["encode", f"{bucket}/none.parquet", "--output", str(tmp_path / "x")],
            "none.parquet does not exist",
        ),
        (["search", "bag", "--index", f"{bucket}/none"], f"the index {bucket}/none does not exist"),
        (["encode", "what://x/y.parquet", "--output", str(tmp_path / "x")], "what://x/y.parquet cannot be reached"),
    ):
        ran = run_cli(*arguments)
        assert ran.code == 1
        assert words in ran.stderr
        assert ran.stderr.count("\n") == 1
    put(bucket, "index/notes.txt", __file__)
    with pytest.raises(SpartonError, match=r"holds files but no sparton\.json"):
        sparton.build_index(small_catalog, f"{bucket}/index")


def test_a_file_uri_is_a_path(small_catalog, tmp_path):
    report = sparton.build_index(small_catalog.as_uri(), (tmp_path / "index").as_uri(), lucene=False)
    assert report.index == tmp_path / "index"
    assert len(list((tmp_path / "index" / "collection").iterdir())) == 1
