"""Generated corpora end in the right documents or in one sentence. What is right says a reader that knows no Arrow."""

import gzip
import json
import logging
import random
import re

import pyarrow as pa
import pytest

from sparton.errors import SpartonError
from sparton.pipeline.corpus.checked import checked
from sparton.pipeline.corpus.columns import choose_columns
from sparton.pipeline.corpus.reader import Corpus
from sparton.pipeline.corpus.survey import Wanted, survey_all

pytestmark = pytest.mark.slow
SEEDS = range(400)
TEXTS = [
    "black bag",
    "",
    " ",
    "café",
    "日本語 かばん",
    "a,b",
    'say "bag"',
    "tab\tbed",
    "two\nlines",
    "x" * 300,
    "\u00a0",
    "null",
]
ODD = [None, True, 7, -3, 2**70, 1.5, 3.0, 1e18, float("nan"), [], ["a"], {"a": {"b": 1}}, "\ud800", "007", ""]


def every_row(corpus, columns, *, skip_bad):
    return (checked(rows, columns, skip_bad=skip_bad) for rows in corpus.rows(columns.all))


def expected(rows):
    """The documents of rows as Python has them: (id, text) of each, None for one that cannot be read."""
    return [None if (name := id_of(row.get("id"))) is None else with_text(name, row.get("text")) for row in rows]


def id_of(value):
    if isinstance(value, float):
        value = int(value) if value.is_integer() and abs(value) <= 2**53 else None
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    return None if re.search("[\ud800-\udfff]", str(value)) else str(value)


def with_text(name, value):
    if value is None or isinstance(value, str):
        return name, value if value is None else re.sub("[\ud800-\udfff]", "\ufffd", value)
    if isinstance(value, dict):
        return None
    if isinstance(value, list):
        return name, " ".join(value)
    if isinstance(value, bool):
        return name, "true" if value else "false"
    return name, None if value != value else str(value)


def read(path, **how):
    corpus = Corpus([path], **how)
    columns = choose_columns(corpus, "id", ["text"])
    rows = every_row(corpus, columns, skip_bad=True)
    return [None if row == (None, None) else row for some in rows for row in zip(*some.columns, strict=True)]


def first_bad(path, **how):
    """The sentence without leaving rows out, or None."""
    corpus = Corpus([path], **how)
    try:
        for _ in every_row(corpus, choose_columns(corpus, "id", ["text"]), skip_bad=False):
            pass
    except SpartonError as error:
        return str(error)
    return None


def values(chance, odd):
    name = chance.choice(ODD) if odd else f"d{chance.randrange(10**6)}"
    return {"id": name, "text": chance.choice(ODD if odd else TEXTS)}


def json_lines(chance, path):
    """JSON lines, some of them cut, in another encoding, nested, or nothing."""
    rows, lines = [{"id": "first", "text": "bag"}], [b'{"id": "first", "text": "bag"}']
    for number in range(chance.randrange(12)):
        row = values(chance, chance.random() < 0.3) | {"more": chance.choice(ODD)}
        line = json.dumps(row, ensure_ascii=chance.random() < 0.5).encode(errors="surrogatepass")
        kind = chance.random()
        if kind < 0.1:
            line = line[: chance.randrange(1, len(line))]
        elif kind < 0.15:
            line = b"[" * chance.choice([1, 5_000])
        elif kind < 0.2:
            line = json.dumps({"id": str(number), "text": "é"}, ensure_ascii=False).encode("latin-1")
        elif kind < 0.25:
            line = chance.choice([b"null", b"7", b'"text"', b"[]"])
        elif kind < 0.3:
            lines.append(b" \r")
        try:
            row = json.loads(line.decode())
        except (ValueError, RecursionError):
            row = None
        rows.append(row if isinstance(row, dict) else {})
        lines.append(line)
    content = b"\n".join(lines)
    return content, expected(rows)


def quote(text):
    return '"' + text.replace('"', '""') + '"' if re.search('[",\n\r]', text) else text


def csv_lines(chance, path):
    """CSV, some of whose rows have another width, or a quote that does not close."""
    lines, found = ["id,text"], []
    for number in range(chance.randrange(12)):
        name, text = f"d{number}", chance.choice(TEXTS)
        kind = chance.random()
        if kind < 0.1:
            lines.append(f'{name},"open {number}')
            found.append(None)
        elif kind < 0.2:
            lines.append(",".join([name, "a", "b"][: chance.choice([1, 3])]))
            found.append(None)
        elif kind < 0.25:
            lines.append(f",{quote(text)}")
            found.append(None)
        else:
            lines.append(f"{name},{quote(text)}")
            found.append((name, text))
    return "\n".join(lines).encode(), found


def tsv_lines(chance, path):
    """TSV, some of whose rows have another width or encoding."""
    lines, found = [b"id\ttext"], []
    for number in range(chance.randrange(12)):
        text = re.sub(r"[\t\n\r]", " ", chance.choice(TEXTS))
        kind = chance.random()
        if kind < 0.1:
            lines.append(b"d\ta\tb")
            found.append(None)
        elif kind < 0.2:
            lines.append(f"d{number}\té".encode("latin-1"))
            found.append(None)
        else:
            lines.append(f"d{number}\t{text}".encode())
            found.append((f"d{number}", text))
    return b"\r\n".join(lines), found


@pytest.mark.parametrize(("write", "suffix"), [(json_lines, "jsonl"), (csv_lines, "csv"), (tsv_lines, "tsv")])
def test_lines_are_read_or_told(tmp_path, write, suffix):
    for seed in SEEDS:
        chance = random.Random(f"{suffix} {seed}")
        path = tmp_path / f"c.{suffix}"
        content, found = write(chance, path)
        if seed % 5 == 0:
            path = tmp_path / f"c.{suffix}.gz"
            content = gzip.compress(content)
        path.write_bytes(content)
        assert read(path) == found, (seed, content)
        sentence = first_bad(path)
        assert (sentence is None) == (None not in found), (seed, sentence)
        if sentence:
            assert re.fullmatch(
                rf"{re.escape(str(path))} line \d+ (has|is) .*; (mend it|save the file as UTF-8), .*", sentence
            ), (
                seed,
                sentence,
            )


def test_columns_of_parquet_and_arrow_are_read_or_told(tmp_path):
    kinds = [pa.string(), pa.large_string(), pa.int64(), pa.float64(), pa.null(), pa.bool_(), pa.list_(pa.string())]
    for seed in range(300):
        chance = random.Random(seed)
        kind, rows = chance.choice(kinds), []
        for number in range(chance.randrange(1, 8)):
            name = {
                "int64": chance.choice([None, number, -number, 2**62]),
                "double": chance.choice([None, float(number), number + 0.5, 1e300, float("inf")]),
                "null": None,
                "bool": True,
                "list<item: string>": ["a"],
            }.get(str(kind), chance.choice([None, "", f"d{number}", "é"]))
            rows.append({"id": name, "text": chance.choice([*TEXTS, None])})
        table = pa.table(
            {
                "id": pa.array([row["id"] for row in rows], kind),
                "text": pa.array([row["text"] for row in rows], chance.choice([pa.string(), pa.large_string()])),
            }
        )
        if chance.random() < 0.3:
            table = table.set_column(1, "text", table["text"].dictionary_encode())
        path = tmp_path / f"c.{chance.choice(['parquet', 'arrow'])}"
        if path.suffix == ".parquet":
            pa.parquet.write_table(table, path, row_group_size=chance.choice([1, 3, 100]))
        else:
            with pa.ipc.new_stream(path, table.schema) as writer:
                writer.write_table(table, max_chunksize=chance.choice([1, 100]))
        if kind in (pa.bool_(), pa.list_(pa.string())):
            with pytest.raises(SpartonError, match=r"^the id column 'id' is of type (bool|list.*); an id is"):
                read(path)
        else:
            assert read(path) == expected(rows), seed


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_damaged_files_are_a_sentence_or_what_they_were(tmp_path, suffix):
    rows = [{"id": f"d{i}", "text": "black leather bag"} for i in range(40)]
    table, whole = pa.Table.from_pylist(rows), tmp_path / f"whole.{suffix}"
    if suffix == "parquet":
        pa.parquet.write_table(table, whole, row_group_size=10, write_page_checksum=True)
    else:
        with pa.ipc.new_file(whole, table.schema) as writer:
            writer.write_table(table)
    content = whole.read_bytes()
    for seed in range(300):
        chance, harmed = random.Random(seed), bytearray(content)
        if chance.random() < 0.3:
            del harmed[chance.randrange(len(harmed)) :]
        else:
            harmed[chance.randrange(len(harmed))] ^= 1 << chance.randrange(8)
        path = tmp_path / f"harmed.{suffix}"
        path.write_bytes(harmed)
        found = told_or_read(path)
        if isinstance(found, str):
            assert "\n" not in found
        else:
            assert suffix == "arrow" or found == expected(rows), seed  # Arrow files have no checksums


def told_or_read(path):
    try:
        return read(path)
    except SpartonError as error:
        return str(error)


FIELD_VALUES = [
    *ODD, False, [1, 2], [None], [["x"]], [{}], {}, {"a": "x", "c.d": 2}, {"a.b": 3, "a": {"b": 4}}, {"a": [{"z": 1}]},
    " ", "1.299,00 €", "1,299.5", "1.299", "2026-01-02", "true", "yes", "x" * 300, "<p>a</p>", "&amp;", "\0", "1e-05",
    "9" * 400, {"": 1}, {"\ud800": 1},
]  # fmt: skip
TYPES = {"string": str, "number": int | float, "boolean": bool, "timestamp": str, "strings": list}


def test_fields_of_odd_rows_are_of_their_kinds_or_told(tmp_path, caplog):
    caplog.set_level(logging.ERROR, logger="sparton")  # names with half of a character, which no report can hold
    path = tmp_path / "c.jsonl"
    read = 0
    for seed in range(600):
        chance = random.Random(seed)
        names = chance.choices(["price", "brand", "doc", "a.b", "ean", "tags", "é", "doc.a", "variants"], k=3)
        pool = chance.choices(FIELD_VALUES, k=3)
        rows = [
            {"id": f"d{number}", "text": "x", **{name: chance.choice(pool) for name in names if chance.random() < 0.8}}
            for number in range(chance.randrange(1, 6))
        ]
        path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
        corpus = Corpus([path])
        asked = chance.choice([["all"], ["all", "text"], names[:1], ["doc"], ["doc.a"]])
        columns = told_or_columns(corpus, Wanted(fields=asked, strip_html=seed % 2 == 0))
        if isinstance(columns, str):
            assert re.fullmatch(
                r"the (corpus has no column '.*'; its columns are .*|column '.*' cannot be a .*)", columns
            )
            continue
        kinds = {field.name: TYPES[field.kind] for field in columns.fields}
        for some in corpus.rows(columns.all, columns.of_fields):
            for text in (text for kept in checked(some, columns, skip_bad=False).fields for text in kept if text):
                for name, value in json.loads(text).items():
                    assert isinstance(value, kinds[name]), (seed, name, value)
                    assert isinstance(value, bool) == (kinds[name] is bool), (seed, name, value)
                    assert value not in ("", []), (seed, name)
                    read += 1
    assert read > 1_000


def told_or_columns(corpus, wanted):
    try:
        return survey_all(corpus, wanted)[0]
    except SpartonError as error:
        return str(error)
