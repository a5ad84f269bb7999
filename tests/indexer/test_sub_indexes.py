"""Lucene indexes that are kept next to each other, and searched as one."""

import json

import pytest

import sparton
from sparton.errors import UsageError
from sparton.storage.manifest import load_manifest

pytestmark = pytest.mark.slow

PROCESSES = 3


@pytest.fixture(scope="module")
def collection(small_catalog, tmp_path_factory):
    """The small catalogue's vectors in seven files, so that every process gets some."""
    folder = tmp_path_factory.mktemp("sub_indexes") / "encoded"
    sparton.build_index(small_catalog, folder, shard_rows=10, lucene=False)
    return folder / "collection"


@pytest.fixture(scope="module")
def both(collection, tmp_path_factory):
    """Searchers of the joined index and of the one that is not."""
    folder = tmp_path_factory.mktemp("both")
    for name, join in (("joined", True), ("apart", False)):
        sparton.index_vectors(collection, folder / name, model="small", index_processes=PROCESSES, join=join)
    searchers = [sparton.Searcher(folder / name) for name in ("joined", "apart")]
    yield searchers
    for searcher in searchers:
        searcher.close()


def test_the_manifest_names_the_indexes(both):
    joined, apart = both
    assert joined.manifest.indexes == ("lucene",)
    assert apart.manifest.indexes == tuple(f"lucene/{number}" for number in range(PROCESSES))
    assert load_manifest(apart.path) == apart.manifest
    assert len(apart) == len(joined)


def test_hits_scores_and_order_are_those_of_the_joined_index(both, data):
    joined, apart = both
    for line in (data / "queries.tsv").read_text().splitlines()[::4]:
        query = line.split("\t")[1]
        hits = joined.search(query, 20)
        assert apart.search(query, 20) == hits
        terms = joined.terms(query)
        assert apart.explain(terms, hits[:10]) == joined.explain(terms, hits[:10])
        assert apart.rank_terms(terms, 1000) == joined.rank_terms(terms, 1000)


def test_a_run_that_was_killed_before_it_could_say_so_is_finished(collection, tmp_path):
    index = tmp_path / "index"
    sparton.index_vectors(collection, index, index_processes=PROCESSES, join=False)
    path = index / "sparton.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "stage": "encoding", "indexes": ["lucene"]}))
    before = {file: file.stat().st_mtime_ns for file in (index / "lucene").rglob("*") if file.is_file()}
    sparton.index_vectors(collection, index, index_processes=PROCESSES, join=False)
    assert len(load_manifest(index).indexes) == PROCESSES
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_one_process_has_nothing_to_join(collection, tmp_path):
    sparton.index_vectors(collection, tmp_path / "index", index_processes=1, join=False)
    assert load_manifest(tmp_path / "index").indexes == ("lucene",)


def test_one_segment_and_several_indexes_exclude_each_other(collection, tmp_path):
    with pytest.raises(
        UsageError, match=r"^optimize makes one segment and join=False keeps several indexes; leave out one of them$"
    ):
        sparton.index_vectors(collection, tmp_path / "index", optimize=True, join=False)
