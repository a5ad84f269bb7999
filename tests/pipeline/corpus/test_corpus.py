"""Files, folders and globs in; rows out, one row group after the other."""

import json

import pyarrow as pa
import pyarrow.feather as feather
import pytest

from sparton.errors import SpartonError, UsageError
from sparton.pipeline.corpus.files import find_files
from sparton.pipeline.corpus.reader import Corpus
from sparton.pipeline.corpus.rows import ROWS_A_BATCH

ROWS = [("a", "black bag"), ("b", "red bag")]


def read(*paths, columns=("id", "text")):
    return [row for rows in Corpus(paths).rows(columns) for row in zip(*rows.columns, strict=True)]


def write_as(path):
    ids, texts = zip(*ROWS, strict=True)
    table = pa.table({"id": ids, "text": texts})
    separator = "\t" if path.suffix == ".tsv" else ","
    if path.suffix in (".parquet", ".pq"):
        pa.parquet.write_table(table, path)
    elif path.suffix in (".jsonl", ".ndjson", ".json"):
        path.write_text("".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in ROWS))
    elif path.suffix in (".csv", ".tsv"):
        path.write_text("".join(separator.join(row) + "\n" for row in [("id", "text"), *ROWS]))
    else:
        feather.write_feather(table, path)
    return path


@pytest.mark.parametrize(
    "name", ["c.parquet", "c.pq", "c.jsonl", "c.ndjson", "c.json", "c.csv", "c.tsv", "c.arrow", "c.feather", "C.CSV"]
)
def test_every_format_gives_the_same_rows(tmp_path, name):
    path = tmp_path / name
    write_as(path.with_suffix(path.suffix.lower())).rename(path)
    assert read(path) == ROWS


def test_a_csv_id_keeps_its_zeros(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("id,text\n007,black bag\n8,\n")
    assert read(path) == [("007", "black bag"), ("8", "")]


def test_a_quoted_csv_text_may_hold_commas(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text('id,text\n1,"black, with a ""zip"""\n')
    assert read(path) == [("1", 'black, with a "zip"')]


def test_a_stray_quote_in_a_tsv_is_text(tmp_path):
    path = tmp_path / "c.tsv"
    path.write_text('id\ttext\n1\t13" laptop bag\n2\tred "bag\n')
    assert read(path) == [("1", '13" laptop bag'), ("2", 'red "bag')]


def test_a_folder_is_searched_through_without_hidden_files(tmp_path, write_parquet):
    for name in ("b.parquet", "a.parquet", "deep/c.parquet", ".hidden.parquet", "_tmp/d.parquet"):
        write_parquet(tmp_path / name, id=["x"])
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "notes.txt").touch()
    assert [str(file.relative_to(tmp_path)) for file in find_files([tmp_path])] == [
        "a.parquet",
        "b.parquet",
        "deep/c.parquet",
    ]


def test_a_glob_names_its_files_in_order(tmp_path, write_parquet):
    for name in ("part-2.parquet", "part-1.parquet", "other.parquet"):
        write_parquet(tmp_path / name, id=["x"])
    assert [file.name for file in find_files([tmp_path / "part-*.parquet"])] == ["part-1.parquet", "part-2.parquet"]


def test_a_file_named_twice_is_read_once(tmp_path, write_parquet):
    path = write_parquet(tmp_path / "a.parquet", id=["x"])
    assert find_files([path, tmp_path, tmp_path / "*.parquet"]) == (path,)


def test_paths_are_read_in_the_order_they_are_given(tmp_path, write_parquet):
    first = write_parquet(tmp_path / "z.parquet", id=["1"], text=["x"])
    second = write_parquet(tmp_path / "a.parquet", id=["2"], text=["y"])
    assert read(first, second) == [("1", "x"), ("2", "y")]


def test_no_path_at_all_is_wrong_usage():
    with pytest.raises(UsageError, match=r"^no corpus was given; name a Parquet file, a folder or a glob$"):
        find_files([])


def test_rows_are_numbered_within_their_file_across_row_groups(tmp_path, write_parquet):
    long = ROWS_A_BATCH + 6
    first = write_parquet(tmp_path / "a.parquet", row_group_size=long, id=list(map(str, range(long + 3))))
    second = write_parquet(tmp_path / "b.parquet", id=["x", "y"])
    rows = list(Corpus([first, second]).rows(["id"]))
    assert [(r.file.name, r.numbers[0], len(r)) for r in rows] == [
        ("a.parquet", 1, ROWS_A_BATCH),
        ("a.parquet", ROWS_A_BATCH + 1, 6),
        ("a.parquet", long + 1, 3),
        ("b.parquet", 1, 2),
    ]


def test_columns_may_stand_in_another_order_in_the_next_file(tmp_path, write_parquet):
    first = write_parquet(tmp_path / "a.parquet", id=["1"], text=["x"])
    second = write_parquet(tmp_path / "b.parquet", text=["y"], more=[3], id=["2"])
    assert read(first, second) == [("1", "x"), ("2", "y")]


def test_only_a_few_row_groups_are_in_memory_at_once(tmp_path, write_parquet):
    path = write_parquet(
        tmp_path / "a.parquet",
        row_group_size=ROWS_A_BATCH,
        id=[str(i) for i in range(48 * ROWS_A_BATCH)],
        text=["x" * 500] * (48 * ROWS_A_BATCH),
    )
    group = 500 * ROWS_A_BATCH
    corpus, before, most = Corpus([path]), pa.total_allocated_bytes(), 0
    for _ in corpus.rows(["id", "text"]):
        most = max(most, pa.total_allocated_bytes() - before)
    assert group <= most <= 24 * group


def test_a_page_that_does_not_match_its_checksum_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"id": [f"id {i}" for i in range(60)]})
    pa.parquet.write_table(table, path, compression="none", use_dictionary=False, write_page_checksum=True)
    content = path.read_bytes()
    assert content.count(b"id 33") == 1
    path.write_bytes(content.replace(b"id 33", b"id 3x"))
    with pytest.raises(SpartonError, match=r"a.parquet cannot be read as Parquet: .*CRC"):
        read(path, columns=["id"])


def test_rows_before_the_damage_are_given(tmp_path, write_parquet):
    path = write_parquet(
        tmp_path / "a.parquet", row_group_size=ROWS_A_BATCH, id=[f"id {i}" for i in range(8 * ROWS_A_BATCH)]
    )
    chunk = pa.parquet.ParquetFile(path).metadata.row_group(6).column(0)
    content = bytearray(path.read_bytes())
    content[chunk.data_page_offset : chunk.data_page_offset + chunk.total_compressed_size] = (
        b"\xff" * chunk.total_compressed_size
    )
    path.write_bytes(content)
    given = []
    with pytest.raises(SpartonError, match=r"cannot be read as Parquet: "):
        given.extend(rows.numbers[0] for rows in Corpus([path]).rows(["id"]))
    assert given
    assert given == list(range(1, 6 * ROWS_A_BATCH, ROWS_A_BATCH))[: len(given)]


def test_the_fingerprint_stays_when_the_corpus_moves(tmp_path, write_parquet):
    path = write_parquet(tmp_path / "a.parquet", id=["1"])
    before = Corpus([path]).fingerprint()
    (tmp_path / "elsewhere").mkdir()
    assert Corpus([path.rename(tmp_path / "elsewhere" / "b.parquet")]).fingerprint() == before


@pytest.mark.parametrize("ids", [["2"], ["1", "2"]])
def test_the_fingerprint_changes_with_the_content(tmp_path, write_parquet, ids):
    path = write_parquet(tmp_path / "a.parquet", id=["1"])
    before = Corpus([path]).fingerprint()
    write_parquet(path, id=ids)
    assert Corpus([path]).fingerprint() != before


def test_the_fingerprint_changes_with_the_order_of_the_files(tmp_path, write_parquet):
    first = write_parquet(tmp_path / "a.parquet", id=["1"])
    second = write_parquet(tmp_path / "b.parquet", id=["2"])
    assert Corpus([first, second]).fingerprint() != Corpus([second, first]).fingerprint()


def test_a_json_line_of_two_megabytes_is_read(tmp_path):
    path = tmp_path / "corpus.jsonl"
    path.write_text('{"id": "a", "text": "short"}\n{"id": "b", "text": "' + "word " * 400_000 + '"}\n')
    assert [len(text) for _, text in read(path)] == [5, 2_000_000]


def test_a_csv_value_may_hold_line_breaks(tmp_path):
    path = tmp_path / "corpus.csv"
    path.write_text("id,text\n" + "".join(f'{i},"one\ntwo {"word " * 40}"\n' for i in range(8_000)))
    assert path.stat().st_size > 2**20
    assert sum(len(rows) for rows in Corpus([path]).rows(["text"])) == 8_000


def test_an_index_inside_a_folder_of_data_is_no_data(tmp_path, write_parquet):
    data = write_parquet(tmp_path / "a.parquet", id=["1"], text=["x"])
    (tmp_path / "sparton-index" / "collection").mkdir(parents=True)
    (tmp_path / "sparton-index" / "sparton.json").write_text("{}")
    (tmp_path / "sparton-index" / "collection" / "part-00000.jsonl").write_text("{}")
    assert find_files([tmp_path]) == (data,)


def test_an_edit_in_the_middle_changes_the_fingerprint(tmp_path):
    path = tmp_path / "corpus.csv"
    path.write_text("id,text\n" + "".join(f"{i:05},word\n" for i in range(20_000)))
    before = Corpus([path]).fingerprint()
    path.write_text(path.read_text().replace("10000,word", "10000,ward"))
    assert Corpus([path]).fingerprint() != before


def test_a_path_that_is_not_utf8_is_refused():
    with pytest.raises(SpartonError, match=r"the path '.*' is not UTF-8; rename it"):
        find_files(["caf\udce9.csv"])
