"""Rows that are put into a finished index, documents that are taken out of it, and merging.

What is found then is what a fresh build of the final corpus finds.
"""

import json
import shutil
from contextlib import closing

import pytest
from support.updates import Catalogue, build, collection_of, counted, found, make, write_rows

import sparton
from sparton.errors import SpartonError, UsageError
from sparton.search.check import check_index
from sparton.storage.manifest import load_manifest

pytestmark = pytest.mark.slow

SMALL = {"shard_rows": 40, "index_processes": 2, "heap_mb": 128}


def checked(run_cli, index):
    ran = run_cli("info", "--index", index, "--check")
    assert ran.code == 0, ran.stderr
    return ran.stdout


def files_of(index):
    return {path.relative_to(index).as_posix(): path.read_bytes() for path in index.rglob("*") if path.is_file()}


@pytest.fixture
def small(static_model, tmp_path):
    """An index of 60 products, and those."""
    catalogue = Catalogue(60)
    return build(tmp_path / "index", catalogue.rows.values(), static_model, **SMALL), catalogue.rows


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="plain"),
        pytest.param({"store_text": False}, id="without texts"),
        pytest.param({"chunk": True, "max_length": 8}, id="passages"),
        pytest.param({"join": False}, id="several Lucene indexes"),
    ],
)
def test_random_changes_leave_what_a_fresh_build_of_the_final_corpus_has(static_model, tmp_path, run_cli, options):
    catalogue = Catalogue(120)
    index = build(tmp_path / "index", catalogue.rows.values(), static_model, **SMALL, **options)
    for turn in range(7):
        make(catalogue.change(share=0.1), index, tmp_path / "rows.jsonl")
        if turn % 3:
            continue
        fresh = build(tmp_path / f"fresh{turn}", catalogue.rows.values(), static_model, **SMALL, **options)
        assert found(index) == found(fresh)
        assert collection_of(index) == collection_of(fresh)
        assert counted(index) == counted(fresh)
        assert load_manifest(index).counts.rows == len(catalogue.rows)
        checked(run_cli, index)


def test_each_row_is_counted_by_what_became_of_it(small, tmp_path, run_cli):
    index, rows = small
    names = list(rows)
    update = write_rows(
        tmp_path / "update.jsonl",
        [
            rows[names[0]],
            {**rows[names[1]], "price": 1},
            {**rows[names[2]], "text": "gold clutch"},
            {**rows[names[3]], "text": ""},
            {**rows[names[4]], "text": "tan"},  # which has no weight
            {**rows[names[0]], "id": "new"},
            {**rows[names[0]], "id": "never", "text": "tan"},
            {**rows[names[0]], "id": "empty", "text": " "},
        ],
    )
    shutil.copytree(index, tmp_path / "same", copy_function=shutil.copy2)
    assert run_cli("update", tmp_path / "same", update).stdout == (
        f"{tmp_path / 'same'}: 1 added, 1 with another text, 1 with other fields, 1 unchanged, 1 removed, as it has no "
        "text, 1 removed, as it has no term, 1 without text, 1 without a term; 59 documents, generation 1\n"
    )
    ran = run_cli("update", index, update, "--json")
    assert ran.code == 0, ran.stderr
    report = json.loads(ran.stdout)
    del report["seconds"]
    assert report == {
        "index": str(index),
        "generation": 1,
        "documents": 59,
        "added": 1,
        "changed text": 1,
        "changed fields": 1,
        "unchanged": 1,
        "removed": 2,
        "without text": 2,
        "without terms": 2,
        "missing": [],
        "merged": False,
        "rows left out": {},
        "seismic generation": None,
        "bm25 generation": None,
    }
    assert run_cli("update", index, update).stdout == (
        f"{index}: 4 unchanged, 2 without text, 2 without a term; 59 documents, generation 1\n"
    )
    assert "  generation  1 (updated once since it was built)\n" in run_cli("info", "--index", index).stdout


def test_rows_that_change_nothing_write_nothing(small, tmp_path):
    index, rows = small
    before = files_of(index)
    report = sparton.update_index(write_rows(tmp_path / "same.jsonl", rows.values()), index)
    assert (report.unchanged, report.generation) == (60, 0)
    assert sparton.delete_documents(index, ["nobody"]).missing == ("nobody",)
    assert files_of(index) == before


def test_merging_what_is_whole_writes_nothing(static_model, tmp_path):
    options = {"shard_rows": 60, "index_processes": 1, "heap_mb": 128}
    index = build(tmp_path / "index", Catalogue(60).rows.values(), static_model, **options)
    before = files_of(index)
    assert not sparton.compact_index(index).merged
    assert files_of(index) == before | {".lock": b""}


def test_a_check_beside_an_update_is_of_the_newer_generation(small, tmp_path, run_cli):
    index, rows = small
    sparton.update_index(write_rows(tmp_path / "rows.jsonl", [{**rows["d1"], "text": "gold"}]), index)
    before = load_manifest(index)
    sparton.delete_documents(index, "d2")
    sparton.compact_index(index)
    assert check_index(index, before).documents == 59
    part = index / "collection" / load_manifest(index).updated.parts[0].name
    part.write_bytes(part.read_bytes()[:-1])
    ran = run_cli("info", "--check", "--index", index)
    assert (ran.code, ran.stderr) == (
        1,
        f"Error: {part} is not what was written; put the right file back, or build the index again with --overwrite\n",
    )
    shutil.rmtree(index / "collection")
    assert (
        checked(run_cli, index)
        .splitlines()[-1]
        .endswith("checksums: as they were written; the collection is not on this machine and was not checked")
    )


def test_a_lucene_index_that_cannot_be_read_is_told(small, tmp_path):
    index, _ = small
    vectors = tmp_path / "vectors"
    sparton.index_vectors(index / "collection", vectors)
    for folder in (index, vectors):
        min((folder / "lucene").glob("*.si")).unlink()
        with pytest.raises(SpartonError) as caught:
            sparton.delete_documents(folder, "d1")
        assert str(caught.value) == (
            f"Lucene cannot read {folder / 'lucene'} (CorruptIndexException); look at all of it with `sparton info "
            "--check`, and build the index again with overwrite=True"
        )


def test_a_change_of_fields_needs_no_model(small, tmp_path, static_model):
    index, rows = small
    static_model.rename(static_model.with_name("elsewhere"))
    try:
        cheaper = [{**row, "price": 0.5} for row in rows.values()]
        assert sparton.update_index(write_rows(tmp_path / "cheap.jsonl", cheaper), index).changed_fields == 60
        with pytest.raises(SpartonError, match="is no folder; put the model there"):
            sparton.update_index(write_rows(tmp_path / "new.jsonl", [{**cheaper[0], "text": "gold"}]), index)
    finally:
        static_model.with_name("elsewhere").rename(static_model)
    assert load_manifest(index).number == 1


def test_ids_are_deleted_by_a_file_or_a_filter(small, tmp_path, run_cli):
    index, rows = small
    ids = tmp_path / "ids.txt"
    ids.write_text("d3\nd4\n\nd3\nnobody\n")
    ran = run_cli("delete", index, "--ids", ids)
    assert (ran.code, ran.stdout) == (
        0,
        f"{index}: 2 removed, 1 not in the index (nobody); 58 documents, generation 1\n",
    )
    left = {name: row for name, row in rows.items() if name not in ("d3", "d4") and row["in_stock"]}
    ran = run_cli("delete", index, "--filter", "in_stock = false")
    assert f"; {len(left)} documents, generation 2\n" in ran.stdout
    assert set(collection_of(index)) == set(left)
    assert "as they were written" in checked(run_cli, index)
    ran = run_cli("delete", index)
    assert (ran.code, ran.stderr) == (2, "Error: there is nothing to delete; give --ids or --filter\n")
    both = (2, "Error: --ids and --filter were given; delete by one of them at a time\n")
    ran = run_cli("delete", index, "--ids", ids, "--filter", "price > 100000")
    assert (ran.code, ran.stderr) == both
    before = files_of(index)
    for empty in ("", "\n \n"):
        ids.write_text(empty)
        ran = run_cli("delete", index, "--ids", ids)
        assert (ran.code, ran.stdout) == (0, f"{index}: nothing to do; {len(left)} documents, generation 2\n")
        assert ran.stderr.splitlines()[0] == f"nothing to delete: {ids} has no ids"
        ran = run_cli("delete", index, "--ids", ids, "--filter", "price > 100000")
        assert (ran.code, ran.stderr) == both
    assert sparton.delete_documents(index, []).removed == 0
    assert files_of(index) == before


def test_one_id_or_one_filter_is_understood(small, tmp_path):
    index, rows = small
    assert sparton.delete_documents(index, "d5").removed == 1
    sparton.delete_documents(index, filters="in_stock = false")
    assert set(collection_of(index)) == {name for name, row in rows.items() if name != "d5" and row["in_stock"]}
    for wrong, said in ((["d6", 7], "['d6', 7]"), (7, "7")):
        with pytest.raises(UsageError) as caught:
            sparton.delete_documents(index, wrong)
        assert str(caught.value) == f"ids is {said}; expected texts"


def test_every_document_may_be_deleted_and_others_added(small, tmp_path, run_cli):
    index, rows = small
    report = sparton.delete_documents(index, rows)
    assert (report.removed, report.documents) == (60, 0)
    with closing(sparton.Searcher(index)) as searcher:
        assert searcher.search("black bag") == []
    checked(run_cli, index)
    assert sparton.update_index(write_rows(tmp_path / "all.jsonl", rows.values()), index).added == 60
    checked(run_cli, index)


def test_a_searcher_goes_on_with_the_generation_that_it_opened(small, tmp_path):
    index, rows = small
    with closing(sparton.Searcher(index)) as searcher:
        before = [(hit.id, hit.score, hit.text) for hit in searcher.search("black bag", 100)]
        sparton.delete_documents(index, list(rows)[:30])
        sparton.compact_index(index)
        assert [(hit.id, hit.score, hit.text) for hit in searcher.search("black bag", 100)] == before
    with closing(sparton.Searcher(index)) as searcher:
        assert len(searcher.search("black bag", 100)) == 30


def test_merging_leaves_one_segment_and_full_parts(small, tmp_path, run_cli):
    index, rows = small
    for number in range(5):
        sparton.update_index(write_rows(tmp_path / "one.jsonl", [{**rows["d1"], "text": f"word{number + 1}"}]), index)
    before = found(index)
    ran = run_cli("compact", index)
    assert (ran.code, ran.stdout) == (
        0,
        f"{index}: what was dead is merged away; 60 documents, generation 6\n",
    )
    assert found(index) == before
    updated = load_manifest(index).updated
    assert [part.documents for part in updated.parts] in ([40, 20], [39, 21])
    assert sum(name.endswith(".fdt") for name in updated.commits[0].files) == 1
    checked(run_cli, index)
    assert run_cli("compact", index).stdout == f"{index}: nothing to do; 60 documents, generation 6\n"


def test_an_updated_index_is_not_built_over_silently(small, tmp_path, static_model):
    index, _ = small
    sparton.delete_documents(index, ["d1"])
    before = files_of(index)
    with pytest.raises(SpartonError) as caught:
        build(index, Catalogue(60).rows.values(), static_model, **SMALL)
    assert str(caught.value) == (
        f"the index {index} was made of this corpus and updated once since; change it with `sparton update` or "
        "`sparton delete`, or use overwrite=True to build it again without these updates"
    )
    assert files_of(index) == before
    build(index, Catalogue(60).rows.values(), static_model, **SMALL, overwrite=True)
    assert (load_manifest(index).number, len(collection_of(index))) == (0, 60)


def test_an_id_that_stands_twice_is_refused(small, tmp_path):
    index, rows = small
    path = write_rows(tmp_path / "twice.jsonl", [rows["d1"], {**rows["d1"], "text": "gold"}])
    with pytest.raises(SpartonError) as caught:
        sparton.update_index(path, index)
    assert str(caught.value) == f"the id 'd1' stands twice: at {path} line 1 and at {path} line 2; make ids unique"
    assert load_manifest(index).number == 0


def test_a_part_that_was_changed_is_not_copied(small, tmp_path):
    index, _ = small
    part = index / "collection" / "part-00000.jsonl"
    part.write_bytes(part.read_bytes().replace(b"leather", b"lEather"))
    before = files_of(index)
    with pytest.raises(SpartonError) as caught:
        sparton.delete_documents(index, ["d1"])
    assert str(caught.value) == (
        f"{part} is not what was written; put the right file back, or build the index again with overwrite=True"
    )
    after = files_of(index)
    assert {**after, "sparton.json": before["sparton.json"]} == before | {
        name: b"" for name in ("lucene/write.lock", ".lock") if name not in before
    }
    assert load_manifest(index).number == 0


def test_what_is_no_finished_index_is_not_changed(tmp_path, catalog, run_cli):
    ran = run_cli("update", tmp_path / "none", catalog)
    assert (ran.code, ran.stderr) == (
        1,
        f"Error: the index {tmp_path / 'none'} does not exist; make it with `sparton index CORPUS --index "
        f"{tmp_path / 'none'}`\n",
    )
    assert not (tmp_path / "none").exists()


def test_vectors_of_another_tool_can_be_deleted_and_not_updated(tmp_path, small, run_cli):
    other, rows = small
    index = tmp_path / "vectors"
    sparton.index_vectors(other / "collection", index, index_processes=1, heap_mb=128)
    with pytest.raises(SpartonError) as caught:
        sparton.update_index(write_rows(tmp_path / "rows.jsonl", rows.values()), index)
    assert str(caught.value) == (
        f"the index {index} was made of vectors that another tool wrote, so no row can be encoded for it; add to those "
        "vectors and index them again"
    )
    report = sparton.delete_documents(index, ["d1", "d2", "nobody"])
    assert (report.removed, report.missing, report.documents) == (2, ("nobody",), 58)
    assert "58 documents" in checked(run_cli, index)
    assert sparton.compact_index(index).merged
    assert "58 documents" in checked(run_cli, index)
