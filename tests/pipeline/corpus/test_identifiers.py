"""Every row has an id and no id stands twice."""

import pyarrow as pa
import pytest

from sparton.errors import SpartonError
from sparton.pipeline.corpus.ids import check_ids, ids_of
from sparton.pipeline.corpus.reader import Corpus


def check(*paths):
    return check_ids(Corpus(paths), "id")


def test_good_ids_are_counted_over_all_files(tmp_path, write_parquet):
    first = write_parquet(tmp_path / "a.parquet", row_group_size=2, id=["1", "2", "3"])
    assert check(first, write_parquet(tmp_path / "b.parquet", id=["4"])) == 4


def test_a_corpus_without_rows_has_none(tmp_path, write_parquet):
    assert check(write_parquet(tmp_path / "a.parquet", id=pa.array([], pa.string()))) == 0


@pytest.mark.parametrize("ids", [["x", "y"], [7, 8], pa.array(["x", "y"]).dictionary_encode()])
def test_ids_become_strings(tmp_path, write_parquet, ids):
    path = write_parquet(tmp_path / "a.parquet", id=ids)
    found = [name for rows in Corpus([path]).rows(["id"]) for name in ids_of(rows, "id")]
    assert found == [str(value) for value in (ids.to_pylist() if isinstance(ids, pa.Array) else ids)]


@pytest.mark.parametrize(("value", "word"), [(None, "null"), ("", "empty")])
def test_an_id_that_is_missing_is_named_by_its_row(tmp_path, write_parquet, value, word):
    path = write_parquet(tmp_path / "a.parquet", row_group_size=2, id=["1", "2", "3", value])
    with pytest.raises(SpartonError) as caught:
        check(path)
    assert str(caught.value) == f"the id in column 'id' is {word} at {path} row 4; every document needs an id"


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
    assert str(caught.value) == f"the id in column 'id' at {path} row 2 is 8192 characters long; an id may have 8191"
