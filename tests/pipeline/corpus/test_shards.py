"""The corpus cut into shards of a fixed number of rows."""

from functools import partial

import pyarrow as pa
import pytest

from sparton.pipeline.corpus.checked import checked
from sparton.pipeline.corpus.columns import choose_columns
from sparton.pipeline.corpus.reader import Corpus
from sparton.pipeline.corpus.shards import read_shards
from sparton.pipeline.documents import Documents


def cut(path, shard_rows, text=("text",)):
    corpus = Corpus([path])
    columns = choose_columns(corpus, "id", text)
    check = partial(checked, columns=columns, skip_bad=False)
    return list(read_shards(corpus.rows(columns.all), shard_rows, check))


@pytest.mark.parametrize(("shard_rows", "sizes"), [(4, [4, 4, 2]), (5, [5, 5]), (100, [10]), (1, [1] * 10)])
def test_shards_have_the_rows_asked_for_whatever_the_row_groups(tmp_path, write_parquet, shard_rows, sizes):
    ids = [str(i) for i in range(10)]
    path = write_parquet(tmp_path / "a.parquet", row_group_size=3, id=ids, text=["x"] * 10)
    shards = cut(path, shard_rows)
    assert [shard.rows for shard in shards] == sizes
    assert [shard.number for shard in shards] == list(range(len(sizes)))
    assert [name for shard in shards for name in shard.documents.ids] == ids


def test_rows_without_text_count_as_rows_and_are_no_documents(tmp_path, write_parquet):
    path = write_parquet(tmp_path / "a.parquet", id=list("abcdef"), text=["x", None, "", " \t\n", "y", None])
    shards = cut(path, 3)
    assert [(shard.rows, shard.empty) for shard in shards] == [(3, 2), (3, 2)]
    assert [shard.documents.ids for shard in shards] == [("a",), ("e",)]


def test_text_columns_are_joined_with_a_space_in_order(tmp_path, write_parquet):
    path = write_parquet(
        tmp_path / "a.parquet", id=["a", "b", "c"], title=["bag", None, "hat"], text=["black", "red", ""]
    )
    (shard,) = cut(path, 3, ("text", "title"))
    assert shard.documents.texts == ("black bag", "red", "hat")


def test_dictionary_encoded_text_and_integer_ids_are_read(tmp_path, write_parquet):
    texts = pa.array(["bag", "hat", "bag"]).dictionary_encode()
    (shard,) = cut(write_parquet(tmp_path / "a.parquet", id=[7, 8, 9], text=texts), 3)
    assert shard.documents == Documents(("7", "8", "9"), ("bag", "hat", "bag"))
