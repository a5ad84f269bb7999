"""The job of exporting: what is kept when it is killed, what it refuses, and what its command prints."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys

import pyarrow.dataset as ds
import pytest
from support.ciff import read_ciff
from support.exported import files_of, lines_of
from support.updates import build, write_rows

import sparton
from sparton.exports import collection, postings
from sparton.exports.ledger import Ledger
from sparton.exports.names import Spelled, at_most, percent_encoded
from sparton.exports.register import FORMATS

# Ends the process like kill -9 when it makes its Nth file durable; prints nothing.
KILLED = """
import os, signal, sys
import sparton
fsync, left = os.fsync, int(sys.argv[4])
def counted(handle):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(handle)
os.fsync = counted
sparton.export_index(*sys.argv[1:4])
"""


@pytest.fixture(scope="module")
def plain(shop, tmp_path_factory):
    """Exports without topics to each format, and their bytes."""
    folder = tmp_path_factory.mktemp("plain")
    for name in FORMATS:
        sparton.export_index(shop.index, name, folder / name)
    return {name: files_of(folder / name) for name in FORMATS}


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_an_export_that_was_stopped_anywhere_goes_on_and_has_the_same_bytes(shop, plain, tmp_path, monkeypatch, name):
    finish, done = Ledger.finish, []

    def stopping(self, step, *rest):
        if len(done) == stop:
            raise KeyboardInterrupt
        done.append(step)
        return finish(self, step, *rest)

    monkeypatch.setattr(Ledger, "finish", stopping)
    for stop in range(10):
        done.clear()
        folder = tmp_path / str(stop)
        try:
            sparton.export_index(shop.index, name, folder)
        except KeyboardInterrupt:
            assert not json.loads((folder / "sparton-export.json").read_bytes())["complete"]
        else:
            break
        whole = {file: (folder / file).stat().st_mtime_ns for file in json_files(folder)}
        assert stop == len(json.loads((folder / "sparton-export.json").read_bytes())["steps"])
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "finish", finish)
            report = sparton.export_index(shop.index, name, folder)
        assert files_of(folder) == plain[name]
        kept = {file: when for file, when in whole.items() if (folder / file).exists()}
        assert kept == {file: (folder / file).stat().st_mtime_ns for file in kept}
        assert report.resumed == (stop > 0)
        assert (report.documents, report.postings) == (300, sum(map(len, shop.vectors.values())))
    assert stop >= 4


def json_files(folder):
    """The files of the steps that are finished."""
    steps = json.loads((folder / "sparton-export.json").read_bytes())["steps"].values()
    return [file["name"] for step in steps for file in step["files"]]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [("ciff", 7), ("seismic", 13), ("vespa", 5)])
def test_an_export_that_was_killed_goes_on_and_has_the_same_bytes(shop, plain, tmp_path, name, count):
    folder = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, str(shop.index), name, str(folder), str(count)]
    assert subprocess.run(command, env=os.environ, check=False).returncode == -signal.SIGKILL
    assert files_of(folder) != plain[name]
    assert list(folder.rglob("*.tmp"))
    assert sparton.export_index(shop.index, name, folder).documents == 300
    assert files_of(folder) == plain[name]


@pytest.mark.slow
def test_a_file_that_was_changed_is_written_again(shop, plain, tmp_path):
    sparton.export_index(shop.index, "parquet", tmp_path / "out")
    damaged = tmp_path / "out" / "documents-00001.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    sparton.export_index(shop.index, "parquet", tmp_path / "out")
    assert files_of(tmp_path / "out") == plain["parquet"]


@pytest.mark.slow
def test_an_updated_index_is_exported_as_it_is_now(static_model, tmp_path):
    rows = [{"id": f"d{i}", "text": f"black bag word{i}", "price": i, "brand": "Adele", "in_stock": True, "tags": ["a"]}
            for i in range(20)]  # fmt: skip
    index = build(tmp_path / "index", rows, static_model, shard_rows=8)
    sparton.delete_documents(index, ["d3", "d11"])
    changed = [{**rows[5], "text": "red suede clutch", "tags": ["b", "c"]}, {**rows[6], "id": "new", "price": 0.5}]
    sparton.update_index(write_rows(tmp_path / "changes.jsonl", changed), index)
    now = {row["id"]: row for row in [*rows, *changed] if row["id"] not in ("d3", "d11")}
    anew = build(tmp_path / "anew", list(now.values()), static_model)

    def exported(folder):
        sparton.export_index(folder, "parquet", tmp_path / f"of-{folder.name}")
        files = sorted(map(str, (tmp_path / f"of-{folder.name}").glob("*.parquet")))
        rows = ds.dataset(files).to_table().to_pylist()
        for row in rows:
            row["vector"] = dict(zip(row.pop("terms"), row.pop("impacts"), strict=True))
        return {row["id"]: row for row in rows}, len(rows)

    assert exported(index) == exported(anew)
    assert exported(index)[1] == 19
    sparton.delete_documents(index, ["d1"])
    with pytest.raises(sparton.SpartonError) as refused:
        sparton.export_index(index, "parquet", tmp_path / "of-index")
    assert str(refused.value) == (
        f"{tmp_path / 'of-index'} holds an export of another index, or another generation of this one; "
        "name another folder with output"
    )


def test_a_damaged_part_is_refused_and_what_was_finished_stays(shop, run_cli, tmp_path):
    index, part = tmp_path / "index", tmp_path / "index" / "collection" / "part-00001.jsonl"
    shutil.copytree(shop.index, index)
    good = part.read_bytes()
    part.write_bytes(good.replace(b'"black": ', b'"black": 1', 1))
    ran = run_cli("export", index, "--to", "parquet", "-o", tmp_path / "out")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1] == (
        f"Error: {part} is not what was written; put the right file back, or build the index again with --overwrite"
    )
    assert sorted(path.name for path in (tmp_path / "out").glob("documents-*")) == ["documents-00000.parquet"]
    part.unlink()
    ran = run_cli("export", index, "--to", "parquet", "-o", tmp_path / "out")
    assert (ran.code, ran.stderr.splitlines()[-1]) == (
        1,
        f"Error: {index / 'collection'} has 2 of the 3 parts of the collection, and an index is changed by them; put "
        "the others back, or build the index again with --overwrite",
    )
    part.write_bytes(good)
    ran = run_cli("export", index, "--to", "parquet", "-o", tmp_path / "out", "--json")
    content = json.loads(ran.stdout)
    assert (ran.code, content["documents"], content["files"], content["resumed"]) == (0, 300, 3, True)


@pytest.mark.slow
@pytest.mark.parametrize("to", FORMATS)
def test_an_index_of_vectors_is_exported_of_its_postings(shop, tmp_path, monkeypatch, to):
    monkeypatch.setattr(postings, "_TOGETHER", 500)
    monkeypatch.setattr(postings, "_TEXTS", 7)
    monkeypatch.setattr(postings, "_FILES", 2)
    vectors = tmp_path / "vectors"
    shutil.copytree(shop.index / "collection", vectors)
    sparton.index_vectors(vectors, tmp_path / "index")
    sparton.export_index(tmp_path / "index", to, tmp_path / "out")
    assert not (tmp_path / "out" / "postings").exists()
    before = files_of(tmp_path / "out")
    assert sparton.export_index(tmp_path / "index", to, tmp_path / "out").resumed
    assert files_of(tmp_path / "out") == before
    expected = {name: (line["contents"], line["vector"]) for name, line in shop.documents.items()}
    if to == "parquet":
        assert parquet_content(tmp_path / "out") == expected
        assert len(list((tmp_path / "out").glob("*.parquet"))) > 3
        sparton.delete_documents(tmp_path / "index", ["a b", "P0100"])
        sparton.export_index(tmp_path / "index", to, tmp_path / "after")
        del expected["a b"], expected["P0100"]
        assert parquet_content(tmp_path / "after") == expected
    if to == "seismic":
        lines = lines_of(tmp_path / "out" / "documents.jsonl")
        assert {line["id"]: (line["content"], line["vector"]) for line in lines} == expected
    if to == "ciff":
        _, lists, records = read_ciff(tmp_path / "out" / "index.ciff")
        assert sorted(record.collection_docid for record in records) == sorted(expected)
        assert sum(len(one.postings) for one in lists) == sum(map(len, shop.vectors.values()))


def parquet_content(folder):
    """{id: (text, {term: impact})} of an export."""
    rows = ds.dataset(sorted(map(str, folder.glob("*.parquet")))).to_table().to_pylist()
    return {row["id"]: (row["text"], dict(zip(row["terms"], row["impacts"], strict=True))) for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize("join", [True, False])
def test_terms_are_numbered_without_reading_the_documents_unless_some_were_deleted(
    shop, tmp_path, monkeypatch, static_model, join
):
    document, read = collection._document, []
    monkeypatch.setattr(collection, "_document", lambda line: read.append(line) or document(line))
    rows = [{"id": f"d{i}", "text": f"{('black', 'red')[i % 2]} bag"} for i in range(20)]
    rows.append({"id": "alone", "text": "small hat"})
    corpus, index = write_rows(tmp_path / "rows.jsonl", rows), tmp_path / "index"
    sparton.build_index(corpus, index, model=str(static_model), shard_rows=8, join=join, index_processes=2)

    def exported(name):
        read.clear()
        sparton.export_index(index, "qdrant", tmp_path / name)
        terms = json.loads((tmp_path / name / "terms.json").read_bytes())
        points = [point for file in sorted((tmp_path / name).glob("points-*.json"))
                  for point in json.loads(file.read_bytes())["points"]]  # fmt: skip
        named = {
            point["payload"]["id"]: dict(
                zip(
                    [terms[number] for number in point["vector"]["impacts"]["indices"]],
                    point["vector"]["impacts"]["values"],
                    strict=True,
                )
            )
            for point in points
        }
        lines = (json.loads(line) for line in read)
        assert named == {line["id"]: line["vector"] for line in lines}
        return terms, named

    terms, documents = exported("whole")
    assert terms == sorted({term for vector in documents.values() for term in vector})
    assert (len(documents), len(read)) == (21, 21)
    sparton.delete_documents(index, ["alone"])
    fewer, documents = exported("deleted")
    assert fewer == sorted({term for vector in documents.values() for term in vector})
    assert {*fewer} < {*terms}
    assert (len(documents), len(read)) == (20, 40)


def test_a_full_disk_names_the_file_of_postings(shop, tmp_path):
    vectors = tmp_path / "vectors"
    shutil.copytree(shop.index / "collection", vectors)
    sparton.index_vectors(vectors, tmp_path / "index", index_processes=1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, before[1]))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            sparton.export_index(tmp_path / "index", "parquet", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(tmp_path / "out" / "postings" / "0-0")
    assert not (tmp_path / "out" / "postings").exists()


def test_other_documents_than_the_index_counts_are_no_export(shop, tmp_path):
    index = tmp_path / "index"
    shutil.copytree(shop.index, index)
    manifest = json.loads((index / "sparton.json").read_bytes())
    manifest["counts"]["documents"] += 1
    (index / "sparton.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(sparton.SpartonError) as refused:
        sparton.export_index(index, "parquet", tmp_path / "out")
    assert str(refused.value) == (
        "the index has 300 documents to export and its sparton.json counts 301; check it with `sparton info --check`, "
        "and build it again with overwrite=True"
    )
    assert not json.loads((tmp_path / "out" / "sparton-export.json").read_bytes())["complete"]


@pytest.mark.parametrize(
    ("to", "name"),
    [("parquet", "documents-old.parquet"), ("qdrant", "points-00009-000.json"), ("vespa", "application/hosts.xml")],
)
def test_a_file_that_would_be_loaded_with_the_export_is_refused(shop, plain, tmp_path, to, name):
    sparton.export_index(shop.index, to, tmp_path / "out")
    (tmp_path / "out" / name).write_bytes(b"of somebody else")
    (tmp_path / "out" / "notes.txt").write_bytes(b"mine")
    with pytest.raises(sparton.SpartonError) as refused:
        sparton.export_index(shop.index, to, tmp_path / "out")
    assert str(refused.value) == (
        f"{tmp_path / 'out' / name} is no file of this export, and would be loaded with it; move it to another folder "
        "and run again"
    )
    (tmp_path / "out" / name).rename(tmp_path / "elsewhere")
    assert sparton.export_index(shop.index, to, tmp_path / "out").resumed
    assert files_of(tmp_path / "out") == {**plain[to], "notes.txt": b"mine"}


def test_options_that_decide_no_term_do_not_make_other_topics(shop, tmp_path):
    sparton.export_index(shop.index, "parquet", tmp_path / "out", topics=shop.topics)
    before = files_of(tmp_path / "out")
    assert sparton.export_index(shop.index, "parquet", tmp_path / "out", topics=shop.topics, device="auto").resumed
    with pytest.raises(sparton.SpartonError, match="topics read or encoded otherwise"):
        sparton.export_index(shop.index, "parquet", tmp_path / "out", topics=shop.topics, query_top_terms=2)
    assert files_of(tmp_path / "out") == before


def test_damaged_postings_are_refused(tmp_path):
    (tmp_path / "vectors.jsonl").write_text('{"id": "d", "vector": {"a": 1}}\n', encoding="utf-8")
    sparton.index_vectors(tmp_path / "vectors.jsonl", tmp_path / "index")
    damaged = next((tmp_path / "index" / "lucene").glob("*.tim"))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(sparton.SpartonError) as refused:
        sparton.export_index(tmp_path / "index", "parquet", tmp_path / "out")
    assert str(refused.value) == (
        f"the Lucene index of {tmp_path / 'index'} cannot be read (CorruptIndexException); check it with `sparton info "
        "--check`, and build it again with overwrite=True"
    )
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name != ".lock"] == ["sparton-export.json"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--to", "solr"], "--to is 'solr'; expected seismic, ciff, opensearch, elasticsearch, qdrant, vespa or "
         "parquet"),
        (["--scale", "2"], "--scale is 2.0 and there are no --topics that it could be for; leave it out, or name them"),
        (["--device", "cpu:0"], "--device is 'cpu:0' and there are no --topics that it could be for; leave it out, or "
         "name them"),
        (["-o", "{index}"], "-o is {index}, which holds files but no sparton-export.json; name another folder"),
        (["-o", "{index}/out"], "-o is {index}/out, which lies in the index {index}; only the index itself is "
         "written to that folder, so name another file"),
        (["-o", "{topics}"], "-o is {topics}, which is a file; name a folder"),
        (["--topics", "{index}"], "{index} is a folder; expected a file of topics"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_sentence(shop, run_cli, tmp_path, arguments, sentence):
    names = {"index": shop.index, "topics": shop.topics}
    given = {"--to": "parquet", "-o": str(tmp_path / "out")}
    given.update(zip(arguments[::2], (one.format(**names) for one in arguments[1::2]), strict=True))
    ran = run_cli("export", shop.index, *(part for pair in given.items() for part in pair))
    lines = [line for line in ran.stderr.splitlines() if not line.startswith("looking ")]
    assert (ran.code, ran.stdout, lines) == (ran.code, "", [f"Error: {sentence.format(**names)}"])
    assert ran.code == (1 if arguments[0] == "--topics" else 2)
    assert not (tmp_path / "out").exists()


def test_another_export_is_not_touched(shop, tmp_path):
    sparton.export_index(shop.index, "vespa", tmp_path / "out")
    before = files_of(tmp_path / "out")
    for to, topics, words in (
        ("parquet", None, "to vespa"),
        ("vespa", shop.topics, "with other topics, or topics read or encoded otherwise"),
    ):
        with pytest.raises(sparton.SpartonError) as refused:
            sparton.export_index(shop.index, to, tmp_path / "out", topics=topics)
        assert str(refused.value) == (f"{tmp_path / 'out'} holds an export {words}; name another folder with output")
    assert files_of(tmp_path / "out") == before
    (tmp_path / "out" / "sparton-export.json").write_text('{"format": 1, "steps": []}')
    with pytest.raises(sparton.SpartonError, match=r"export\.json is damaged: subject is missing; expected an object"):
        sparton.export_index(shop.index, "vespa", tmp_path / "out")


def test_the_command_tells_what_there_is_and_what_is_spelled_anew(shop, run_cli, tmp_path):
    ran = run_cli("export", shop.index, "--to", "elasticsearch", "-o", tmp_path / "out", "--topics", shop.topics)
    size = sum(len(content) for name, content in files_of(tmp_path / "out").items() if name != "sparton-export.json")
    postings = sum(map(len, shop.vectors.values()))
    assert ran.code == 0
    assert ran.stdout == (
        f"{tmp_path / 'out'}: 300 documents, {postings:,} postings, 200 queries for elasticsearch, 5 files, {size:,} "
        "bytes\n"
    )
    assert "1 ids of more than 512 bytes, of which _id is a digest\n" in ran.stderr


def test_topics_without_a_term_are_left_out_and_counted(shop, tmp_path):
    topics = tmp_path / "topics.tsv"
    topics.write_text("q1\tzzz\nq2\tblack bag\n", encoding="utf-8")
    report = sparton.export_index(shop.index, "seismic", tmp_path / "out", topics=topics)
    (line,) = (tmp_path / "out" / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    assert (json.loads(line)["id"], report.queries) == ("q2", 1)
    assert report.notes == {"queries left out, without a term that the model knows": 1}


def test_topics_may_be_vectors(shop, tmp_path):
    topics = tmp_path / "topics.jsonl"
    topics.write_text('{"qid": "q1", "vector": {"black": 1.5, "a.b": 2}}\n', encoding="utf-8")
    sparton.export_index(shop.index, "elasticsearch", tmp_path / "out", topics=topics, scale=10)
    _, search = map(json.loads, (tmp_path / "out" / "queries.ndjson").read_text(encoding="utf-8").splitlines())
    (query,) = search["query"]["bool"]["must"]
    assert query["sparse_vector"]["query_vector"] == {"black": 15, "a%2Eb": 20}


def test_no_two_terms_are_spelled_alike():
    terms = ["a" * 30, "a" * 31, "a" * 32, "%2E", ".", "%", "3.5", "3%2E5", "é" * 31]
    short, escaped = Spelled(at_most(30)), Spelled(percent_encoded("."))
    assert [short[term] for term in terms[:1]] == terms[:1]
    assert [len(short[term]) for term in ("a" * 31, "é" * 31)] == [30, 30]
    for spelled in (short, escaped):
        assert len({spelled[term] for term in terms}) == len(terms)
    assert [escaped[term] for term in ("%2E", ".", "3.5", "a b")] == ["%252E", "%2E", "3%2E5", "a b"]
