"""Corpus in, index folder out: the same bytes every time, and nothing done twice."""

import json
import shutil

import pytest

import sparton
from sparton.pipeline.encoding.encoder import Encoder
from sparton.storage.atomic import locked
from sparton.storage.manifest import COMPLETE, ENCODED, ENCODING, load_manifest

pytestmark = pytest.mark.slow

OPTIONS = {"device": "cpu", "shard_rows": 20}


def collection(folder):
    return {path.name: path.read_bytes() for path in (folder / "collection").iterdir()}


@pytest.fixture
def encoded_shards(monkeypatch):
    """Each shard that is encoded adds its number of documents; `stop_at` makes that one raise KeyboardInterrupt."""

    class Calls(list):
        stop_at = None

    calls, real = Calls(), Encoder.encode_stream

    def counted(shards):
        for tokens in shards:
            calls.append(len(tokens))
            if len(calls) == calls.stop_at:
                raise KeyboardInterrupt
            yield tokens

    monkeypatch.setattr(Encoder, "encode_stream", lambda self, shards, *rest: real(self, counted(shards), *rest))
    return calls


def test_a_build_leaves_a_whole_index(bags, tmp_path):
    report = sparton.build_index(bags, tmp_path / "index", **OPTIONS)
    manifest = load_manifest(tmp_path / "index")
    assert manifest.stage == COMPLETE
    assert manifest.counts == report.counts
    assert (report.index, report.resumed) == (tmp_path / "index", False)
    assert (report.counts.rows, report.counts.documents) == (60, 60)
    assert manifest.source == (str(bags),)
    assert sorted(collection(tmp_path / "index")) == [f"part-0000{n}.jsonl" for n in range(3)]
    assert not list((tmp_path / "index").rglob("*.tmp"))


def test_the_counts_are_those_of_the_collection(bags, tmp_path):
    report = sparton.build_index(bags, tmp_path / "index", lucene=False, **OPTIONS)
    lines = [json.loads(line) for part in collection(tmp_path / "index").values() for line in part.splitlines()]
    assert report.counts.documents == len(lines)
    assert report.counts.postings == sum(len(line["vector"]) for line in lines)
    assert report.counts.tokens == 60 * 7


def test_documents_stand_in_input_order(bags, tmp_path):
    sparton.build_index(bags, tmp_path / "index", lucene=False, **OPTIONS)
    lines = b"".join(part for _, part in sorted(collection(tmp_path / "index").items())).splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"d{i:02}" for i in range(60)]


@pytest.mark.fresh
def test_two_builds_give_the_same_bytes(bags, tmp_path):
    for name in ("one", "two"):
        sparton.build_index(bags, tmp_path / name, lucene=False, **OPTIONS)
    assert collection(tmp_path / "one") == collection(tmp_path / "two")


def test_an_interrupted_build_goes_on_from_the_last_finished_part(bags, tmp_path, encoded_shards):
    sparton.build_index(bags, tmp_path / "whole", lucene=False, **OPTIONS)
    encoded_shards.clear()
    encoded_shards.stop_at = 2
    with pytest.raises(KeyboardInterrupt):
        sparton.build_index(bags, tmp_path / "index", **OPTIONS)
    assert load_manifest(tmp_path / "index").stage == ENCODING
    assert list(collection(tmp_path / "index")) == ["part-00000.jsonl"]

    encoded_shards.clear()
    encoded_shards.stop_at = None
    report = sparton.build_index(bags, tmp_path / "index", **OPTIONS)
    assert encoded_shards == [20, 20]
    assert report.resumed
    assert report.counts == load_manifest(tmp_path / "whole").counts
    assert collection(tmp_path / "index") == collection(tmp_path / "whole")
    assert load_manifest(tmp_path / "index").stage == COMPLETE


@pytest.mark.parametrize("lost", [["collection/part-00001.jsonl"], ["shards/part-00001.json"]])
def test_a_part_or_marker_that_is_gone_is_made_again(bags, tmp_path, encoded_shards, lost):
    folder = tmp_path / "index"
    sparton.build_index(bags, folder, lucene=False, **OPTIONS)
    before, manifest = collection(folder), load_manifest(folder)
    for name in lost:
        (folder / name).unlink()
    manifest.at(ENCODING).save(folder)
    encoded_shards.clear()
    report = sparton.build_index(bags, folder, lucene=False, **OPTIONS)
    assert encoded_shards == [20]
    assert collection(folder) == before
    assert report.counts == manifest.counts


def test_a_corpus_that_moved_is_resumed(bags, tmp_path, encoded_shards):
    encoded_shards.stop_at = 3
    with pytest.raises(KeyboardInterrupt):
        sparton.build_index(bags, tmp_path / "index", lucene=False, **OPTIONS)
    encoded_shards.clear()
    encoded_shards.stop_at = None
    sparton.build_index(bags.rename(tmp_path / "moved.parquet"), tmp_path / "index", lucene=False, **OPTIONS)
    assert encoded_shards == [20]


def test_a_complete_index_is_left_alone(bags, tmp_path, encoded_shards):
    sparton.build_index(bags, tmp_path / "index", **OPTIONS)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "index").rglob("*")}
    encoded_shards.clear()
    report = sparton.build_index(bags, tmp_path / "index", **OPTIONS)
    assert encoded_shards == []
    assert report.resumed
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "index").rglob("*")} == before


def test_indexing_finishes_what_was_only_encoded(bags, tmp_path, encoded_shards):
    sparton.build_index(bags, tmp_path / "index", lucene=False, **OPTIONS)
    assert load_manifest(tmp_path / "index").stage == ENCODED
    assert not (tmp_path / "index" / "lucene").exists()
    encoded_shards.clear()
    sparton.build_index(bags, tmp_path / "index", **OPTIONS)
    assert encoded_shards == []
    assert load_manifest(tmp_path / "index").stage == COMPLETE


def test_a_lost_lucene_folder_is_built_again(bags, tmp_path, encoded_shards):
    sparton.build_index(bags, tmp_path / "index", **OPTIONS)
    shutil.rmtree(tmp_path / "index" / "lucene")
    encoded_shards.clear()
    sparton.build_index(bags, tmp_path / "index", **OPTIONS)
    assert encoded_shards == []
    assert sparton.Searcher(tmp_path / "index").search("bag", 3)


def test_overwriting_replaces_everything(bags, tmp_path, write_parquet):
    sparton.build_index(bags, tmp_path / "index", **OPTIONS)
    other = write_parquet(tmp_path / "hats.parquet", id=["h1"], text=["a straw hat"])
    report = sparton.build_index(other, tmp_path / "index", overwrite=True, **OPTIONS)
    assert (report.resumed, report.counts.documents) == (False, 1)
    assert list(collection(tmp_path / "index")) == ["part-00000.jsonl"]
    searcher = sparton.Searcher(tmp_path / "index")
    assert [hit.id for hit in searcher.search("hat", 10)] == ["h1"]
    assert {hit.id for hit in searcher.search("black leather bag", 10)} <= {"h1"}


def test_overwriting_with_a_bad_corpus_keeps_the_old_index(bags, tmp_path, write_parquet):
    sparton.build_index(bags, tmp_path / "index", **OPTIONS)
    bad = write_parquet(tmp_path / "bad.parquet", id=["h1", "h1"], text=["a hat", "a cap"])
    with pytest.raises(sparton.SpartonError, match="stands twice"):
        sparton.build_index(bad, tmp_path / "index", overwrite=True, **OPTIONS)
    assert load_manifest(tmp_path / "index").stage == COMPLETE
    assert len(sparton.Searcher(tmp_path / "index").search("bag", 5)) == 5


def test_the_text_is_not_stored_when_it_is_not_wanted(bags, tmp_path):
    sparton.build_index(bags, tmp_path / "index", store_text=False, **OPTIONS)
    for part in collection(tmp_path / "index").values():
        assert b'"contents"' not in part
    assert [hit.text for hit in sparton.Searcher(tmp_path / "index").search("bag", 2)] == [None, None]


def test_rows_without_text_are_counted(tmp_path, write_parquet):
    path = write_parquet(tmp_path / "a.parquet", id=list("abcde"), text=["black bag", None, "", "  ", "red bag"])
    counts = sparton.build_index(path, tmp_path / "index", **OPTIONS).counts
    assert (counts.rows, counts.documents, counts.dropped_no_text, counts.dropped_no_terms) == (5, 2, 3, 0)
    assert [hit.id for hit in sparton.Searcher(tmp_path / "index").search("red bag", 9)] == ["e", "a"]


def test_texts_that_were_cut_are_counted(bags, tmp_path):
    counts = sparton.build_index(bags, tmp_path / "index", lucene=False, max_length=5, **OPTIONS).counts
    assert (counts.truncated, counts.tokens) == (60, 300)


def test_top_terms_holds_for_every_document(bags, tmp_path):
    counts = sparton.build_index(bags, tmp_path / "index", lucene=False, top_terms=3, **OPTIONS).counts
    assert counts.postings == 3 * 60


def test_the_manifest_records_what_a_query_must_repeat(bags, tmp_path):
    sparton.build_index(bags, tmp_path / "index", lucene=False, max_length=32, scale=50, dtype="float32", **OPTIONS)
    settings = load_manifest(tmp_path / "index").settings
    spec = settings.model.documents
    assert (settings.model.name, spec.kind, spec.max_length, spec.dtype) == ("small", "masked_lm", 32, "float32")
    assert (settings.scale, settings.id_column, settings.text_columns) == (50, "id", ("text",))
    queries = settings.model.queries
    assert (queries.kind, queries.max_length, queries.dtype) == ("static", None, None)
    assert spec.digest != queries.digest
    assert all(digest.startswith("sha256:") for digest in (spec.digest, queries.digest))


def test_two_runs_on_one_folder_are_refused(bags, tmp_path):
    folder = tmp_path / "index"
    folder.mkdir()
    with locked(folder, "unused"), pytest.raises(sparton.SpartonError) as caught:
        sparton.build_index(bags, folder, **OPTIONS)
    assert str(caught.value) == (f"another run is writing the index {folder}; wait for it, or name another folder")
    assert sparton.build_index(bags, folder, **OPTIONS).counts.documents == 60


def test_overwriting_goes_on_where_it_was_interrupted(bags, tmp_path, encoded_shards):
    folder = tmp_path / "index"
    sparton.build_index(bags, folder, lucene=False, top_terms=5, **OPTIONS)
    report = sparton.build_index(bags, folder, lucene=False, overwrite=True, **OPTIONS)
    assert not report.resumed
    whole = collection(folder)
    manifest = load_manifest(folder)
    manifest.at(ENCODING).save(folder)
    (folder / "shards" / "part-00002.json").unlink()
    encoded_shards.clear()
    report = sparton.build_index(bags, folder, lucene=False, overwrite=True, **OPTIONS)
    assert report.resumed
    assert len(encoded_shards) == 1
    assert collection(folder) == whole


@pytest.mark.parametrize("marker", ["", '{"generation": "00", "digest": "sha256:0", "counts": {"rows": 20}}'])
def test_a_marker_that_is_damaged_or_of_another_build_is_not_believed(bags, tmp_path, encoded_shards, marker):
    folder = tmp_path / "index"
    sparton.build_index(bags, folder, lucene=False, **OPTIONS)
    whole = collection(folder)
    load_manifest(folder).at(ENCODING).save(folder)
    (folder / "shards" / "part-00001.json").write_text(marker)
    encoded_shards.clear()
    report = sparton.build_index(bags, folder, lucene=False, **OPTIONS)
    assert len(encoded_shards) == 1
    assert report.counts.documents == 60
    assert collection(folder) == whole
