"""Columns become typed fields, of all formats the same, or a sentence says why not."""

import json
import logging
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial

import pyarrow as pa
import pytest

from sparton.errors import SpartonError
from sparton.pipeline.corpus.checked import checked
from sparton.pipeline.corpus.reader import Corpus
from sparton.pipeline.corpus.shards import read_shards
from sparton.pipeline.corpus.survey import Wanted, survey_all
from sparton.storage.fields import Field
from sparton.storage.skipped_rows import SkippedRows


def read(*paths, skipped=None, header=True, **wanted):
    """The columns, and id, text and fields of each document."""
    corpus = Corpus(paths, header=header)
    columns, _ = survey_all(corpus, Wanted(**wanted), skipped)
    check = partial(checked, columns=columns, skip_bad=skipped is not None)
    found = []
    for shard in read_shards(corpus.rows(columns.all, columns.of_fields), 3, check):
        fields = shard.documents.fields
        assert len(fields) == (len(shard.documents) if columns.fields else 0)
        rows = [json.loads(text) if text else {} for text in fields or [""] * len(shard.documents)]
        found += zip(shard.documents.ids, shard.documents.texts, rows, strict=True)
    return columns, found


def kinds(columns):
    return {field.name: field.kind for field in columns.fields}


def fields_of(*paths, **how):
    return [row for _, _, row in read(*paths, **how)[1]]


def refusal(*paths, **how):
    with pytest.raises(SpartonError) as caught:
        read(*paths, **how)
    return str(caught.value)


def lines(path, *rows):
    path.write_bytes(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))
    return path


def arrow(path, table):
    if path.suffix == ".parquet":
        pa.parquet.write_table(table, path, row_group_size=2)
    else:
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    return path


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
@pytest.mark.parametrize(
    ("column", "kind", "values"),
    [
        (pa.array(["a", None, "", " "]), "string", ["a", None, None, None]),
        (pa.array(["a", "b", "a", None]).dictionary_encode(), "string", ["a", "b", "a", None]),
        (pa.array(["12", "007", None, "x"], pa.large_string()), "string", ["12", "007", None, "x"]),
        (pa.array([1, None, -3, 2**62]), "number", [1, None, -3, 2**62]),
        (pa.array([2**64 - 1, 0, 1, 2], pa.uint64()), "number", [2**64 - 1, 0, 1, 2]),
        (pa.array([1.5, float("nan"), float("inf"), 2.0]), "number", [1.5, None, None, 2.0]),
        (pa.array([Decimal("19.90"), None, Decimal("-0.05"), Decimal("7.00")]), "number", [19.9, None, -0.05, 7]),
        (pa.array([True, False, None, True]), "boolean", [True, False, None, True]),
        (
            pa.array([date(2026, 1, 2), None, date(1, 1, 1), date(9999, 12, 31)]),
            "timestamp",
            ["2026-01-02T00:00:00Z", None, "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"],
        ),
        (
            pa.array([86_400_000, None, 0, 0], pa.date64()),
            "timestamp",
            ["1970-01-02T00:00:00Z", None, *["1970-01-01T00:00:00Z"] * 2],
        ),
        (
            pa.array([datetime(2026, 1, 2, 3, 4, 5), None, datetime(1969, 1, 1), datetime(2026, 1, 1, microsecond=7)]),
            "timestamp",
            ["2026-01-02T03:04:05Z", None, "1969-01-01T00:00:00Z", "2026-01-01T00:00:00.000007Z"],
        ),
        (
            pa.array([1_234_567_891, None, -1, 0], pa.timestamp("ns", "Europe/Paris")),
            "timestamp",
            ["1970-01-01T00:00:01.234567Z", None, "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z"],
        ),
        (
            pa.array([5, None, 0, 0], pa.timestamp("s")),
            "timestamp",
            ["1970-01-01T00:00:05Z", None, *["1970-01-01T00:00:00Z"] * 2],
        ),
        (pa.array([["a", "b"], [], None, ["c", None, ""]]), "strings", [["a", "b"], None, None, ["c"]]),
        (pa.array([[36, 37], [], None, [38]]), "strings", [["36", "37"], None, None, ["38"]]),
    ],
)  # fmt: skip
def test_types_of_arrow_become_kinds(tmp_path, suffix, column, kind, values):
    table = pa.table({"id": list("abcd"), "text": ["x"] * 4, "value": column})
    path = arrow(tmp_path / f"c.{suffix}", table)
    for asked in (["value"], ["all"]):
        columns, found = read(path, fields=asked)
        assert kinds(columns) == {"value": kind}
        assert found == [
            (name, "x", {} if value is None else {"value": value}) for name, value in zip("abcd", values, strict=True)
        ]


def test_decimals_are_as_exact_as_they_were(tmp_path):
    number = Decimal("12345678901234567890.123456789")
    path = arrow(tmp_path / "c.parquet", pa.table({"id": ["a"], "text": ["x"], "n": [number]}))
    corpus = Corpus([path])
    columns, _ = survey_all(corpus, Wanted(fields=["n"]))
    (rows,) = corpus.rows(columns.all, columns.of_fields)
    assert checked(rows, columns, skip_bad=False).fields == ([f'{{"n":{number}}}'],)


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_a_time_that_is_in_no_calendar_is_a_bad_row(tmp_path, suffix):
    times = pa.array([0, 2**60, None], pa.timestamp("us"))
    path = arrow(tmp_path / f"c.{suffix}", pa.table({"id": list("abc"), "text": ["x"] * 3, "at": times}))
    assert refusal(path, fields=["at"]) == (
        f"{path} row 2 has a time that is not within the years 1 to 9999; mend it, or leave out such rows with "
        "skip_bad_rows=True"
    )
    skipped = SkippedRows()
    assert read(path, fields=["at"], skipped=skipped)[1] == [("a", "x", {"at": "1970-01-01T00:00:00Z"}), ("c", "x", {})]
    assert dict(skipped.kinds) == {"time": 1}
    skipped.close()


NESTED = [
    {"id": "1", "doc": {"title": "Bag", "text": "black"}, "tags": ["a", "b"],
     "price": {"amount": 12.5, "unit": {"iso": "EUR"}}},
    {"id": "2", "doc": None, "tags": [], "price": None},
    {"id": "3", "doc": {"title": None, "text": "red"}, "tags": ["c"], "price": {"amount": 3.0, "unit": None}},
]  # fmt: skip


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "jsonl"])
def test_columns_within_others_have_names_with_dots(tmp_path, suffix):
    path = tmp_path / f"c.{suffix}"
    lines(path, *NESTED) if suffix == "jsonl" else arrow(path, pa.Table.from_pylist(NESTED))
    columns, found = read(path, text_columns=["doc.text", "tags", "doc.title"], fields=["price"])
    assert kinds(columns) == {"price.amount": "number", "price.unit.iso": "string"}
    assert found == [
        ("1", "black a b Bag", {"price.amount": 12.5, "price.unit.iso": "EUR"}),
        ("3", "red c", {"price.amount": 3.0}),
    ]
    assert columns.unused == ()
    columns, found = read(path, text_columns=["doc.text"], fields=["all"])
    assert kinds(columns) == {
        "doc.title": "string",
        "tags": "strings",
        "price.amount": "number",
        "price.unit.iso": "string",
    }
    assert found[0][2] == {"doc.title": "Bag", "tags": ["a", "b"], "price.amount": 12.5, "price.unit.iso": "EUR"}


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "jsonl"])
def test_a_column_whose_own_name_has_a_dot_wins(tmp_path, suffix):
    rows = [
        {"id": "1", "doc.text": "own", "doc": {"text": "inner", "n": 1}},
        {"id": "2", "doc.text": "own", "doc": None},
    ]
    path = tmp_path / f"c.{suffix}"
    lines(path, *rows) if suffix == "jsonl" else arrow(path, pa.Table.from_pylist(rows))
    assert [row[:2] for row in read(path, text_columns=["doc.text"])[1]] == [("1", "own"), ("2", "own")]
    assert fields_of(path, text_columns=["doc.n", "doc.text"], fields=["doc.text"]) == [{"doc.text": "own"}] * 2


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_what_can_be_written_is_text_where_it_is_asked_for(tmp_path, suffix):
    table = pa.table(
        {
            "id": ["a", "b"],
            "n": pa.array([Decimal("19.90"), None]),
            "when": pa.array([datetime(2026, 1, 2, 3), None], pa.timestamp("ms", "UTC")),
            "day": pa.array([date(2026, 1, 2), None]),
            "stock": pa.array([False, None]),
            "count": pa.array([7, None]),
            "sizes": pa.array([[36.5, 37.0], ["x"][:0]]),
            "s": ["t", "u"],
        }
    )
    path = arrow(tmp_path / f"c.{suffix}", table)
    found = read(path, text_columns=["n", "when", "day", "stock", "count", "sizes", "s"])[1]
    assert [text for _, text, _ in found] == ["19.90 2026-01-02T03:00:00Z 2026-01-02 false 7 36.5 37.0 t", "u"]


def test_json_and_csv_become_fields_by_all_of_their_values(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    rows = [
        {"id": 1, "title": "Bag", "price": "1.299,00 €", "weight": "1.250", "stock": "true", "ean": "4006381333931",
         "since": "2026-01-02", "zip": "10115", "size": "38", "note": "", "rate": "12,5 %"},
        {"id": 2, "title": "Hat", "price": "12,50 €", "weight": "2.500", "stock": "FALSE", "ean": "9780306406157",
         "since": "2026-01-02 10:00:00 -0500", "zip": "01067", "size": "M", "note": " ", "rate": "5 %"},
    ]  # fmt: skip
    expected = {
        "title": "string",
        "price": "number",
        "weight": "string",
        "stock": "boolean",
        "ean": "string",
        "since": "timestamp",
        "zip": "string",
        "size": "string",
        "rate": "number",
    }
    values = [
        {"title": "Bag", "price": 1299.0, "weight": "1.250", "stock": True, "ean": "4006381333931",
         "since": "2026-01-02T00:00:00Z", "zip": "10115", "size": "38", "rate": 12.5},
        {"title": "Hat", "price": 12.5, "weight": "2.500", "stock": False, "ean": "9780306406157",
         "since": "2026-01-02T15:00:00Z", "zip": "01067", "size": "M", "rate": 5},
    ]  # fmt: skip
    json_path = lines(tmp_path / "c.jsonl", *rows)
    csv_path = tmp_path / "c.csv"
    csv_path.write_text("\n".join(";".join(map(str, row)) for row in [list(rows[0]), *(row.values() for row in rows)]))
    for path in (json_path, csv_path):
        caplog.clear()
        columns, found = read(path, fields=["all"])
        assert kinds(columns) == expected
        assert [row for _, _, row in found] == values
        assert [field.decimal for field in columns.fields if field.name in ("price", "rate")] == [",", ","]
        assert columns.unused == ("note",)
        told = "size (string; 'M' at {} line {} is no number, where others are)"
        assert caplog.messages[-2:] == [
            "fields: title (string), price (number; written as '1.299,00 €'), weight (string; '1.250' may be 1.250 or "
            "1250, and no other value says which), stock (boolean), ean (string; they are codes), since (timestamp), "
            f"zip (string; '01067' at {path} line {2 if path is json_path else 3} is no number, where others are), "
            f"{told.format(path, 2 if path is json_path else 3)}, rate (number; written as '12,5 %')",
            "no fields: id (the id), note (without a value)",
        ]


def test_json_values_stay_what_they_are(tmp_path):
    path = lines(
        tmp_path / "c.jsonl",
        {"id": "a", "text": "x", "n": 3, "f": 390.0, "big": 2**70, "s": "é\u2028\ud83d\ude00", "mixed": 1.5, "l": "one",
         "b": True},
        b'{"id": "b", "text": "y", "n": 1e2, "f": -0.05, "big": 1e300, "s": "\\ud800", "mixed": "1,5x", '
        b'"l": [1, null, true]}\n',
        {"id": "c", "text": "z", "n": None, "f": None, "s": None, "l": [], "b": None},
    )  # fmt: skip
    columns, found = read(path, fields=["all"])
    assert kinds(columns) == {
        "n": "number",
        "f": "number",
        "big": "number",
        "s": "string",
        "mixed": "string",
        "l": "strings",
        "b": "boolean",
    }
    assert [row for _, _, row in found] == [
        {"n": 3, "f": 390.0, "big": 2**70, "s": "é\u2028\U0001f600", "mixed": "1.5", "l": ["one"], "b": True},
        {"n": 100.0, "f": -0.05, "big": 1e300, "s": "\ufffd", "mixed": "1,5x", "l": ["1", "true"]},
        {},
    ]


def test_documents_without_text_have_no_fields_either(tmp_path):
    path = lines(tmp_path / "c.jsonl", {"id": "a", "text": " ", "n": 1}, {"id": "b", "text": "x", "n": 2})
    assert read(path, fields=["n"])[1] == [("b", "x", {"n": 2})]


def test_without_fields_documents_have_none(tmp_path):
    path = lines(tmp_path / "c.jsonl", {"id": "a", "text": "x", "n": 1})
    columns, found = read(path)
    assert (columns.fields, columns.unused, found) == ((), ("n",), [("a", "x", {})])


def test_all_leaves_out_the_id_texts_long_texts_and_what_has_parts(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    row = {
        "id": "a",
        "title": "Bag",
        "description": "short",
        "care": "x" * 201,
        "variants": [{"price": 1}],
        "grid": [[1]],
        "": 1,
        "n" * 257: 1,
        "brand": "B",
    }
    path = lines(tmp_path / "c.jsonl", row)
    columns, found = read(path, fields=["all"])
    assert found == [("a", "Bag short", {"title": "Bag", "brand": "B"})]
    assert columns.unused == ("care", "variants", "grid", "", "n" * 257)
    assert caplog.messages[-2:] == [
        "fields: title (string), brand (string)",
        "no fields: id (the id), description (text), care (long text), variants (a list of objects), grid (a list of "
        f"lists),  (of a name that no field can have), {'n' * 257} (of a name that no field can have)",
    ]
    assert read(path, fields=["all", "description", "id", "care"])[1][0][2].keys() == {
        "title",
        "brand",
        "description",
        "id",
        "care",
    }
    table = pa.table({"id": ["a"], "title": ["Bag"], "description": ["short"], "care": ["x" * 201], "brand": ["B"]})
    assert read(arrow(tmp_path / "c.parquet", table), fields=["all"])[1] == found


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_a_list_of_objects_that_is_asked_for_is_refused(tmp_path, suffix):
    rows = [{"id": "a", "text": "x", "variants": [{"price": 1}]}]
    path = tmp_path / f"c.{suffix}"
    lines(path, *rows) if suffix == "jsonl" else arrow(path, pa.Table.from_pylist(rows))
    assert refusal(path, fields=["variants"]) == (
        "the column 'variants' cannot be a field, as it is a list of objects; leave it out of fields"
    )
    kind = "list of objects" if suffix == "jsonl" else "list<element: struct<price: int64>>"
    assert refusal(path, text_columns=["variants"]) == (
        f"the text column 'variants' is of type {kind}, not string; choose another with text_columns"
    )


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_a_field_that_no_file_has_is_refused(tmp_path, suffix):
    path = tmp_path / f"c.{suffix}"
    if suffix == "csv":
        path.write_text("id,text\na,x\n")
    else:
        rows = [{"id": "a", "text": "x"}]
        lines(path, *rows) if suffix == "jsonl" else arrow(path, pa.Table.from_pylist(rows))
    assert refusal(path, fields=["price"]) == "the corpus has no column 'price'; its columns are id, text"


def test_a_field_that_only_late_lines_have_is_found(tmp_path):
    early = [{"id": str(i), "text": "x" * 500} for i in range(2_000)]
    path = lines(tmp_path / "c.jsonl", *early, {"id": "last", "text": "y", "deep": {"price": 3}})
    for asked in (["deep.price"], ["deep"], ["all"]):
        columns, found = read(path, fields=asked)
        assert kinds(columns) == {"deep.price": "number"}
        assert found[-1] == ("last", "y", {"deep.price": 3})


def test_one_late_value_makes_a_column_strings(tmp_path):
    early = [{"id": str(i), "text": "x" * 500, "n": i} for i in range(2_000)]
    path = lines(tmp_path / "c.jsonl", *early, {"id": "last", "text": "y", "n": "many"})
    columns, found = read(path, fields=["n"])
    assert kinds(columns) == {"n": "string"}
    assert (found[7][2], found[-1][2]) == ({"n": "7"}, {"n": "many"})


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        ("number", "free", "has 'free' in column 'f', where a number was expected"),
        ("number", True, "has True in column 'f', where a number was expected"),
        ("number", "1.299,00", "has '1.299,00' in column 'f', where a number was expected"),
        ("number", [1], "has a list in column 'f', where a number was expected"),
        ("boolean", 1, "has 1 in column 'f', where true or false was expected"),
        ("timestamp", "soon", "has 'soon' in column 'f', where a time as ISO 8601 has it was expected"),
        ("timestamp", 7, "has 7 in column 'f', where a time as ISO 8601 has it was expected"),
        ("string", ["a"], "has a list in column 'f', where a string was expected"),
        ("string", {"a": 1}, "has an object in column 'f', where a string was expected"),
        ("strings", [["a"]], "has a list in column 'f', where a list of strings was expected"),
        ("strings", {"a": 1}, "has an object in column 'f', where a list of strings was expected"),
    ],
)
def test_a_value_of_another_kind_than_an_index_has_is_a_bad_row(tmp_path, kind, value, found):
    path = lines(tmp_path / "c.jsonl", {"id": "a", "text": "x"}, {"id": "b", "text": "y", "f": value})
    kept = (Field("f", kind, "." if kind == "number" else ""),)
    assert refusal(path, kept=kept) == f"{path} line 2 {found}; mend it, or leave out such rows with skip_bad_rows=True"
    skipped = SkippedRows()
    assert read(path, kept=kept, skipped=skipped)[1] == [("a", "x", {})]
    assert dict(skipped.kinds) == {"field": 1}
    skipped.close()


def test_fields_of_an_index_are_read_as_it_has_them(tmp_path):
    path = lines(tmp_path / "c.jsonl", {"id": "a", "text": "x", "p": "1.299", "t": "2026-01-02", "l": "one"})
    kept = (Field("p", "number", ","), Field("t", "string"), Field("l", "strings"), Field("gone", "number"))
    columns, found = read(path, kept=kept)
    assert columns.fields == kept
    assert found == [("a", "x", {"p": 1299, "t": "2026-01-02", "l": ["one"]})]


def test_types_that_differ_from_file_to_file_are_strings(tmp_path, write_parquet):
    paths = [
        write_parquet(tmp_path / "a.parquet", id=["1"], text=["x"], price=[1.5], n=[1]),
        write_parquet(tmp_path / "b.parquet", id=["2"], text=["y"], price=["free"], n=[2.5]),
        write_parquet(tmp_path / "c.parquet", id=["3"], text=["z"], price=pa.nulls(1)),
    ]
    columns, found = read(*paths, fields=["all"])
    assert kinds(columns) == {"price": "string", "n": "number"}
    assert [row for _, _, row in found] == [{"price": "1.5", "n": 1}, {"price": "free", "n": 2.5}, {}]


def test_markup_is_taken_out_of_texts_and_strings_if_it_shall_be(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    rows = [
        {"id": str(i), "title": "A < B", "body_html": "<p>So<b>ft</b></p>R&amp;D", "brand": "H&amp;M"} for i in range(3)
    ]
    path = lines(tmp_path / "c.jsonl", *rows)
    assert read(path, fields=["all"])[1][0] == (
        "0",
        "A < B <p>So<b>ft</b></p>R&amp;D",
        {"title": "A < B", "brand": "H&amp;M"},
    )
    assert (
        f"HTML in 3 of 6 texts that were looked at, as '<p>' at {path} line 1; --strip-html takes it out"
        in caplog.messages
    )
    caplog.clear()
    columns, found = read(path, fields=["all"], strip_html=True)
    assert found[0] == ("0", "A < B Soft R&D", {"title": "A < B", "brand": "H&M"})
    assert columns.strip_html
    assert not any("HTML" in message for message in caplog.messages)


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_markup_is_noticed_where_texts_are_not_read_for_anything_else(tmp_path, caplog, suffix):
    caplog.set_level(logging.INFO)
    path = arrow(tmp_path / f"c.{suffix}", pa.table({"id": ["a"], "text": ["caf&eacute;"]}))
    read(path)
    assert (
        f"HTML in 1 of 1 texts that were looked at, as '&eacute;' at {path} row 1; --strip-html takes it out"
        in caplog.messages
    )


def test_a_text_that_is_nothing_but_markup_is_none(tmp_path):
    path = lines(tmp_path / "c.jsonl", {"id": "a", "text": "<p>&nbsp;</p>"}, {"id": "b", "text": "x"})
    assert [row[0] for row in read(path, strip_html=True)[1]] == ["b"]


@pytest.mark.parametrize(("sign", "words"), [(",", None), (";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_a_csv_file_says_what_is_between_its_fields(tmp_path, caplog, sign, words):
    caplog.set_level(logging.INFO)
    path = tmp_path / "c.csv"
    path.write_text(f'\ufeffid{sign}text{sign}n\r\n1{sign}"a{sign}b;,|"{sign}2\r\n2{sign}{sign}\r\n3{sign}c{sign}\r\n')
    assert read(path, fields=["n"])[1] == [("1", f"a{sign}b;,|", {"n": 2}), ("3", "c", {})]
    told = [message for message in caplog.messages if "between" in message]
    assert told == ([] if words is None else [f"fields are between {words} in {path}"])


def test_a_csv_file_of_one_column_or_of_doubt_has_commas(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("text\na;b\nc;d\n")
    assert read(path, id_column="text", text_columns=["text"])[1] == [("a;b", "a;b", {}), ("c;d", "c;d", {})]
    path.write_text("id,text;more\n1,a;b\n")
    assert read(path, text_columns=["text;more"])[1] == [("1", "a;b", {})]


def test_zones_are_brought_to_utc(tmp_path):
    moment = datetime(2026, 1, 2, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    path = lines(tmp_path / "c.jsonl", {"id": "a", "text": "x", "at": moment.isoformat()})
    expected = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    assert fields_of(path, fields=["at"]) == [{"at": expected}]
