"""Which columns hold the id and the text."""

import pyarrow as pa
import pytest

from sparton.errors import SpartonError, UsageError
from sparton.pipeline.corpus.columns import choose_columns


def schema(*names, **types):
    return pa.schema([(name, pa.string()) for name in names] + list(types.items()))


@pytest.mark.parametrize(
    ("names", "id_column", "text"),
    [
        (["id", "title", "text"], "id", ("title", "text")),
        (["text", "title", "_id"], "_id", ("title", "text")),
        (["docid", "contents"], "docid", ("contents",)),
        (["body", "docid"], "docid", ("body",)),
        (["id", "_id", "docid", "text", "body"], "id", ("text",)),
        (["product_id", "name", "description", "brand"], "product_id", ("name", "description")),
        (["id", "title"], "id", ("title",)),
    ],
)
def test_columns_are_guessed_from_their_names(names, id_column, text):
    chosen = choose_columns(schema(*names))
    assert (chosen.id, chosen.text, chosen.guessed) == (id_column, text, True)


def test_text_columns_keep_the_order_they_were_asked_for_in():
    chosen = choose_columns(schema("id", "a", "b"), "id", ["b", "a"])
    assert (chosen.id, chosen.text, chosen.guessed) == ("id", ("b", "a"), False)


def test_what_was_asked_for_wins_over_a_guess():
    chosen = choose_columns(schema("id", "sku", "title", "text"), "sku")
    assert (chosen.id, chosen.text, chosen.guessed) == ("sku", ("title", "text"), True)


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint8(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_ids_may_be_integers_or_any_kind_of_string(kind):
    assert choose_columns(schema("text", id=kind)).id == "id"


@pytest.mark.parametrize("kind", [pa.float64(), pa.bool_(), pa.binary(), pa.list_(pa.string())])
def test_other_ids_are_refused(kind):
    with pytest.raises(SpartonError) as caught:
        choose_columns(schema("text", id=kind))
    assert str(caught.value) == f"the id column 'id' is of type {kind}; an id is a string or an integer"


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
def test_text_may_be_any_kind_of_string(kind):
    assert choose_columns(schema("id", text=kind)).text == ("text",)


@pytest.mark.parametrize("kind", [pa.int64(), pa.binary(), pa.list_(pa.string())])
def test_other_text_is_refused(kind):
    with pytest.raises(SpartonError) as caught:
        choose_columns(schema("id", text=kind))
    assert (
        str(caught.value) == f"the text column 'text' is of type {kind}, not string; choose another with text_columns"
    )


def test_a_column_that_is_named_twice_is_refused():
    with pytest.raises(UsageError) as caught:
        choose_columns(schema("id", "a", "b"), "id", ["a", "b", "a"])
    assert str(caught.value) == "text_columns is 'a' more than once; name each column once"
