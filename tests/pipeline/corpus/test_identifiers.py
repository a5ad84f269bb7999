"""Every row has an id and no id stands twice."""

import math
from decimal import Decimal

import pyarrow as pa
import pytest

from sparton.errors import SpartonError
from sparton.pipeline.corpus.checked import check_corpus, checked
from sparton.pipeline.corpus.columns import Columns, choose_columns
from sparton.pipeline.corpus.reader import Corpus


def every_row(corpus, columns, *, skip_bad):
    return (checked(rows, columns, skip_bad=skip_bad) for rows in corpus.rows(columns.all))


def check(*paths):
    return check_corpus(Corpus(paths), Columns("id", ()))


def test_good_ids_are_counted_over_all_files(tmp_path, write_parquet):
    first = write_parquet(tmp_path / "a.parquet", row_group_size=2, id=["1", "2", "3"])
    assert check(first, write_parquet(tmp_path / "b.parquet", id=["4"])) == 4


def test_a_corpus_without_rows_has_none(tmp_path, write_parquet):
    assert check(write_parquet(tmp_path / "a.parquet", id=pa.array([], pa.string()))) == 0


@pytest.mark.parametrize("ids", [["x", "y"], [7, 8], pa.array(["x", "y"]).dictionary_encode()])
def test_ids_become_strings(tmp_path, write_parquet, ids):
    path = write_parquet(tmp_path / "a.parquet", id=ids)
    found = [name for rows in every_row(Corpus([path]), Columns("id", ()), skip_bad=False) for name in rows.columns[0]]
    assert found == [str(value) for value in (ids.to_pylist() if isinstance(ids, pa.Array) else ids)]


@pytest.mark.parametrize("value", [None, ""])
def test_an_id_that_is_missing_is_named_by_its_row(tmp_path, write_parquet, value):
    path = write_parquet(tmp_path / "a.parquet", row_group_size=2, id=["1", "2", "3", value])
    with pytest.raises(SpartonError) as caught:
        check(path)
    assert str(caught.value) == (
        f"{path} row 4 has no id in column 'id', and every document needs one; mend it, or leave out such rows with "
        "skip_bad_rows=True"
    )


def test_an_id_standing_twice_names_both_rows(tmp_path, write_parquet):
    first = write_parquet(tmp_path / "a.parquet", row_group_size=2, id=["1", "2", "3"])
    second = write_parquet(tmp_path / "b.parquet", id=["4", "2"])
    with pytest.raises(SpartonError) as caught:
        check(first, second)
    assert str(caught.value) == f"the id '2' stands twice: at {first} row 2 and at {second} row 2; make ids unique"


def test_an_integer_id_and_the_same_string_are_one_id(tmp_path, write_parquet):
    first = write_parquet(tmp_path / "a.parquet", id=["7"])
    second = write_parquet(tmp_path / "b.parquet", id=[7])
    with pytest.raises(SpartonError, match=r"^the id '7' stands twice"):
        check(first, second)


def test_different_ids_of_equal_hash_are_different(tmp_path, write_parquet, monkeypatch):
    monkeypatch.setattr("sparton.pipeline.corpus.ids.hash", len, raising=False)
    path = write_parquet(tmp_path / "a.parquet", id=["aa", "bb", "c"])
    assert check(path) == 3
    with pytest.raises(SpartonError, match=r"^the id 'bb' stands twice"):
        check(path, write_parquet(tmp_path / "b.parquet", id=["bb"]))


def test_an_id_too_long_for_lucene_is_refused(tmp_path, write_parquet):
    path = write_parquet(tmp_path / "a.parquet", id=["a", "x" * 8_192])
    with pytest.raises(SpartonError) as caught:
        check(path)
    assert str(caught.value) == (
        f"{path} row 2 has an id of 8192 characters in column 'id', where 8191 are allowed; mend it, or leave out such "
        "rows with skip_bad_rows=True"
    )


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        ([3.0, 2.0**53, -0.0], ["3", "9007199254740992", "0"]),
        (pa.array([Decimal("12.00"), Decimal("7")]), ["12", "7"]),
        (pa.array([2**64 - 1, 0], pa.uint64()), ["18446744073709551615", "0"]),
    ],
)
def test_whole_numbers_are_written_as_such(tmp_path, write_parquet, ids, found):
    path = write_parquet(tmp_path / "a.parquet", id=ids)
    rows = every_row(Corpus([path]), Columns("id", ()), skip_bad=False)
    assert [name for some in rows for name in some.columns[0]] == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (3.5, "has the id 3.5 in column 'id', where a string or whole number was expected"),
        (math.nan, "has the id nan in column 'id', where a string or whole number was expected"),
        (math.inf, "has the id inf in column 'id', where a string or whole number was expected"),
        (1e18, "has the id 1e+18 in column 'id', too large to be exact as a float; save ids as strings"),
    ],
)
def test_floats_that_are_no_exact_whole_number_are_refused(tmp_path, write_parquet, value, found):
    path = write_parquet(tmp_path / "a.parquet", id=[1.0, value])
    with pytest.raises(SpartonError) as caught:
        check(path)
    assert str(caught.value) == f"{path} row 2 {found}; mend it, or leave out such rows with skip_bad_rows=True"


def test_ids_of_one_file_may_be_whole_numbers_and_of_the_next_floats_or_strings(tmp_path, write_parquet):
    paths = [
        write_parquet(tmp_path / "a.parquet", id=[1, 2], text=["a", "b"]),
        write_parquet(tmp_path / "b.parquet", id=[3.0, 4.0], text=["c", "d"]),
        write_parquet(tmp_path / "c.parquet", id=["five"], text=["e"]),
    ]
    corpus = Corpus(paths)
    rows = every_row(corpus, choose_columns(corpus), skip_bad=False)
    assert [name for some in rows for name in some.columns[0]] == ["1", "2", "3", "4", "five"]
