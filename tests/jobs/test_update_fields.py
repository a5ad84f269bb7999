"""Rows of an update whose fields are unclear, or are not there."""

import json

import pytest
from support.updates import collection_of, write_rows

import sparton
from sparton.errors import SpartonError
from sparton.storage.fields import Field
from sparton.storage.manifest import load_manifest

pytestmark = pytest.mark.slow


@pytest.fixture
def build(static_model, tmp_path):
    """Builds an index of a corpus."""

    def build(corpus):
        options = {"id_column": "id", "text_columns": ("text",), "fields": ("all",)}
        sparton.build_index(
            corpus, tmp_path / "index", model=str(static_model), index_processes=1, heap_mb=128, **options
        )
        return tmp_path / "index"

    return build


def fields_of(index):
    return {name: json.loads(line).get("fields") for name, line in collection_of(index).items()}


def row(name, **fields):
    return {"id": name, "text": "black leather bag", **fields}


def table(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("price", [999, "999 €"], ids=["of numbers", "of strings"])
def test_a_number_is_not_guessed_where_the_index_never_said_how_they_are_written(build, tmp_path, price):
    index = build(write_rows(tmp_path / "corpus.jsonl", [row("a", price=price), row("b", price=price)]))
    assert load_manifest(index).settings.fields == (Field("price", "number", ""),)
    rows = [row("a", price="1.299,50 €"), row("b", price="1.299 €"), row("c", price="12.5")]
    update = write_rows(tmp_path / "update.jsonl", rows)
    with pytest.raises(SpartonError) as caught:
        sparton.update_index(update, index)
    assert str(caught.value) == (
        f"{update} line 2 has '1.299 €' in column 'price', which may be 1.299 or 1299, and no value of the index said "
        "which; mend it, or leave out such rows with skip_bad_rows=True"
    )
    assert fields_of(index) == {"a": {"price": 999}, "b": {"price": 999}}
    assert sparton.update_index(update, index, skip_bad_rows=True).skipped == {"field": 1}
    assert fields_of(index) == {"a": {"price": 1299.5}, "b": {"price": 999}, "c": {"price": 12.5}}


def test_a_number_is_read_as_those_of_the_index_were(build, tmp_path):
    index = build(write_rows(tmp_path / "corpus.jsonl", [row("a", price="999,50 €"), row("b", price="1.299 €")]))
    assert load_manifest(index).settings.fields == (Field("price", "number", ","),)
    sparton.update_index(write_rows(tmp_path / "update.jsonl", [row("a", price="2.499 €")]), index)
    assert fields_of(index) == {"a": {"price": 2499}, "b": {"price": 1299}}


def test_fields_that_a_file_has_no_column_of_are_told_of(build, tmp_path, caplog):
    index = build(table(tmp_path / "corpus.csv", "id,text,price,brand", "a,black bag,12.5,Adele", "b,red bag,7,Odile"))
    update = table(tmp_path / "update.csv", "id,text", "a,black bag")
    caplog.clear()
    sparton.update_index(update, index)
    told = f"no column for the fields price, brand in {update}: documents that get their rows are without"
    assert told in caplog.messages
    assert fields_of(index) == {"a": None, "b": {"price": 7, "brand": "Odile"}}
    folder = tmp_path / "several"
    folder.mkdir()
    table(folder / "1.csv", "id,text,price,brand", "a,black bag,12.5,Adele")
    table(folder / "2.csv", "id,text,price", "b,red bag,8")
    caplog.clear()
    sparton.update_index(folder, index)
    told = f"no column for the field brand in {folder / '2.csv'}: documents that get their rows are without"
    assert [message for message in caplog.messages if "no column" in message] == [told]
    assert fields_of(index) == {"a": {"price": 12.5, "brand": "Adele"}, "b": {"price": 8}}


def test_a_text_column_that_no_row_has_is_a_sentence(tmp_path, static_model, run_cli):
    index, rows = tmp_path / "index", [{"id": "a", "na.me": "black bag", "text": "leather"}]
    corpus, options = write_rows(tmp_path / "corpus.jsonl", rows), {"index_processes": 1, "heap_mb": 128}
    sparton.build_index(corpus, index, model=str(static_model), text_columns=("na.me", "text"), **options)
    before = collection_of(index)
    part = write_rows(tmp_path / "up.jsonl", [{"id": "a", "na.me": "red bag"}])
    none = write_rows(tmp_path / "none.jsonl", [{"id": "a", "name": "red bag"}])
    nameless = write_rows(tmp_path / "nameless.jsonl", [{"key": "a", "na.me": "red bag", "text": ""}])
    texts = "this index's texts are na.me + text, so each row needs that column (it may be empty)"
    for files, said in (
        ((part,), f"{part} has no column 'text'; {texts}; the columns are id, na.me"),
        ((none,), f"{none} has no column 'na.me'; {texts}; the columns are id, name"),
        ((corpus, none), f"{none} has no column 'na.me'; {texts}; the columns are id, name"),
        ((part, none), f"{part}, {none} have no column 'text'; {texts}; the columns are id, na.me, name"),
        (
            (nameless,),
            f"{nameless} has no column 'id'; this index's ids are of the column id, so each row needs that column; the "
            "columns are key, na.me, text",
        ),
    ):
        ran = run_cli("update", index, *files)
        assert (ran.code, ran.stdout, ran.stderr.splitlines()[-1]) == (1, "", f"Error: {said}")
    assert collection_of(index) == before


def test_fields_that_no_row_names_are_told_of(build, tmp_path, caplog):
    rows = [row("a", price=1, offer={"size": "S"}), row("b", price=2, offer={"size": "M"})]
    index = build(write_rows(tmp_path / "corpus.jsonl", rows))
    update = write_rows(tmp_path / "update.jsonl", [row("a", price=3), row("b", offer={"size": "L"})])
    caplog.clear()
    sparton.update_index(update, index)
    assert [message for message in caplog.messages if "no column" in message] == []
    assert fields_of(index) == {"a": {"price": 3}, "b": {"offer.size": "L"}}
    write_rows(update, [row("a", price=4)])
    sparton.update_index(update, index)
    told = f"no column for the field offer.size in {update}: documents that get their rows are without"
    assert [message for message in caplog.messages if "no column" in message] == [told]
    assert fields_of(index) == {"a": {"price": 4}, "b": {"offer.size": "L"}}
