"""Files as people have them: each row is read, or told by its number with what is wrong; none is lost in silence."""

import gzip
import json
import logging

import pyarrow as pa
import pytest

from sparton.errors import SpartonError
from sparton.indexer.splits import find_files as find_vectors
from sparton.pipeline.corpus import delimited
from sparton.pipeline.corpus import lines as corpus_lines
from sparton.pipeline.corpus.checked import check_corpus, checked
from sparton.pipeline.corpus.columns import Columns, choose_columns
from sparton.pipeline.corpus.files import find_files
from sparton.pipeline.corpus.reader import Corpus
from sparton.pipeline.corpus.survey import survey
from sparton.pipeline.progress import Work
from sparton.storage.manifest import Counts
from sparton.storage.skipped_rows import SkippedRows
from sparton.terminal.build_report import BuildReport

MEND = "; mend it, or leave out such rows with skip_bad_rows=True"


def every_row(corpus, columns, *, skip_bad):
    return (checked(rows, columns, skip_bad=skip_bad) for rows in corpus.rows(columns.all))


def documents(*paths, id_column=None, text_columns=(), header=True, skip_bad=False):
    """Id and texts of each row, None for a bad one."""
    corpus = Corpus(paths, header=header)
    rows = every_row(corpus, choose_columns(corpus, id_column, text_columns), skip_bad=skip_bad)
    return [row for some in rows for row in zip(*some.columns, strict=True)]


def lines(path, *rows):
    path.write_bytes(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))
    return path


def refusal(*paths, **how):
    with pytest.raises(SpartonError) as caught:
        documents(*paths, **how)
    return str(caught.value)


def test_a_json_column_that_nobody_asked_for_may_change_its_type(tmp_path):
    path = lines(
        tmp_path / "c.jsonl",
        {"id": "a", "text": "x", "price": 3, "when": "2024-01-01"},
        {"id": "b", "text": "y", "price": "free", "when": None, "tags": ["red"]},
    )
    assert documents(path) == [("a", "x"), ("b", "y")]


def test_dates_in_json_strings_stay_text(tmp_path):
    path = lines(tmp_path / "c.jsonl", {"id": "2024-01-01", "text": "2024-01-01T00:00:00"})
    assert documents(path) == [("2024-01-01", "2024-01-01T00:00:00")]


def test_a_title_that_only_late_lines_have_is_found(tmp_path):
    rows = [{"id": str(i), "text": "x" * 2_000} for i in range(10_000)]
    path = lines(tmp_path / "c.jsonl", *rows, {"id": "last", "title": "Bag", "text": "black"})
    found = documents(path)
    assert found[0] == ("0", None, "x" * 2_000)
    assert found[-1] == ("last", "Bag", "black")


def test_a_title_that_only_a_later_file_has_is_found(tmp_path, write_parquet):
    first = write_parquet(tmp_path / "a.parquet", id=["1"], text=["x"])
    second = write_parquet(tmp_path / "b.parquet", id=["2"], text=["y"], title=["Bag"])
    assert documents(first, second) == [("1", None, "x"), ("2", "Bag", "y")]


def test_a_text_column_may_be_all_null_in_the_first_file(tmp_path, write_parquet):
    first = write_parquet(tmp_path / "a.parquet", id=["1"], text=pa.nulls(1))
    second = write_parquet(tmp_path / "b.parquet", id=["2"], text=["y"])
    assert documents(first, second) == [("1", None), ("2", "y")]


def test_json_numbers_are_ids_and_text_as_they_are_written(tmp_path):
    path = lines(
        tmp_path / "c.jsonl", b'{"id": 123456789012345678901234567890, "text": 1984}\n{"id": 7.0, "text": 1.50}\n'
    )
    assert documents(path) == [("123456789012345678901234567890", "1984"), ("7", "1.50")]


def test_half_a_character_becomes_the_replacement_character_and_costs_no_other(tmp_path):
    path = lines(tmp_path / "c.jsonl", b'{"id": "a", "text": "caf\\u00e9 \\ud800 \\ud83d\\ude00"}\n')
    assert documents(path) == [("a", "café � 😀")]


def test_blank_lines_a_mark_and_windows_line_ends_are_no_rows(tmp_path):
    path = lines(tmp_path / "c.jsonl", b'\xef\xbb\xbf{"id": "a", "text": "x"}\r\n\r\n  \n{"id": "b", "text": "y"}')
    assert documents(path) == [("a", "x"), ("b", "y")]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'{"id": "b", "text": \n', "is not JSON (expecting value at column 20)"),
        (b'{"id": "b" "text": "y"}\n', "is not JSON (expecting ',' delimiter at column 12)"),
        (b'["b", "y"]\n', "is a list, where a JSON object was expected"),
        (b'"b"\n', "is a string, where a JSON object was expected"),
        (b"null\n", "is null, where a JSON object was expected"),
        (b'{"id": "b", "text": "\xff"}\n', "is not UTF-8 (byte 22 is 0xff)"),
        (b"[" * 100_000 + b"\n", "is nested too deep to be a document"),
        (b'{"id": 1.0, "deep": ' + b"[" * 1_000 + b"]" * 1_000 + b"}\n", "is nested too deep to be a document"),
        (b'{"id": "b", "n": ' + b"9" * 10_000 + b"}\n", "is not JSON that can be read (a number has too many digits)"),
        (b'{"text": "y"}\n', "has no id in column 'id', and every document needs one"),
        (
            b'{"id": true, "text": "y"}\n',
            "has a boolean in column 'id', where an id was expected, a string or whole number",
        ),
        (b'{"id": "\\ud800", "text": "y"}\n', "has the id '\\ud800' in column 'id', which is no Unicode text"),
        (b'{"id": "b", "text": {"en": "y"}}\n', "has an object in column 'text', where text was expected"),
        (b'{"id": "b", "text": ["y", {}]}\n', "has a list of objects in column 'text', where text was expected"),
        (b'{"id": "b", "text": [["y"]]}\n', "has a list of lists in column 'text', where text was expected"),
    ],
)
def test_a_bad_json_line_is_told_by_its_number_or_left_out(tmp_path, line, found):
    path = lines(tmp_path / "c.jsonl", {"id": "a", "text": "x"}, b"\n", line, {"id": "c", "text": "z"})
    mend = MEND.replace("mend it", "save the file as UTF-8") if "not UTF-8" in found else MEND
    assert refusal(path) == f"{path} line 3 {found}{mend}"
    assert documents(path, skip_bad=True) == [("a", "x"), (None, None), ("c", "z")]


def test_an_unclosed_quote_costs_its_own_line_and_no_other(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text('id,text\n1,black bag\n2,"red bag\n3,tan bag\n4,"blue, ""small"" bag"\n5,last\n')
    found = "has a quote that is not closed at the end of a field"
    assert refusal(path) == f"{path} line 3 {found}{MEND}"
    assert documents(path, skip_bad=True) == [
        ("1", "black bag"),
        (None, None),
        ("3", "tan bag"),
        ("4", 'blue, "small" bag'),
        ("5", "last"),
    ]


def test_a_field_whose_lines_look_like_rows_is_told(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="sparton")
    path = tmp_path / "c.csv"
    told = (
        f"{path} line {{}} has a field between quotes with 2 more lines, each of which looks like a row: see that its "
        "quotes are meant{}"
    )
    swallowing = '1,"big bag\n2,blue scarf\n3,pipe 5"\n'
    for content, expected in (
        (f"id,text\n{swallowing}4,green\n", [told.format(2, "")]),
        (f"id,text\n0,x\n{swallowing}", [told.format(3, "")]),
        (f"id,text\n{swallowing}{swallowing.replace('1,', '5,')}".replace(",", ";"),
         [f"fields are between semicolons in {path}", told.format(2, "; there are 2 such fields")]),
        ('id,text\n1,"a bag,\nred, soft"\n2,"one\ntwo, three\nfour"\n3,x\n', []),
    ):  # fmt: skip
        caplog.clear()
        path.write_text(content)
        survey(Corpus([path]), "id", ["text"])
        assert [message for message in caplog.messages if not message.startswith("columns")] == expected


def test_a_quote_that_nothing_closes_is_told(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text('id,text\n1,"black bag\n2,red bag\n3,tan bag\n')
    assert refusal(path).startswith(f"{path} line 2 has a quote that is not closed")
    assert documents(path, skip_bad=True) == [(None, None), ("2", "red bag"), ("3", "tan bag")]


@pytest.mark.parametrize(("name", "separator"), [("c.csv", ","), ("c.tsv", "\t")])
def test_a_row_of_another_width_and_bytes_that_are_not_utf8_are_told(tmp_path, name, separator):
    path = tmp_path / name
    rows = [b"id|text", b"1|black", b"2|red|more", b"3", b"4|\xff", b"", b"  \r", b"5|tan"]
    path.write_bytes(b"\n".join(rows).replace(b"|", separator.encode()))
    assert refusal(path) == f"{path} line 3 has 3 fields, where 2 were expected{MEND}"
    bad, blank = (None, None), [(None, None)] if name == "c.csv" else []  # to CSV a field of blanks, to TSV no row
    assert documents(path, skip_bad=True) == [("1", "black"), bad, bad, bad, *blank, ("5", "tan")]


def test_a_carriage_return_within_a_line_is_told(tmp_path):
    path = tmp_path / "c.csv"
    path.write_bytes(b"id,text\n1,black\n2,red\r3,tan\n4,blue\n")
    found = "has a carriage return within it, where LF or CRLF was expected"
    assert refusal(path) == f"{path} line 3 {found}{MEND}"
    assert documents(path, skip_bad=True) == [("1", "black"), (None, None), ("4", "blue")]


@pytest.mark.parametrize(("name", "separator"), [("c.csv", ","), ("c.tsv", "\t")])
def test_a_line_that_is_too_long_is_told_and_not_cut(tmp_path, monkeypatch, name, separator):
    for module in (corpus_lines, delimited):
        monkeypatch.setattr(module, "LONGEST_LINE", 100)
    path = tmp_path / name
    rows = [f"id{separator}text", f"1{separator}black", f"2{separator}{'é' * 60}", f"3{separator}tan"]
    path.write_text("\n".join(rows), encoding="utf-8")
    found = f"is longer than {2**26:,} bytes, where a row was expected"
    assert refusal(path) == f"{path} line 3 {found}{MEND}"
    assert documents(path, skip_bad=True) == [("1", "black"), (None, None), ("3", "tan")]


def test_line_ends_within_quotes_stay_what_they_are(tmp_path):
    path = tmp_path / "c.csv"
    path.write_bytes(b'id,text\r\n1,"black\r\nbag"\r\n2,"red\nbag"\r\n')
    assert documents(path) == [("1", "black\r\nbag"), ("2", "red\nbag")]


def test_gzip_is_known_by_how_it_begins(tmp_path):
    path = lines(tmp_path / "c.jsonl", gzip.compress(b'{"id": "a", "text": "x"}\n'))
    assert documents(path) == [("a", "x")]
    assert documents(lines(tmp_path / "plain.jsonl.gz", {"id": "b", "text": "y"})) == [("b", "y")]


def test_two_columns_of_one_name_are_refused(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("id,text,text\n1,a,b\n")
    assert refusal(path) == f"{path} has two columns 'text'; give each a name of its own"


def test_a_tsv_without_a_heading_is_read_by_numbers(tmp_path):
    path = tmp_path / "collection.tsv"
    path.write_text("0\tThe presence of communication\n1\tThe Manhattan Project\n")
    expected = [("0", "The presence of communication"), ("1", "The Manhattan Project")]
    assert documents(path, header=False) == expected
    assert documents(path, header=False, id_column="1", text_columns=["2", "1"]) == [
        (name, text, name) for name, text in expected
    ]


@pytest.mark.parametrize("name", ["c.jsonl", "c.csv", "c.tsv"])
def test_gzip_is_read_as_what_it_holds(tmp_path, name):
    plain = tmp_path / name
    separator = "\t" if name.endswith("tsv") else ","
    if name == "c.jsonl":
        lines(plain, {"id": "a", "text": "x"}, {"id": "b", "text": "y"})
    else:
        plain.write_text(f"id{separator}text\na{separator}x\nb{separator}y\n")
    folder = tmp_path / "folder"
    folder.mkdir()
    zipped = folder / f"{name}.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()) + gzip.compress(b""))
    assert documents(folder) == documents(plain) == [("a", "x"), ("b", "y")]
    zipped.write_bytes(zipped.read_bytes()[:30])
    assert refusal(zipped).startswith(f"{zipped} cannot be read as ")


def test_a_beir_folder_means_its_corpus(tmp_path, monkeypatch):
    folder = tmp_path / "scifact"
    (folder / "qrels").mkdir(parents=True)
    corpus = lines(folder / "corpus.jsonl", {"_id": "a", "title": "Bag", "text": "black", "metadata": {}})
    lines(folder / "queries.jsonl", {"_id": "q", "text": "bag", "metadata": {}})
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n")
    assert find_files([folder]) == (corpus,)
    assert documents(folder) == [("a", "Bag", "black")]
    monkeypatch.chdir(folder)
    assert [str(file) for file in find_files(["."])] == ["corpus.jsonl"]


def test_a_folder_that_datasets_saved_is_read(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = {"id": ["a", "b"], "text": ["x", "y"]}
    datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows)}).save_to_disk(tmp_path / "several")
    assert documents(tmp_path / "one") == documents(tmp_path / "several") == [("a", "x"), ("b", "y")]


def test_of_a_folder_that_datasets_saved_caches_are_passed_over(tmp_path, caplog):
    datasets = pytest.importorskip("datasets")
    caplog.set_level(logging.INFO, logger="sparton")
    rows = {"id": ["a", "b", "c"], "text": ["x", "y", "z"]}
    datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "one", num_shards=2)
    loaded = datasets.load_from_disk(tmp_path / "one")
    loaded.map(lambda row: {"text": row["text"] + "!"})
    loaded.filter(lambda row: row["id"] != "a")
    caches = sorted(path.name for path in (tmp_path / "one").glob("cache-*.arrow"))
    assert len(caches) == 2
    assert documents(tmp_path / "one") == [("a", "x"), ("b", "y"), ("c", "z")]
    assert caplog.messages[0] == (
        f"{tmp_path / 'one'} holds {caches[0]}, {caches[1]} beside the dataset, which state.json does not name: passed "
        "over"
    )
    first = tmp_path / "one" / "data-00000-of-00002.arrow"
    assert find_files([first, tmp_path / "one"]) == (first, tmp_path / "one" / "data-00001-of-00002.arrow")
    first.unlink()
    with pytest.raises(SpartonError) as caught:
        find_files([tmp_path / "one"])
    assert str(caught.value) == (
        f"{tmp_path / 'one' / 'state.json'} names the file 'data-00000-of-00002.arrow', which is missing; save the "
        "dataset again"
    )


def test_the_splits_of_a_saved_dataset_are_told(tmp_path, caplog):
    datasets = pytest.importorskip("datasets")
    caplog.set_level(logging.INFO, logger="sparton")
    splits = {name: datasets.Dataset.from_dict({"id": [name], "text": ["x"]}) for name in ("train", "test")}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "saved")
    assert documents(tmp_path / "saved") == [("test", "x"), ("train", "x")]
    assert caplog.messages[0] == (
        f"{tmp_path / 'saved'} is a DatasetDict, all of which is read: test, train; name the folder of one split to "
        "read that alone"
    )
    caplog.clear()
    assert documents(tmp_path / "saved" / "train") == [("train", "x")]
    assert caplog.messages == []


@pytest.mark.parametrize(
    "state", [b"[]", b"{", b'{"_data_files": [{"filename": 5}]}', b'{"_data_files": ["a"]}', b"\xff"]
)
def test_a_state_of_something_else_names_nothing(tmp_path, state):
    table = pa.table({"id": ["a"], "text": ["x"]})
    with pa.ipc.new_stream(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    (tmp_path / "state.json").write_bytes(state)
    assert find_files([tmp_path]) == (tmp_path / "a.arrow",)


def test_arrow_streams_that_are_cut_are_refused_wherever(tmp_path):
    path = tmp_path / "a.arrow"
    table = pa.table({"id": ["a", "b", "c", "d"], "text": ["w", "x", "y", "z"]})
    with pa.ipc.new_stream(path, table.schema) as writer:
        ends = []
        for batch in table.to_batches(max_chunksize=2):
            writer.write_batch(batch)
            ends.append(path.stat().st_size)
    whole = path.read_bytes()
    assert documents(path) == [("a", "w"), ("b", "x"), ("c", "y"), ("d", "z")]
    for cut in (ends[0], ends[1], len(whole) - 8):
        path.write_bytes(whole[:cut])
        assert refusal(path) == (
            f"{path} lacks the mark at which an Arrow stream ends, so it may be cut; write it again, and close its "
            "writer"
        )
    path.write_bytes(whole[: ends[0] + 40])
    assert refusal(path).startswith(f"{path} cannot be read as Arrow: ")
    path.write_bytes(whole + b"what follows")
    assert len(documents(path)) == 4


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
@pytest.mark.parametrize("name", ["c.jsonl", "c.csv", "c.tsv.gz"])
@pytest.mark.parametrize("skip_bad", [False, True])
def test_utf_16_is_told(tmp_path, encoding, name, skip_bad):
    sign = "\t" if "tsv" in name else ","
    text = '{"id": "a", "text": "x"}\n' if "json" in name else f"id{sign}text\na{sign}x\n"
    content = (text if encoding == "utf-16" else f"\ufeff{text}").encode(encoding)
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(SpartonError) as caught:
        documents(path, skip_bad=skip_bad)
    assert str(caught.value) == f"{path} is UTF-16; save the file as UTF-8"


def test_names_of_columns_that_would_not_show_are_quoted(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="sparton")
    path = tmp_path / "c.csv"
    path.write_text('id, text,,"a, b",c\n1,x,,y,z\n')
    with pytest.raises(SpartonError) as caught:
        survey(Corpus([path]), None, ["text"])
    assert str(caught.value) == "the corpus has no column 'text'; its columns are id, ' text', '', 'a, b', c"
    columns, _ = survey(Corpus([path]), None, [" text"])
    assert caplog.messages[0] == "columns: id = id, text = ' text'"
    report = BuildReport("x", Counts(), False, 0.0, 0.0, Work(), unused=columns.unused)
    assert report.left_out() == ["columns not used: '', 'a, b', c"]


def test_files_that_are_passed_over_are_told_data_first(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="sparton")
    for name in (
        "a.jsonl",
        "_b.jsonl",
        ".c.jsonl.gz",
        "_SUCCESS",
        "LICENSE",
        "a.md",
        "d.jsonl.bz2",
        "x.xlsx",
        ".git/e.json",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for find in (lambda: find_files([tmp_path]), lambda: tuple(find_vectors(tmp_path))):
        caplog.clear()
        assert find() == (tmp_path / "a.jsonl",)
        assert caplog.messages == [
            "2 files whose names begin with a dot or an underscore were passed over: '.c.jsonl.gz', '_b.jsonl'",
            "4 files of other formats were passed over: 'd.jsonl.bz2', 'x.xlsx', 'LICENSE', … and 1 more",
        ]
    caplog.clear()
    assert find_files([tmp_path, tmp_path / "_b.jsonl"]) == (tmp_path / "a.jsonl", tmp_path / "_b.jsonl")
    assert caplog.messages[0].endswith(" were passed over: '.c.jsonl.gz'")


def test_arrow_streams_are_read(tmp_path):
    table = pa.table({"id": ["a", "b"], "text": ["x", "y"]})
    with pa.ipc.new_stream(tmp_path / "state.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=1)
    lines(tmp_path / "state.json", {"_fingerprint": "0"})
    assert documents(tmp_path) == [("a", "x"), ("b", "y")]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_text_in_parquet_that_is_not_utf8_is_told_by_its_row(tmp_path, kind):
    raw = pa.array([b"x", b"caf\xe9", b"z"], pa.large_binary() if kind == pa.large_string() else pa.binary())
    table = pa.table({"id": ["a", "b", "c"], "text": pa.Array.from_buffers(kind, 3, raw.buffers())})
    path = tmp_path / "a.parquet"
    pa.parquet.write_table(table, path, use_dictionary=False, store_schema=kind == pa.large_string())
    assert refusal(path) == f"{path} row 2 has text that is not UTF-8 (byte 4 is 0xe9){MEND}"
    assert documents(path, skip_bad=True) == [("a", "x"), (None, None), ("c", "z")]


def test_a_file_without_a_row_is_passed_over(tmp_path):
    first, empty = lines(tmp_path / "a.jsonl", {"id": "a", "text": "x"}), lines(tmp_path / "b.jsonl")
    assert documents(first, empty) == documents(empty, first) == [("a", "x")]
    assert check_corpus(Corpus([empty]), Columns("id", ("text",))) == 0


@pytest.mark.parametrize(
    ("indent", "rows", "found", "query"),
    [
        (None, [{"id": "a", "text": "x"}], "is a JSON array", ".[]"),
        (1, [{"id": "a", "text": "x"}], "is a JSON array", ".[]"),
        (2, {"id": "a", "text": "x"}, "has JSON objects that reach over several lines", "."),
    ],
)
def test_json_that_is_not_in_lines_is_told_as_such(tmp_path, indent, rows, found, query):
    path = tmp_path / "a.json"
    path.write_text("\n" + json.dumps(rows, indent=indent))
    expected = f"{path} {found}, where each line should be an object; convert it to JSON lines, as with jq -c '{query}'"
    assert refusal(path) == refusal(path, skip_bad=True) == expected
    with pytest.raises(SpartonError) as caught:
        survey(Corpus([path]), None, ())
    assert str(caught.value) == expected


def test_columns_that_only_late_rows_name_are_meant_as_if_the_first_had_named_them(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    early = [{"docid": str(i), "text": "x" * 500} for i in range(2_000)]
    path = lines(tmp_path / "late.jsonl", *early, b"{\n", {"docid": "b", "text": "y", "title": "z"})
    skipped = SkippedRows()
    columns, rows = survey(Corpus([path]), None, (), skipped)
    assert (columns, rows) == (Columns("docid", ("title", "text"), guessed=True), 2_002)
    assert dict(skipped.kinds) == {"not JSON": 1}
    assert caplog.messages == [
        "columns: id = docid, text = title + text",
        f"left out: {path} line 2001 is not JSON (expecting property name enclosed in double quotes at column 2)",
        "1 row is left out: 1 not JSON",
    ]
    skipped.save(tmp_path / "skipped.jsonl")
    skipped.close()
    assert len((tmp_path / "skipped.jsonl").read_text().splitlines()) == 1
    renamed = lines(tmp_path / "id.jsonl", *early, {"id": "b", "text": "y"})
    with pytest.raises(SpartonError) as caught:
        survey(Corpus([renamed]), None, ())
    assert str(caught.value) == f"{renamed} line 1 has no id in column 'id', and every document needs one{MEND}"


def test_rows_that_are_left_out_are_counted_told_and_written_down(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    rows = [{"id": str(i), "text": "x"} for i in range(3)] + [b"{\n"] * 12 + [{"text": "y"}]
    path = lines(tmp_path / "c.jsonl", *rows)
    skipped = SkippedRows()
    assert survey(Corpus([path]), None, (), skipped) == (Columns("id", ("text",), guessed=True), 16)
    assert dict(skipped.kinds) == {"not JSON": 12, "no id": 1}
    found = "is not JSON (expecting property name enclosed in double quotes at column 2)"
    assert caplog.messages == [
        "columns: id = id, text = text",
        *(f"left out: {path} line {number} {found}" for number in range(4, 14)),
        "13 rows are left out: 12 not JSON, 1 no id",
    ]
    skipped.save(tmp_path / "skipped.jsonl")
    skipped.close()
    written = [json.loads(line) for line in (tmp_path / "skipped.jsonl").read_text().splitlines()]
    assert written == [
        *({"file": str(path), "line": number, "kind": "not JSON", "found": found} for number in range(4, 16)),
        {
            "file": str(path),
            "line": 16,
            "kind": "no id",
            "found": "has no id in column 'id', and every document needs one",
        },
    ]
