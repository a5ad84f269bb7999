"""Rows that a program has are indexed as a file of them is, are called by what they were, and leave no file behind."""

import json
import os
import subprocess
import sys
from collections import OrderedDict
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sparton
from sparton.errors import SpartonError, UsageError
from sparton.storage.manifest import ENCODING, load_manifest

needs_pandas = pytest.mark.skipif(find_spec("pandas") is None, reason="pandas is not installed")
needs_datasets = pytest.mark.skipif(find_spec("datasets") is None, reason="datasets is not installed")
TABLE = pa.table(
    {
        "sku": [f"d{i:02}" for i in range(50)],
        "title": [f"{('black', 'red', 'tan')[i % 3]} leather bag word{i}" if i % 7 else None for i in range(50)],
        "price": [i * 1.5 for i in range(50)],
        "tags": [["a", "b"][: i % 3] for i in range(50)],
    }
)
COLUMNS = {"id_column": "sku", "text_columns": "title"}


def collection(folder):
    return {path.name: path.read_bytes() for path in (folder / "collection").iterdir()}


def hits(folder):
    with_index = sparton.Searcher(folder)
    found = [with_index.search(query, 50) for query in ("black bag", "word7 tan", "red word31")]
    with_index.close()
    return found


def left(folder):
    """Everything in a folder but the index."""
    return sorted(path.name for path in folder.iterdir() if path.name != "index")


@pytest.fixture
def build(static_model, tmp_path):
    """Build an index of a corpus in a folder of its own, beside which nothing else is."""

    def build(corpus, name="index", **options):
        options = {"model": str(static_model), "shard_rows": 20, **COLUMNS, **options}
        return sparton.build_index(corpus, tmp_path / name, **options)

    return build


@pytest.fixture(scope="module")
def expected(static_model, tmp_path_factory):
    """The collection of the same rows as a Parquet file, and hits in its index."""
    folder = tmp_path_factory.mktemp("expected")
    pq.write_table(TABLE, folder / "rows.parquet")
    sparton.build_index(folder / "rows.parquet", folder / "index", model=str(static_model), shard_rows=20, **COLUMNS)
    return collection(folder / "index"), hits(folder / "index")


def batches(sizes):
    start = 0
    for size in sizes:
        yield TABLE.slice(start, size).combine_chunks().to_batches()[0]
        start += size


class Columns:
    """What follows Arrow's protocol and no more, as polars hands over its columns: views of texts, and codes."""

    def __arrow_c_stream__(self, requested_schema=None):
        views = [TABLE["sku"].cast(pa.string_view()), TABLE["title"].dictionary_encode(), TABLE["price"], TABLE["tags"]]
        return pa.table(views, names=TABLE.column_names).__arrow_c_stream__(requested_schema)


def of_pandas():
    return TABLE.to_pandas()


def of_pandas_by_labels():
    return TABLE.to_pandas().set_index("sku")


def of_pandas_filtered():
    import pandas

    frame = TABLE.to_pandas()
    return pandas.concat([frame, frame]).iloc[50:]  # whose labels are no range


def of_datasets():
    import datasets

    return datasets.Dataset.from_list(
        [{"sku": "none", "title": "", "price": 0.0, "tags": []}, *TABLE.to_pylist()]
    ).select(range(1, 51))


GIVEN = {
    "Table": lambda: TABLE,
    "RecordBatch": lambda: TABLE.combine_chunks().to_batches()[0],
    "RecordBatchReader": lambda: pa.RecordBatchReader.from_batches(TABLE.schema, batches([1, 30, 19])),
    "Columns": Columns,
    "list": lambda: TABLE.to_pylist(),
    "tuple": lambda: tuple(OrderedDict(row) for row in TABLE.to_pylist()),
    "generator": lambda: (row for row in TABLE.to_pylist()),
    "map": lambda: map(dict, TABLE.to_pylist()),
}
OF_PANDAS = {
    "whole": of_pandas,
    "by labels": of_pandas_by_labels,
    "filtered": of_pandas_filtered,
    "of objects": lambda: of_pandas().astype({"sku": object, "title": object}),
    "of objects by labels": lambda: of_pandas_by_labels().astype({"title": object}),
}


@pytest.mark.parametrize("kind", GIVEN)
def test_rows_are_indexed_as_a_file_of_them_is(build, expected, tmp_path, kind):
    report = build(GIVEN[kind]())
    assert (report.counts.rows, report.counts.dropped_no_text) == (50, 8)
    assert (collection(tmp_path / "index"), hits(tmp_path / "index")) == expected
    assert load_manifest(tmp_path / "index").source == (f"a {kind} of 50 rows",)
    assert left(tmp_path) == []


@needs_pandas
@pytest.mark.parametrize("form", OF_PANDAS)
def test_a_dataframe_of_pandas_is_indexed_as_a_file_of_its_rows_is(build, expected, tmp_path, form):
    report = build(OF_PANDAS[form]())
    assert sorted(report.unused) == ["price", "tags"]
    assert (collection(tmp_path / "index"), hits(tmp_path / "index")) == expected
    assert load_manifest(tmp_path / "index").source == ("a DataFrame of 50 rows",)
    assert left(tmp_path) == []


@pytest.mark.skipif(find_spec("polars") is None, reason="polars is not installed")
def test_a_dataframe_of_polars_is_indexed_as_a_file_of_its_rows_is(build, expected, tmp_path):
    import polars

    frame = polars.from_arrow(TABLE).with_columns(polars.col("title").cast(polars.Categorical))
    build(frame)
    assert (collection(tmp_path / "index"), hits(tmp_path / "index")) == expected
    assert left(tmp_path) == []


@needs_datasets
@pytest.mark.parametrize("streamed", [False, True])
def test_a_dataset_is_indexed_as_a_file_of_its_rows_is(build, expected, tmp_path, streamed):
    dataset = of_datasets()
    build(dataset.to_iterable_dataset() if streamed else dataset)
    assert (collection(tmp_path / "index"), hits(tmp_path / "index")) == expected
    described = "an IterableDataset of 50 rows" if streamed else "a Dataset of 50 rows"
    assert load_manifest(tmp_path / "index").source == (described,)
    assert left(tmp_path) == []


@needs_datasets
def test_a_dataset_is_taken_as_it_gives_its_rows_where_its_columns_have_no_types(build, expected, tmp_path):
    import datasets

    untyped = datasets.IterableDataset.from_generator(TABLE.to_pylist)
    assert untyped.features is None
    build(untyped)
    assert (collection(tmp_path / "index"), hits(tmp_path / "index")) == expected
    upper = of_datasets().with_transform(
        lambda rows: {**rows, "title": [f"{text or ''} gold" for text in rows["title"]]}
    )
    build(upper, lucene=False, overwrite=True)
    lines = b"".join(part for _, part in sorted(collection(tmp_path / "index").items())).splitlines()
    assert [json.loads(line)["contents"] for line in lines] == [
        f"{row['title'] or ''} gold" for row in TABLE.to_pylist()
    ]


TYPED = pa.table(
    {
        "id": ["a", "b", "c"],
        "title": ["black leather bag", "red bag", "tan bag"],
        "price": [390.5, None, 12.0],
        "cost": pa.array([Decimal("19.90"), Decimal("7.00"), None], pa.decimal128(10, 2)),
        "stock": [7, 0, None],
        "in_stock": [True, False, None],
        "added": pa.array([datetime(2026, 1, 2, 3, 4, tzinfo=UTC), None, datetime(1969, 5, 6, tzinfo=UTC)]),
        "day": pa.array([date(2026, 1, 2), None, date(1969, 5, 6)]),
        "tags": [["a", "b"], [], None],
        "maker": [{"name": "Verrane", "year": 1999}, {"name": "Adele", "year": None}, None],
        "colour": pa.array(["black", "red", None]).dictionary_encode(),
    }
)
FORMS = {
    "table": lambda: TYPED,
    "dicts": TYPED.to_pylist,
    "pandas": lambda: TYPED.to_pandas(types_mapper=_kept),
    "records": lambda: TYPED.to_pandas(types_mapper=_kept).to_dict("records"),
    "dataset": lambda: __import__("datasets").Dataset(TYPED),
}


def _kept(of):
    """pandas' own types of columns in which a value may be missing."""
    import pandas

    return {pa.int64(): pandas.Int64Dtype(), pa.bool_(): pandas.BooleanDtype()}.get(of)


@pytest.mark.parametrize("form", FORMS)
def test_fields_are_those_of_a_file_of_the_same_rows(build, tmp_path, form):
    for name, kinds in (("pandas", ("pandas", "records")), ("datasets", ("dataset",))):
        if form in kinds and find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    pq.write_table(TYPED, tmp_path / "typed.parquet")
    options = {"id_column": "id", "text_columns": "title", "fields": "all", "lucene": False}
    build(tmp_path / "typed.parquet", "expected", **options)
    (expected,) = collection(tmp_path / "expected").values()
    build(FORMS[form](), **options)
    (found,) = collection(tmp_path / "index").values()
    lines = [json.loads(line) for line in found.splitlines()]
    assert lines == [json.loads(line) for line in expected.splitlines()]
    assert lines[0]["fields"] == {
        "title": "black leather bag",
        "price": 390.5,
        "cost": 19.9,
        "stock": 7,
        "in_stock": True,
        "added": "2026-01-02T03:04:00Z",
        "day": "2026-01-02T00:00:00Z",
        "tags": ["a", "b"],
        "maker.name": "Verrane",
        "maker.year": 1999,
        "colour": "black",
    }
    kinds = [{field.name: field.kind for field in load_manifest(tmp_path / name).settings.fields} for name in
             ("index", "expected")]  # fmt: skip
    assert kinds[0] == kinds[1]


@pytest.mark.slow
@needs_pandas
def test_columns_of_objects_are_taken_a_piece_at_a_time(build, tmp_path):
    import pandas

    rows = 9_001
    frame = pandas.DataFrame(
        {
            "sku": pandas.Series([f"d{i}" for i in range(rows)], dtype=object),
            "title": pandas.Series([f"bag word{i % 150}" for i in range(rows)], dtype=object),
            "rare": [None] * (rows - 1) + [Decimal("1234.5")],  # of which most pieces have none
        }
    )
    frame.index += 7
    frame = pandas.concat([frame[:4_000], frame[4_000:]])
    frame["words"] = pandas.concat(
        [pandas.Series(["a"] * size, dtype="string[pyarrow]") for size in (10, rows - 10)]
    ).array
    assert [str(dtype) for dtype in frame.dtypes[:3]] == ["object"] * 3
    build(frame, fields="rare", lucene=False, shard_rows=rows)
    build(
        pa.table({name: frame[name].tolist() for name in frame}),
        "expected",
        fields="rare",
        lucene=False,
        shard_rows=rows,
    )
    assert collection(tmp_path / "index") == collection(tmp_path / "expected")
    (part,) = collection(tmp_path / "index").values()
    assert json.loads(part.splitlines()[-1])["fields"] == {"rare": 1234.5}


def test_paths_may_come_from_an_iterator(build, expected, tmp_path):
    pq.write_table(TABLE, tmp_path / "rows.parquet")
    build(tmp_path.glob("*.parquet"))
    assert (collection(tmp_path / "index"), hits(tmp_path / "index")) == expected
    assert load_manifest(tmp_path / "index").source == (str(tmp_path / "rows.parquet"),)


def test_rows_may_have_other_columns_and_other_types(build, static_model, tmp_path):
    rows = [
        {"sku": 7, "title": "black bag", "price": Decimal("12.50")},
        {"sku": 2**70, "title": None, "more": "red \ud83d bag", "seen": datetime(2026, 1, 2, tzinfo=UTC)},
        {"sku": np.int64(9), "title": np.float32(2.5), "on": date(2026, 1, 2)},
        {"sku": np.str_("d"), "title": Decimal("7.500"), "rest": {"deep": np.arange(3)}},
        {},
    ]
    with pytest.raises(SpartonError) as caught:
        build(rows, text_columns=["title", "more"], lucene=False)
    assert str(caught.value) == (
        "row 5 of the list has no id in column 'sku', and every document needs one; mend it, or leave out such rows "
        "with skip_bad_rows=True"
    )
    report = build(rows, text_columns=["title", "more"], skip_bad_rows=True, lucene=False)
    (part,) = collection(tmp_path / "index").values()
    documents = {line["id"]: line["contents"] for line in map(json.loads, part.splitlines())}
    assert documents == {"7": "black bag", str(2**70): "red \ufffd bag", "9": "2.5", "d": "7.500"}
    assert report.skipped == {"no id": 1}
    assert json.loads((tmp_path / "index" / "skipped-rows.jsonl").read_text()) == {
        "file": "the list",
        "row": 5,
        "kind": "no id",
        "found": "has no id in column 'sku', and every document needs one",
    }


def broken():
    yield from TABLE.to_pylist()[:30]
    raise ZeroDivisionError("of its own")


def broken_batches():
    yield from batches([30])
    raise ZeroDivisionError("of its own")


def of_its_own():
    yield {"sku": "a", "title": "bag"}
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("corpus", "kind"),
    [
        (broken, ZeroDivisionError),
        (lambda: pa.RecordBatchReader.from_batches(TABLE.schema, broken_batches()), ZeroDivisionError),
        (of_its_own, OSError),
    ],
)
def test_what_an_iterator_raises_comes_out_and_nothing_is_left(build, tmp_path, corpus, kind):
    with pytest.raises(kind, match=r"own|No space") as caught:
        build(corpus())
    assert type(caught.value) is kind
    assert list(tmp_path.iterdir()) == []


def twice(rows):
    return [*rows, rows[3]]


MIXED = "give each column one type, or give its rows as dicts"
PATHS = (
    "; expected paths, a DataFrame, an Arrow table or reader, a Dataset, or dicts of which each is a row, by the names "
    "of columns"
)
REFUSED = [
    (lambda: twice(TABLE.to_pylist()), "the id 'd03' stands twice: at row 4 of the list and at row 51 of the list; "
     "make ids unique"),
    (lambda: pa.concat_tables([TABLE, TABLE.slice(3, 1)]), "the id 'd03' stands twice: at row 4 of the Table and at "
     "row 51 of the Table; make ids unique"),
    (lambda: [*TABLE.to_pylist()[:6], {"sku": None, "title": "x"}], "row 7 of the list has no id in column 'sku', and "
     "every document needs one; mend it, or leave out such rows with skip_bad_rows=True"),
    (lambda: [{"sku": "a", "title": "x"}, "b"], "row 2 of the list is 'b'; expected a dict with values by the names of "
     "their columns"),
    (lambda: iter([{"sku": "a", 5: "x"}]), "row 1 of the list_iterator has the column 5; expected names of columns, "
     "which are strings"),
    (lambda: [{"sku": "a", "title": b"x"}], "row 1 of the list has a bytes in column 'title', which cannot be written "
     "as JSON; expected text, a number, a boolean, a date, a list or a dict"),
    (lambda: [{"sku": "a", "title": {1, 2}}], "row 1 of the list has a set in column 'title', which cannot be written "
     "as JSON; expected text, a number, a boolean, a date, a list or a dict"),
    (lambda: (row for row in ()), "the generator has no rows; there is nothing to index"),
    (lambda: TABLE.slice(0, 0), "the Table has no rows; there is nothing to index"),
    (lambda: TABLE.select([]), "the Table has no columns; there is nothing to index"),
    (lambda: TABLE.drop_columns("sku"), "the corpus has no column 'sku'; its columns are title, price, tags"),
    (lambda: [], "no corpus was given; name a Parquet file, a folder or a glob"),
    (lambda: TABLE["sku"], "the ChunkedArray cannot be kept as columns (Cannot import schema: ArrowSchema describes "
     f"non-struct type string); {MIXED}"),
    (lambda: 5, f"corpus is a int{PATHS}"),
    (lambda: b"rows.parquet", f"corpus is a bytes{PATHS}"),
    (lambda: ["a.parquet", {"sku": "a"}], f"corpus has a dict among paths{PATHS}"),
    (lambda: {"sku": ["a"], "title": ["b"]}, f"corpus is a dict{PATHS}; pyarrow.table(…) makes a table of columns, and "
     "of splits one is meant, as in corpus['train']"),
]  # fmt: skip


@pytest.mark.parametrize(("corpus", "sentence"), REFUSED)
def test_what_is_wrong_is_said_in_a_sentence_and_nothing_is_left(build, tmp_path, corpus, sentence):
    with pytest.raises(SpartonError) as caught:
        build(corpus())
    assert str(caught.value) == sentence
    assert list(tmp_path.iterdir()) == []


@needs_pandas
def test_a_column_of_mixed_types_is_named(build, tmp_path):
    import pandas

    with pytest.raises(SpartonError) as caught:
        build(pandas.DataFrame({"sku": ["a", 5], "title": ["x", "y"]}))
    assert str(caught.value) == (
        "the DataFrame cannot be kept as columns (Expected bytes, got a 'int' object; Conversion failed for column sku "
        f"with type object); {MIXED}"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("form", ["columns", "rows"])
def test_an_interrupted_build_goes_on_with_the_same_rows_however_they_come(
    build, expected, tmp_path, monkeypatch, form
):
    from sparton.pipeline.encoding.static_encoder import StaticEncoder

    def given(sizes):
        if form == "columns":
            return pa.RecordBatchReader.from_batches(TABLE.schema, batches(sizes))
        return iter(TABLE.to_pylist())

    encoded, real = [], StaticEncoder.encode_stream

    def stopped(self, shards, *rest):
        for number, impacts in enumerate(real(self, shards, *rest)):
            if number == 2 and not encoded:
                encoded.append("stopped")
                raise KeyboardInterrupt
            encoded.extend([len(impacts)] if "stopped" in encoded else [])
            yield impacts

    monkeypatch.setattr(StaticEncoder, "encode_stream", stopped)
    with pytest.raises(KeyboardInterrupt):
        build(given([50]))
    assert load_manifest(tmp_path / "index").stage == ENCODING
    assert left(tmp_path) == []
    report = build(given([1, 2, 47]))
    assert report.resumed
    assert len(encoded) == 2  # the third shard, and nothing else
    assert (collection(tmp_path / "index"), hits(tmp_path / "index")) == expected
    digest = load_manifest(tmp_path / "index").settings.corpus
    assert build(given([50])).counts == report.counts
    with pytest.raises(SpartonError, match=rf"made with other settings: corpus {digest[:15]} \(now sha256:"):
        build(TABLE.slice(1) if form == "columns" else TABLE.slice(1).to_pylist())
    assert left(tmp_path) == []


def test_rows_lie_where_they_are_told_to_meanwhile(build, tmp_path, monkeypatch):
    seen = []

    def watched():
        for row in TABLE.to_pylist():
            seen.append({str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()})
            yield row

    monkeypatch.setenv("SPARTON_SCRATCH", str(tmp_path / "scratch"))
    build(watched(), "far/index", lucene=False)
    (name,) = [name for name in seen[-1] if name.endswith("rows.jsonl")]
    assert Path(name).parts[0] == "scratch"
    assert list((tmp_path / "scratch").iterdir()) == []
    monkeypatch.delenv("SPARTON_SCRATCH")
    seen.clear()
    build(watched(), "far/off/index", lucene=False)
    (name,) = [name for name in seen[-1] if name.endswith("rows.jsonl")]
    assert Path(name).parts[0] == "far"
    assert sorted(path.name for path in (tmp_path / "far").iterdir()) == ["index", "off"]


def test_a_folder_that_takes_no_rows_is_named(build, tmp_path, monkeypatch):
    (tmp_path / "scratch").write_text("")
    monkeypatch.setenv("SPARTON_SCRATCH", str(tmp_path / "scratch"))
    with pytest.raises(SpartonError) as caught:
        build(TABLE)
    assert str(caught.value) == (
        f"rows that a program gives are written to a file first, and the folder {tmp_path}/scratch takes none (File "
        "exists); name another with SPARTON_SCRATCH"
    )


KILLED = """
import os, sparton

def rows():
    yield {"sku": "a", "title": "black bag"}
    os.kill(os.getpid(), 9)

sparton.build_index(rows(), "index", id_column="sku", text_columns="title", lucene=False)
"""


@pytest.mark.slow
def test_what_a_killed_process_left_is_removed_and_what_another_uses_is_not(build, tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, env=os.environ | {"PYTHONPATH": _source()})
    assert killed.returncode == -9
    assert [name[:14] for name in left(tmp_path)] == [".sparton-rows-"]

    def rows():
        yield {"sku": "a", "title": "black bag"}
        build(TABLE, "other", lucene=False)
        assert [name[:14] for name in left(tmp_path)] == [".sparton-rows-", "other"]  # that of these rows

    assert build(rows(), lucene=False).counts.rows == 1
    assert left(tmp_path) == ["other"]


def _source():
    return os.pathsep.join(sys.path)


def test_a_cluster_does_not_read_from_a_folder_of_one_machine(static_model, tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="ray is not installed (extra ray)")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    uri = "s3://key:secret@bucket/index?endpoint_override=127.0.0.1:9&scheme=http"
    from sparton.storage.scratch import scratch_folder
    from sparton.storage.staging import StagedIndex

    location = StagedIndex(tmp_path / "staged", uri)
    with pytest.raises(SpartonError) as caught, scratch_folder(location, shared=True):
        pass
    assert str(caught.value) == (
        f"the machines of a cluster cannot read rows that a program gives, as the index {location.name} is at a URI "
        "and has no folder beside it; write them to a file that all of them see, and name that"
    )
    with scratch_folder(location, shared=False) as folder:
        assert folder.parent == tmp_path / "sparton"
    assert list((tmp_path / "sparton").iterdir()) == []


def test_usage_errors_are_of_their_kind(build):
    with pytest.raises(UsageError):
        build(5)


CHANGED = pa.table({"sku": ["d03", "new", "d07"], "title": ["gold clutch", "silver clutch", None]})


@pytest.mark.slow
@pytest.mark.parametrize("form", ["table", "dicts"])
def test_an_update_takes_rows_as_a_build_does(build, static_model, tmp_path, form):
    pq.write_table(TABLE, tmp_path / "rows.parquet")
    pq.write_table(CHANGED, tmp_path / "changed.parquet")
    for name in ("expected", "index"):
        build(tmp_path / "rows.parquet", name)
    sparton.update_index(tmp_path / "changed.parquet", tmp_path / "expected")
    sparton.update_index(CHANGED if form == "table" else iter(CHANGED.to_pylist()), tmp_path / "index")
    assert collection(tmp_path / "index") == collection(tmp_path / "expected")
    assert hits(tmp_path / "index") == hits(tmp_path / "expected")
    assert left(tmp_path) == ["changed.parquet", "expected", "rows.parquet"]
    with sparton.Searcher(tmp_path / "index") as searcher:
        assert [searcher.get(name).text for name in ("d03", "new")] == ["gold clutch", "silver clutch"]
        assert ("d07" in searcher, searcher.get("d07"), len(searcher)) == (False, None, 43)
    sparton.delete_documents(tmp_path / "index", ["new"])
    with sparton.Searcher(tmp_path / "index") as searcher:
        assert ("new" in searcher, searcher.get("new"), len(searcher)) == (False, None, 42)


def test_an_update_whose_rows_end_with_an_error_leaves_the_index_as_it_was(build, tmp_path):
    build(TABLE)
    before = {path: path.read_bytes() for path in (tmp_path / "index").rglob("*") if path.is_file()}
    with pytest.raises(ZeroDivisionError, match=r"^of its own$"):
        sparton.update_index(broken(), tmp_path / "index")
    with pytest.raises(SpartonError) as caught:
        sparton.update_index([{"sku": "a", "title": "x"}, {"sku": None}], tmp_path / "index")
    assert str(caught.value).startswith("row 2 of the list has no id in column 'sku', and every document needs one")
    assert {path: path.read_bytes() for path in (tmp_path / "index").rglob("*") if path.is_file()} == before
    assert left(tmp_path) == []
