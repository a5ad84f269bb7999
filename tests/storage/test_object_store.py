"""Corpora and indexes on an object store: an S3 server on this machine's loopback."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from support.exported import files_of
from support.serving import SPARTON
from support.updates import FIELDS, Catalogue, build, found, make, searched, write_rows

import sparton
from sparton.errors import SpartonError, UsageError
from sparton.pipeline.model.files import find_model
from sparton.search.check import check_index
from sparton.search.stats import index_stats
from sparton.storage import remote
from sparton.storage.generations import named_files
from sparton.storage.index_location import open_index_location
from sparton.storage.manifest import COMPLETE, ENCODED, ENCODING, load_manifest, parse_manifest
from sparton.storage.remote import RemoteFolder
from sparton.storage.staging import StagedIndex, staging_folder

pytestmark = pytest.mark.slow

pytest.importorskip("moto")
SHARD_ROWS = 20
SMALL = {"shard_rows": 40, "index_processes": 1, "heap_mb": 128}

# Moto looks at every folder of its services, twice a request, which is half of what a request takes; and the server
# under it logs each.
SERVER = """
from moto import backends
from werkzeug.serving import WSGIRequestHandler

services = tuple(backends.list_of_moto_modules())
backends.list_of_moto_modules = lambda: services
WSGIRequestHandler.log_request = lambda *_: None
from moto.server import main

main(["-p", "0", "-H", "127.0.0.1"])
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The environment that finds the server, which has an empty bucket."""
    command = [sys.executable, "-c", SERVER]
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


@pytest.fixture(scope="module")
def options(static_model):
    """Those of `light_index`, by a model without torch: these tests are about where files are."""
    return {"model": str(static_model), "shard_rows": SHARD_ROWS}


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


def test_a_corpus_there_and_an_index_there_are_those_of_here(bucket, small_catalog, options, light_index):
    put(bucket, "corpus/small.parquet", small_catalog)
    report = sparton.build_index(f"{bucket}/corpus", f"{bucket}/index", **options)
    assert report.index == f"{bucket}/index"
    assert read(bucket, "index/collection") == local_parts(light_index)
    assert stage(bucket) == COMPLETE
    assert not staging_folder(f"{bucket}/index", "built").exists()
    local, remote = sparton.Searcher(light_index), sparton.Searcher(f"{bucket}/index")
    try:
        for query in ("black leather bag", "red hat", "tote for a laptop"):
            assert remote.search(query, 20) == local.search(query, 20)
    finally:
        local.close()
        remote.close()
    before = read(bucket)
    again = sparton.build_index(f"{bucket}/corpus", f"{bucket}/index", **options)
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
        "another with index"
    )
    assert read(bucket) == before


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_other_formats_are_read_there(bucket, tmp_path, options, suffix):
    texts = {
        "jsonl": '{"id": "a", "text": "red hat"}\n{"id": "b", "text": "blue bag"}\n',
        "csv": "id,text\na,red hat\nb,blue bag\n",
    }
    path = tmp_path / f"corpus.{suffix}"
    path.write_text(texts[suffix])
    put(bucket, path.name, path)
    sparton.build_index(f"{bucket}/{path.name}", tmp_path / "remote", lucene=False, **options)
    sparton.build_index(path, tmp_path / "local", lucene=False, **options)
    assert local_parts(tmp_path / "remote") == local_parts(tmp_path / "local")


def test_a_put_that_fails_half_way_leaves_no_part_visible(bucket, small_catalog, options, light_index, monkeypatch):
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
        sparton.build_index(small_catalog, f"{bucket}/index", lucene=False, **options)
    assert any("part-00002.jsonl" in str(name) for name in copied)
    seen = read(bucket)
    expected = local_parts(light_index)
    parts = {name: content for name, content in seen.items() if "/collection/" in name}
    assert set(parts) == {f"index/collection/part-{number:05d}.jsonl" for number in range(2)}
    assert all(expected[name] == content for name, content in parts.items())
    assert stage(bucket) == ENCODING
    monkeypatch.undo()


def test_a_build_is_gone_on_with_on_another_machine(bucket, small_catalog, options, light_index, tmp_path, monkeypatch):
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
        sparton.build_index(small_catalog, f"{bucket}/index", **options)
    monkeypatch.setattr(
        RemoteFolder, "put", lambda self, source, name: (puts.append(name), put_file(self, source, name))
    )
    monkeypatch.setenv("SPARTON_SCRATCH", str(tmp_path / "another"))
    report = sparton.build_index(small_catalog, f"{bucket}/index", **options)
    assert report.resumed
    assert report.work.kept == 2 * SHARD_ROWS
    assert puts.count("collection/part-00000.jsonl") == puts.count("collection/part-00001.jsonl") == 1
    assert read(bucket, "index/collection") == local_parts(light_index)
    assert stage(bucket) == COMPLETE


def test_an_index_that_was_replaced_is_fetched_anew(bucket, small_catalog, bags, options):
    sparton.build_index(small_catalog, f"{bucket}/index", **options)
    sparton.Searcher(f"{bucket}/index").close()
    with pytest.raises(SpartonError, match="was made with other settings"):
        sparton.build_index(bags, f"{bucket}/index", **options)
    sparton.build_index(bags, f"{bucket}/index", overwrite=True, **options)
    searcher = sparton.Searcher(f"{bucket}/index")
    try:
        assert len(searcher) == 60
    finally:
        searcher.close()


def test_a_second_run_on_a_finished_index_leaves_it(bucket, small_catalog, options, monkeypatch):
    """It looked while there was nothing yet, and gets the lock when the first one is done."""
    early = open_index_location(f"{bucket}/index", overwrite=False)
    sparton.build_index(small_catalog, f"{bucket}/index", **options)
    before = read(bucket)
    monkeypatch.setattr("sparton.jobs.corpus.open_index_location", lambda index, overwrite: early)
    report = sparton.build_index(small_catalog, f"{bucket}/index", **options)
    assert report.resumed
    assert read(bucket) == before


def test_parts_that_were_left_here_by_other_settings_are_not_taken(
    bucket, small_catalog, options, light_index, monkeypatch
):
    scratch = os.environ["SPARTON_SCRATCH"]

    def interrupted(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StagedIndex, "put_lucene", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sparton.build_index(small_catalog, f"{bucket}/index", scale=50, **options)
    monkeypatch.setenv("SPARTON_SCRATCH", f"{scratch}-of-another-machine")
    sparton.build_index(small_catalog, f"{bucket}/index", overwrite=True, lucene=False, **options)
    monkeypatch.setenv("SPARTON_SCRATCH", scratch)
    sparton.build_index(small_catalog, f"{bucket}/index", **options)
    local, remote = sparton.Searcher(light_index), sparton.Searcher(f"{bucket}/index")
    try:
        assert remote.search("black leather bag", 20) == local.search("black leather bag", 20)
    finally:
        local.close()
        remote.close()


def test_an_overwrite_that_was_killed_leaves_no_old_part(bucket, small_catalog, options, light_index, monkeypatch):
    sparton.build_index(small_catalog, f"{bucket}/index", lucene=False, scale=50, **{**options, "shard_rows": 10})
    remove = RemoteFolder.remove

    def killed(self, name):
        if name == "collection":
            raise KeyboardInterrupt
        remove(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(RemoteFolder, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            sparton.build_index(small_catalog, f"{bucket}/index", overwrite=True, lucene=False, **options)
    sparton.build_index(small_catalog, f"{bucket}/index", lucene=False, **options)
    assert read(bucket, "index/collection") == local_parts(light_index)


def test_names_may_hold_anything(bucket, small_catalog, options):
    for name in ("corpus/my file#1?.parquet", "corpus/_log/other.json", "corpus/.hidden.csv"):
        put(bucket, name, small_catalog)
    sparton.build_index(f"{bucket}/corpus", f"{bucket}/corpus/index", lucene=False, **options)
    again = sparton.build_index(f"{bucket}/corpus", f"{bucket}/corpus/index", lucene=False, **options)
    assert again.resumed


def test_sub_indexes_are_found_there(bucket, small_index):
    collection = small_index / "collection"
    sparton.index_vectors(collection, f"{bucket}/index", model="small", index_processes=2, join=False)
    searcher = sparton.Searcher(f"{bucket}/index")
    try:
        assert searcher.manifest.indexes == ("lucene/0", "lucene/1")
        assert len(searcher) == 64
    finally:
        searcher.close()


def test_a_seismic_index_is_kept_there_and_renewed(bucket, tmp_path):
    pytest.importorskip("seismic")
    lines = [json.dumps({"id": f"d{i:02}", "vector": {"a": 1 + i, "b": 60 - i, f"t{i}": 9}}) for i in range(60)]
    (tmp_path / "v.jsonl").write_text("\n".join(lines))
    index, terms = f"{bucket}/index", {"a": 5, "t7": 30}
    sparton.index_vectors(tmp_path / "v.jsonl", index)
    with closing(sparton.Searcher(index)) as exact:
        expected = exact.search_terms(terms, 5)
    with pytest.raises(
        SpartonError, match=f"^the index {index} has no Seismic index, .* `sparton compact {index} --also"
    ):
        sparton.Searcher(index, search_with="seismic")
    sparton.index_vectors(tmp_path / "v.jsonl", index, also="seismic")
    assert len(read(bucket, "index/seismic")) == 2
    with closing(sparton.Searcher(index, search_with="seismic")) as quick:
        assert quick.search_terms(terms, 5) == expected
        sparton.delete_documents(index, expected[0].id)
        assert read(bucket, "index/seismic") == {}
        with pytest.raises(SpartonError, match=f"^the Seismic index of {index} is of generation 0 and the index of"):
            quick.renewed()
        sparton.compact_index(index, also="seismic")
        sparton.delete_documents(index, expected[1].id, also="seismic")
        assert len(read(bucket, "index/seismic")) == 2
        with closing(quick.renewed()) as newer, closing(sparton.Searcher(index)) as exact:
            assert newer.search_terms(terms, 58) == exact.search_terms(terms, 58)
            assert expected[2].id == newer.search_terms(terms, 1)[0].id


def test_a_bm25_index_is_kept_there_and_renewed(bucket, tmp_path):
    also = ["bm25"]
    words = ["red", "bag", "shoe", "hat", "green"]
    texts = {f"d{i:02}": " ".join(words[j] for j in range(5) if i * 7 % 31 >> j & 1) for i in range(60)}
    lines = [json.dumps({"id": name, "vector": {"a": 7}, "contents": text}) for name, text in texts.items()]
    (tmp_path / "v.jsonl").write_text("\n".join(lines))
    index = f"{bucket}/index"
    sparton.index_vectors(tmp_path / "v.jsonl", index)
    with pytest.raises(SpartonError, match=f"^the index {index} has no BM25 index, .* `sparton compact {index} --also"):
        sparton.Searcher(index, search_with="bm25")
    sparton.index_vectors(tmp_path / "v.jsonl", index, also=also)
    sparton.index_vectors(tmp_path / "v.jsonl", tmp_path / "local", also=also)
    first = read(bucket, "index/bm25")

    def found(place):
        with closing(sparton.Searcher(place, search_with="bm25")) as searcher:
            return [(hit.id, hit.score, hit.text) for hit in searcher.search("red hats", 60)]

    expected = found(tmp_path / "local")
    assert found(index) == expected
    assert len(expected) > 20
    sparton.index_vectors(tmp_path / "v.jsonl", index, also=also)  # it is there
    assert read(bucket, "index/bm25") == first
    gone = [expected[0][0], expected[3][0]]
    for place in (index, tmp_path / "local"):
        sparton.delete_documents(place, gone[0])
    assert read(bucket, "index/bm25") == {}
    with pytest.raises(SpartonError, match=f"^the BM25 index of {index} is of generation 0 and the index of"):
        sparton.Searcher(index, search_with="bm25")
    for place in (index, tmp_path / "local"):
        sparton.compact_index(place, also=also)
        sparton.delete_documents(place, gone[1], also=also)
    assert found(index) == found(tmp_path / "local")
    assert {name for name, *_ in found(index)} == {name for name, *_ in expected} - {*gone}
    assert len({name.split("/")[2] for name in read(bucket, "index/bm25")}) == 1


def test_lines_that_are_left_out_are_listed_there(bucket, tmp_path):
    path = tmp_path / "v.jsonl"
    path.write_text('{"id": "a", "vector": {"bag": 7}}\n[]\n')
    report = sparton.index_vectors(path, f"{bucket}/index", skip_bad_rows=True, index_processes=1)
    assert (report.counts.documents, report.skipped) == (1, {"no object": 1})
    found = 'is not {"id": …, "vector": {term: impact}}: it is a list'
    written = json.loads(RemoteFolder(bucket).read("index/skipped-rows.jsonl"))
    assert written == {"file": str(path), "line": 2, "kind": "no object", "found": found}
    assert {name.split("/")[1] for name in read(bucket, "index")} == {"lucene", "skipped-rows.jsonl", "sparton.json"}
    again = sparton.index_vectors(path, f"{bucket}/index", skip_bad_rows=True)
    assert (again.resumed, again.counts) == (True, report.counts)


@pytest.mark.cluster
def test_a_cluster_shares_an_index_there(bucket, small_catalog, options, light_index):
    pytest.importorskip("ray")
    sparton.build_index(small_catalog, f"{bucket}/index", engine="ray", **options)
    assert read(bucket, "index/collection") == local_parts(light_index)
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


def test_an_index_there_is_counted_as_here(bucket, bags, static_model, tmp_path, run_cli):
    for index in (f"{bucket}/index", tmp_path / "index"):
        sparton.build_index(bags, index, model=str(static_model), index_processes=1)
    here = index_stats(tmp_path / "index")
    assert index_stats(f"{bucket}/index") == replace(here, index=f"{bucket}/index", collection=None)
    ran = run_cli("stats", f"{bucket}/index")
    assert ran.stdout.startswith(f"{bucket}/index: 60 documents, {here.terms} terms, {here.postings} postings\n")
    assert "bytes of collection" not in ran.stdout


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


def test_a_file_uri_is_a_path(small_catalog, options, tmp_path):
    report = sparton.build_index(small_catalog.as_uri(), (tmp_path / "index").as_uri(), lucene=False, **options)
    assert report.index == tmp_path / "index"
    assert len(list((tmp_path / "index" / "collection").iterdir())) == 4


def with_keys(store, bucket, more=""):
    """A URI of the bucket that brings keys and the store's address."""
    return f"s3://{KEY}:{SECRET.replace('/', '%2F')}@{bucket[5:]}{more}?endpoint_override={store[7:]}&scheme=http"


KEY, SECRET = "AKIDEXAMPLE7", "wJalrXUtnF/MIK7MDENG+PxRf"


def test_keys_of_a_uri_are_neither_printed_nor_recorded(
    store, bucket, small_catalog, static_model, light_index, run_cli, monkeypatch
):
    """Of an index that is built, resumed, looked at and searched with them."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    put(with_keys(store, bucket), "corpus/small.parquet", small_catalog)
    corpus, index = with_keys(store, bucket, "/corpus"), with_keys(store, bucket, "/index")
    options = ["--shard-rows", SHARD_ROWS, "--model", static_model]
    printed = []
    for command in (
        ["encode", corpus, "--output", index, *options],
        ["index", corpus, "--index", index, *options, "--json"],
        ["index", corpus, "--index", index, *options, "--scale", 50],
        ["info", "--index", index],
        ["info", "--index", index, "--json"],
        ["search", "black leather bag", "--index", index, "--json"],
        ["encode-text", "bag", "--index", index],
        ["encode", with_keys(store, bucket, "/none"), "--output", "out"],
        ["encode", with_keys(store, bucket, "/index/sparton.json"), "--output", "out"],
        ["search", "bag", "--index", with_keys(store, bucket, "/none")],
    ):
        ran = run_cli(*command)
        printed.append(ran.stdout + ran.stderr)
    manifest = RemoteFolder(with_keys(store, bucket)).read("index/sparton.json").decode()
    for text in [*printed, manifest]:
        for hidden in (KEY, SECRET):
            fragments = {hidden[start : start + 4] for start in range(len(hidden) - 3)}
            assert not {fragment for fragment in fragments if fragment in text}, text
    assert f"{bucket}/index: 64 documents" in printed[0]
    assert f'"index": "{bucket}/index"' in printed[1]
    assert f"Error: the index {bucket}/index was made with other settings: scale 100 (now 50)" in printed[2]
    assert printed[3].startswith(f"{bucket}/index: complete\n")
    assert f'"{bucket}/corpus/small.parquet"' in manifest
    assert printed[5] == run_cli("search", "black leather bag", "--index", light_index, "--json").stdout
    assert printed[7].startswith(f"Error: the corpus {bucket}/none does not exist")
    assert printed[9].startswith(f"Error: the index {bucket}/none does not exist")
    command = [*SPARTON, "serve", "--port", "0", "--index", index]
    serving = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        assert serving.stderr.readline().startswith(f"serving {bucket}/index at http://127.0.0.1:")
    finally:
        serving.kill()
        serving.communicate()


def upload(store, path, content=b"evil"):
    """Put an object under a path that no client would let through."""
    connection = http.client.HTTPConnection(store[7:])
    connection.putrequest("PUT", path)
    connection.putheader("content-length", str(len(content)))
    connection.endheaders(content)
    assert connection.getresponse().status == 200
    connection.close()


def odd_name(index, key):
    return (
        f"the index {index} has a file with the name {key!r}, which is no path within a folder; remove it from the "
        "store and run again"
    )


ODD_KEYS = [
    *("lucene/../../../evil", "lucene/..", "lucene/a/../../b", "lucene//etc/evil", "lucene/./evil"),
    *("lucene/..\\evil", "lucene/C:\\evil", "lucene/\\\\host\\evil"),
]


def test_names_that_lead_out_of_a_folder_are_refused(store, bucket, light_index, tmp_path, run_cli):
    folder = RemoteFolder(bucket)
    for number, key in enumerate(ODD_KEYS):
        for path in [light_index / "sparton.json", *sorted((light_index / "lucene").glob("segments_*"))]:
            folder.put(path, f"{number}/{path.relative_to(light_index)}")
        upload(store, f"/{bucket[5:]}/{number}/{quote(key)}")
        for options in ("", f"?endpoint_override={store[7:]}&scheme=http&region=us-east-1"):
            ran = run_cli("search", "bag", "--index", f"{bucket}/{number}{options}")
            assert (ran.code, ran.stdout, ran.stderr) == (1, "", f"Error: {odd_name(f'{bucket}/{number}', key)}\n")
        with pytest.raises(SpartonError) as caught:
            list(RemoteFolder(f"{bucket}/{number}").files())
        assert str(caught.value) == odd_name(f"{bucket}/{number}", key)
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]
    upload(store, f"/{bucket[5:]}/index//etc/evil")
    with pytest.raises(SpartonError) as caught:
        list(RemoteFolder(f"{bucket}/index").files())
    assert str(caught.value) == odd_name(f"{bucket}/index", "/etc/evil")


@pytest.mark.parametrize("key", ["collection/../../evil", "shards//part-00000.json"])
def test_a_build_refuses_names_that_lead_out_of_a_folder(store, bucket, bags, static_model, run_cli, key):
    command = ["encode", bags, "--output", f"{bucket}/index", "--model", static_model]
    assert run_cli(*command).code == 0
    before = read(bucket)
    upload(store, f"/{bucket[5:]}/index/{quote(key)}")
    ran = run_cli(*command)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1] == f"Error: {odd_name(f'{bucket}/index', key)}"
    assert {name: RemoteFolder(bucket).read(name) for name in before} == before


@pytest.mark.parametrize("name", ["../evil", "/evil", "a//evil", "a/../evil", ".", "", "a\\evil", "a\0evil"])
def test_no_file_is_copied_under_such_a_name(bucket, tmp_path, name):
    (tmp_path / "file").write_text("content")
    folder = RemoteFolder(f"{bucket}/index")
    for copy in (lambda: folder.get(name, tmp_path / "copy" / "x"), lambda: folder.put(tmp_path / "file", name)):
        with pytest.raises(SpartonError) as caught:
            copy()
        assert str(caught.value) == odd_name(f"{bucket}/index", name)
    assert not (tmp_path / "copy").exists()
    assert read(bucket) == {}


def leads_out(path, folder):
    return f"{path} leads out of {folder} by a symbolic link; remove the link and run again"


def test_links_in_a_scratch_folder_are_not_followed(bucket, bags, static_model, tmp_path, run_cli):
    """Neither to write what is fetched, nor to read what is put."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "part-00000.jsonl").write_text("private")
    command = ["encode", bags, "--output", f"{bucket}/index", "--model", static_model]
    assert run_cli(*command).code == 0
    before = read(bucket)
    folder = staging_folder(f"{bucket}/index", "built")
    for name in ("collection", "shards", "lucene"):
        folder.mkdir()
        (folder / "sparton.json").write_bytes(before["index/sparton.json"])
        (folder / name).symlink_to(outside)
        ran = run_cli(*command)
        assert (ran.code, ran.stdout) == (1, "")
        assert ran.stderr.splitlines()[-1] == f"Error: {leads_out(f'{bucket}/index/{name}', f'{bucket}/index')}"
        shutil.rmtree(folder)
    assert read(bucket) == before
    location = open_index_location(f"{bucket}/index", overwrite=False)
    with location.locked():
        (folder / "collection").mkdir(exist_ok=True)
        (folder / "shards").mkdir(exist_ok=True)
        part = folder / "collection" / "part-00007.jsonl"
        part.symlink_to(outside / "part-00000.jsonl")
        with pytest.raises(SpartonError) as caught:
            location.put_part(part)
        assert str(caught.value) == leads_out(part, folder)
        part.with_name("part-00000.jsonl").symlink_to(outside / "new.jsonl")
        with pytest.raises(SpartonError) as caught:
            location.get_part(part.with_name("part-00000.jsonl"), "ab")
        assert str(caught.value) == leads_out(part.with_name("part-00000.jsonl"), folder)
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"part-00000.jsonl": "private"}
    assert read(bucket) == before


def test_a_link_instead_of_a_scratch_folder_is_not_followed(bucket, bags, tmp_path, run_cli):
    (tmp_path / "outside").mkdir()
    folder = staging_folder(f"{bucket}/index", "built")
    folder.parent.mkdir(parents=True)
    folder.symlink_to(tmp_path / "outside")
    ran = run_cli("encode", bags, "--output", f"{bucket}/index")
    assert (ran.code, ran.stdout, ran.stderr) == (1, "", f"Error: {leads_out(folder, tmp_path / 'scratch')}\n")
    assert list((tmp_path / "outside").iterdir()) == []


@contextmanager
def stalling(address, most):
    """The address of a proxy to a server, which after so many bytes of responses keeps all to itself."""
    left, ends = [most], []

    def forward(source, target, counts):
        while content := _received(source):
            if counts:
                left[0] -= len(content)
            if left[0] >= 0:
                target.sendall(content)

    def accept():
        while True:
            try:
                client = proxy.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))
            ends.extend([client, server])
            for source, target, counts in ((client, server, False), (server, client, True)):
                threading.Thread(target=forward, args=(source, target, counts), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=64) as proxy:
        thread = threading.Thread(target=accept)
        thread.start()
        yield f"127.0.0.1:{proxy.getsockname()[1]}"
        proxy.shutdown(socket.SHUT_RDWR)
        thread.join()
    for end in ends:
        end.close()


def _received(source):
    try:
        return source.recv(2**16)
    except OSError:
        return b""


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_a_corpus_that_stalls_is_given_up(store, bucket, write_parquet, static_model, tmp_path, run_cli, suffix):
    """After however many bytes it does."""
    texts = [f"{number} {'bag' * 100}" for number in range(4_000)]
    path = write_parquet(tmp_path / "a.parquet", row_group_size=500, id=[f"d{i}" for i in range(4_000)], text=texts)
    if suffix == "jsonl":
        lines = (f'{{"id": "d{i}", "text": "{text}"}}\n' for i, text in enumerate(texts))
        path = tmp_path / "a.jsonl"
        path.write_text("".join(lines))
    put(bucket, path.name, path)
    size = path.stat().st_size
    # While the schema is read, the ids, and all of it for the digest; JSON lines hold ids and texts together.
    for most in (500, 10_000, size // 2) if suffix == "parquet" else (500, size // 2, 3 * size // 2):
        with stalling(store, most) as address:
            uri = f"{bucket}/{path.name}?endpoint_override={address}&scheme=http&region=us-east-1"
            command = ["encode", uri, "--output", tmp_path / "out", "--model", static_model]
            ran = run_cli(*command, "--store-timeout", 0.5)
        assert ran.stderr.splitlines()[-1] == (
            f"Error: {bucket}/{path.name} did not respond within 0.5 s; check the address and the network, or raise "
            "--store-timeout"
        ), most
        assert (ran.code, ran.stdout) == (1, "")


def test_a_build_on_a_store_that_stalls_goes_on_elsewhere(
    store, bucket, small_catalog, static_model, light_index, run_cli
):
    command = ["encode", small_catalog, "--shard-rows", SHARD_ROWS, "--model", static_model, "--output"]
    with stalling(store, 10_000) as address:
        uri = f"{bucket}/index?endpoint_override={address}&scheme=http&region=us-east-1"
        ran = run_cli(*command, uri, "--store-timeout", 0.5)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1].startswith(f"Error: {bucket}/index did not respond within 0.5 s; ")
    assert run_cli(*command, f"{bucket}/index").code == 0
    assert read(bucket, "index/collection") == local_parts(light_index)


def test_a_model_of_an_index_at_a_uri_is_named_by_its_absolute_path(bucket, tmp_path, run_cli, monkeypatch):
    """Nothing lies beside such an index."""
    shutil.copytree(find_model("small").documents.folder, tmp_path / "model")
    (tmp_path / "vectors.jsonl").write_text('{"id": "a", "vector": {"bag": 3}}\n')
    monkeypatch.chdir(tmp_path)
    command = ["index", "--from-collection", "vectors.jsonl", "--index", f"{bucket}/index", "--model"]
    assert run_cli(*command, "model").code == 0
    settings = json.loads(RemoteFolder(bucket).read("index/sparton.json"))["settings"]
    assert settings["model"]["name"] == str(tmp_path / "model")
    monkeypatch.chdir("/")
    assert json.loads(run_cli("search", "bag", "--index", f"{bucket}/index", "--json").stdout)["id"] == "a"


def test_an_index_there_of_the_older_format_is_refused_and_replaced(bucket, tmp_path, run_cli):
    (tmp_path / "bags.jsonl").write_text('{"id": "a", "text": "black bag"}\n')
    command = ["index", tmp_path / "bags.jsonl", "--index", f"{bucket}/index"]
    assert run_cli(*command).code == 0
    content = json.loads(RemoteFolder(bucket).read("index/sparton.json"))
    (tmp_path / "old.json").write_text(json.dumps({**content, "format": 1}))
    put(bucket, "index/sparton.json", tmp_path / "old.json")
    before = read(bucket)
    for refused in (command, ["search", "bag", "--index", f"{bucket}/index"], ["info", "--index", f"{bucket}/index"]):
        ran = run_cli(*refused)
        assert (ran.code, ran.stdout) == (1, "")
        assert ran.stderr.endswith(
            "/sparton.json is of format 1 and this Sparton reads format 2; build the index again with --overwrite\n"
        )
    assert read(bucket) == before
    assert run_cli(*command, "--overwrite").code == 0
    assert json.loads(run_cli("search", "bag", "--index", f"{bucket}/index", "--json").stdout)["id"] == "a"


def test_an_overwrite_there_that_is_killed_anywhere_ends_with_the_new_documents_alone(
    bucket, write_parquet, static_model, tmp_path, monkeypatch
):
    """Each request that changes something is the last one, once."""

    class KilledError(BaseException):
        pass

    def corpus(name, rows):
        columns = {"id": [f"{name}{i}" for i in range(rows)], "text": ["black leather bag"] * rows}
        return write_parquet(tmp_path / f"{name}.parquet", **columns)

    options = {"model": str(static_model), "shard_rows": 4, "lucene": False, "overwrite": True}
    old, new = corpus("old", 10), corpus("new", 6)
    left = {"requests": None}

    def counted(act):
        def run(self, *arguments):
            if left["requests"] is not None:
                left["requests"] -= 1
                if not left["requests"]:
                    raise KilledError
            return act(self, *arguments)

        return run

    for name in ("put", "remove", "remove_file"):
        monkeypatch.setattr(RemoteFolder, name, counted(getattr(RemoteFolder, name)))
    sparton.build_index(new, tmp_path / "expected", **options)
    expected = local_parts(tmp_path / "expected")
    step = 0
    while True:
        step += 1
        left["requests"] = None
        sparton.build_index(old, f"{bucket}/index", **options)
        assert len([*RemoteFolder(bucket).files("index/collection")]) == 3
        left["requests"] = step
        try:
            sparton.build_index(new, f"{bucket}/index", **options)
        except KilledError:
            left["requests"] = None
            if step % 2:  # on another machine
                shutil.rmtree(tmp_path / "scratch")
            assert sparton.build_index(new, f"{bucket}/index", **options).counts.documents == 6
            assert read(bucket, "index/collection") == expected
            assert stage(bucket) == ENCODED
        else:
            break
    assert step > 8


def test_an_index_there_is_updated_by_new_files_alone(bucket, static_model, tmp_path, monkeypatch):
    catalogue = Catalogue(80)
    local = build(tmp_path / "local", catalogue.rows.values(), static_model, **SMALL)
    uri = f"{bucket}/index"
    sparton.build_index(
        tmp_path / "local.jsonl",
        uri,
        model=str(static_model),
        fields=FIELDS,
        id_column="id",
        text_columns=("text",),
        **SMALL,
    )
    with closing(sparton.Searcher(uri)) as searcher:
        before = searched(searcher)
        for _ in range(3):
            change = catalogue.change(share=0.2)
            make(change, local, tmp_path / "rows.jsonl")
            known = read(bucket, "index")
            put_names, got_names = noted(monkeypatch, "put"), noted(monkeypatch, "get")
            make(change, uri, tmp_path / "rows.jsonl")
            assert not staging_folder(uri, "built").exists()
            after = read(bucket, "index")
            changed = load_manifest(staging_folder(uri, "searched")).state != state_of(after)
            assert changed or not put_names
            assert put_names[-1:] == (["sparton.json"] if changed else [])
            assert not {f"index/{name}" for name in put_names[:-1]} & known.keys()
            assert {name: after[name] for name in after.keys() & known.keys() if not name.endswith("sparton.json")} == {
                name: known[name] for name in after.keys() & known.keys() if not name.endswith("sparton.json")
            }
            got_names.clear()
            with closing(sparton.Searcher(uri)) as newer:
                assert searched(newer) == found(local)
            assert not {f"index/{name}" for name in got_names} & known.keys()
        assert searched(searcher) == before
    sparton.compact_index(uri)
    with closing(sparton.Searcher(uri)) as searcher:
        assert searched(searcher) == found(local)
    named = {f"index/{name}" for name in named_files(parse_manifest(read(bucket)["index/sparton.json"], Path()))}
    assert set(read(bucket, "index")) - {"index/lucene/write.lock"} == {*named, "index/sparton.json"}


def noted(monkeypatch, name):
    """The names of files that are put to a store, or got from it, from now on."""
    names, method = [], getattr(RemoteFolder, name)

    def note(folder, *arguments):
        names.append(arguments[1 if name == "put" else 0])
        return method(folder, *arguments)

    monkeypatch.setattr(RemoteFolder, name, note)
    return names


def state_of(content):
    return parse_manifest(content["index/sparton.json"], Path()).state


def delete_without_commit(uri, ids, monkeypatch):
    """Have a store take all that a deletion writes but sparton.json."""
    put_file = RemoteFolder.put

    def fail(folder, source, name):
        if name == "sparton.json":
            raise OSError("the store has gone")
        put_file(folder, source, name)

    with monkeypatch.context() as patch:
        patch.setattr(RemoteFolder, "put", fail)
        with pytest.raises(OSError, match="the store has gone"):
            sparton.delete_documents(uri, ids)


def test_an_update_there_that_fails_half_way_leaves_the_old_generation(bucket, static_model, tmp_path, monkeypatch):
    catalogue = Catalogue(60)
    uri = f"{bucket}/index"
    rows = write_rows(tmp_path / "all.jsonl", catalogue.rows.values())
    sparton.build_index(rows, uri, model=str(static_model), text_columns=("text",), **SMALL)
    known = read(bucket, "index")
    delete_without_commit(uri, ["d1", "d2"], monkeypatch)
    after = read(bucket, "index")
    assert {name: after[name] for name in known} == known
    assert len(after) > len(known)
    assert sparton.delete_documents(uri, ["d1", "d3"]).generation == 1
    with closing(sparton.Searcher(uri)) as searcher:
        assert {hit.id for hit in searcher.search("black", 100)} == catalogue.rows.keys() - {"d1", "d3"}


def test_what_an_update_that_failed_has_left_there_is_never_taken_for_another(
    bucket, static_model, tmp_path, monkeypatch
):
    """A search between a failed update and the next one copies what the failed one has left."""
    catalogue = Catalogue(60)
    uri = f"{bucket}/index"
    rows = write_rows(tmp_path / "all.jsonl", catalogue.rows.values())
    sparton.build_index(rows, uri, model=str(static_model), text_columns=("text",), **SMALL)
    delete_without_commit(uri, ["d1", "d2"], monkeypatch)
    with closing(sparton.Searcher(uri)) as searcher:
        assert {hit.id for hit in searcher.search("black", 100)} == catalogue.rows.keys()
        sparton.delete_documents(uri, ["d3", "d4"])
        with closing(searcher.renewed()) as newer, closing(sparton.Searcher(uri)) as opened:
            for one in (newer, opened):
                assert {hit.id for hit in one.search("black", 100)} == catalogue.rows.keys() - {"d3", "d4"}
    check_there(bucket, tmp_path / "copy")


@pytest.mark.parametrize("moment", ["before the first file", "with the first file", "with the last file"])
def test_two_machines_that_update_at_once_do_not_mix(bucket, static_model, tmp_path, monkeypatch, moment):
    catalogue = Catalogue(60)
    rows = write_rows(tmp_path / "all.jsonl", catalogue.rows.values())
    uri = f"{bucket}/index"
    sparton.build_index(rows, uri, model=str(static_model), text_columns=("text",), **SMALL)
    put_file, put_generation, others = RemoteFolder.put, StagedIndex.put_generation, {}

    def other(folder):
        with monkeypatch.context() as patch:
            patch.setattr(RemoteFolder, "put", put_file)
            patch.setattr(StagedIndex, "put_generation", put_generation)
            patch.setenv("SPARTON_SCRATCH", str(tmp_path / "other"))
            sparton.delete_documents(uri, ["d5"])
        others.update(read(bucket, "index"))

    def first(location, manifest, before):
        other(location)
        return put_generation(location, manifest, before)

    def put(folder, source, name):
        is_last = name.startswith("lucene/segments_")
        put_file(folder, source, name)
        if not others and (is_last or moment != "with the last file"):
            other(folder)

    if moment == "before the first file":
        monkeypatch.setattr(StagedIndex, "put_generation", first)
    else:
        monkeypatch.setattr(RemoteFolder, "put", put)
    with pytest.raises(SpartonError) as caught:
        sparton.delete_documents(uri, ["d1"])
    assert str(caught.value) == f"the index {uri} was changed by another machine meanwhile; run the same command again"
    assert read(bucket, "index") == others
    with closing(sparton.Searcher(uri)) as searcher:
        assert {hit.id for hit in searcher.search("black", 100)} == catalogue.rows.keys() - {"d5"}
    check_there(bucket, tmp_path / "copy")


def check_there(bucket, copy):
    """Check a copy of the index in a bucket, all of it."""
    for name, content in read(bucket, "index").items():
        path = copy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    index = copy / "index"
    check_index(index, load_manifest(index))


def exported(index, to, folder):
    """All that an export has written."""
    sparton.export_index(index, to, folder)
    return files_of(folder)


def copied(folder, bucket, name):
    """An index as it is in a folder, at a URI."""
    for path in filter(Path.is_file, folder.rglob("*")):
        put(bucket, f"{name}/{path.relative_to(folder).as_posix()}", path)
    return f"{bucket}/{name}"


def test_exports_of_an_index_at_a_uri_are_those_of_a_local_one(bucket, light_index, static_model, tmp_path):
    topics = tmp_path / "topics.tsv"
    topics.write_text("q1\tblack bag\nq2\tred hat\n", encoding="utf-8")
    uri = copied(light_index, bucket, "light")
    for to in ("opensearch", "qdrant", "ciff"):
        assert exported(uri, to, tmp_path / f"{to}-remote") == exported(light_index, to, tmp_path / to)
    sparton.export_index(light_index, "parquet", tmp_path / "local", topics=topics)
    sparton.export_index(uri, "parquet", tmp_path / "remote", topics=topics)
    assert files_of(tmp_path / "remote") == files_of(tmp_path / "local")
    assert not staging_folder(uri, "exported").exists()


def test_exports_of_an_updated_index_at_a_uri_are_those_of_a_local_one(bucket, static_model, tmp_path):
    rows = list(Catalogue(50).rows.values())
    folder = build(tmp_path / "index", rows, static_model, shard_rows=20)
    sparton.delete_documents(folder, [rows[3]["id"], rows[41]["id"]])
    sparton.update_index(write_rows(tmp_path / "rows.jsonl", [{**rows[7], "text": "a red hat"}]), folder)
    uri = copied(folder, bucket, "index")
    assert exported(uri, "parquet", tmp_path / "remote") == exported(folder, "parquet", tmp_path / "local")


def test_exports_of_an_index_of_vectors_at_a_uri_are_those_of_a_local_one(bucket, light_index, tmp_path):
    vectors = shutil.copytree(light_index / "collection", tmp_path / "vectors")
    sparton.index_vectors(vectors, tmp_path / "index")
    uri = copied(tmp_path / "index", bucket, "index")
    assert exported(uri, "parquet", tmp_path / "remote") == exported(tmp_path / "index", "parquet", tmp_path / "local")


def test_an_export_that_cannot_be_finished_is_one_sentence_and_goes_on(bucket, light_index, tmp_path):
    uri, part = copied(light_index, bucket, "light"), light_index / "collection" / "part-00001.jsonl"
    damaged = tmp_path / "damaged"
    damaged.write_bytes(part.read_bytes().replace(b'"black": ', b'"black": 1', 1))
    put(bucket, "light/collection/part-00001.jsonl", damaged)
    with pytest.raises(SpartonError) as refused:
        sparton.export_index(uri, "parquet", tmp_path / "remote")
    assert str(refused.value) == (
        f"{uri}/collection/part-00001.jsonl is not what was written; put the right file back, or build the index "
        "again with overwrite=True"
    )
    put(bucket, "light/collection/part-00001.jsonl", part)
    assert sparton.export_index(uri, "parquet", tmp_path / "remote").resumed
    assert files_of(tmp_path / "remote") == exported(light_index, "parquet", tmp_path / "local")
    with pytest.raises(SpartonError) as refused:
        sparton.export_index(f"{bucket}/nothing", "parquet", tmp_path / "none")
    assert str(refused.value) == (
        f"the index {bucket}/nothing does not exist; make it with `sparton index CORPUS --index {bucket}/nothing`"
    )
