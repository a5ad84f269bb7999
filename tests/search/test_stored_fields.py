"""Fields of documents: written to the collection and to Lucene, and given with hits."""

import json
import re
import shutil

import numpy as np
import pytest
from support.saved_models import needs_sentence_transformers
from support.vector_lines import line
from support.with_fields import SHOP, index_with_fields

import sparton
from sparton.errors import SpartonError
from sparton.indexer.field_types import microseconds_of, timestamp_of
from sparton.indexer.read_vectors import _as_json, _as_written, read_vectors
from sparton.indexer.splits import cut
from sparton.pipeline.documents import Documents
from sparton.pipeline.encoding.impacts import Impacts
from sparton.pipeline.parts.json_vectors import VectorWriter
from sparton.pipeline.tokens.passages import Spans, passages_of
from sparton.storage.fields import Field

pytestmark = needs_sentence_transformers

KNOWN = {field.name: field for field in SHOP}
BAGS = {
    "P1": (
        "small black leather bag",
        {
            "price": 390.0,
            "brand": "Verrane",
            "in_stock": True,
            "added": "2026-01-02T00:00:00Z",
            "tags": ["evening", 'a "b" \\ é', "new"],
        },
    ),
    "P2": ("brown suede clutch", {"brand": 'Adele & Co, "Paris" \x1b[31m', "price": 12}),
    "P3": ("red bag with brass buckle", {}),
    "P4": ("tan bag", {"in_stock": False, "tags": [], "price": 10**17 + 1, "brand": ""}),
}


@pytest.fixture(scope="module")
def shop(static_model, tmp_path_factory):
    return index_with_fields(tmp_path_factory.mktemp("shop") / "index", BAGS, model=str(static_model), shard_rows=3)


def test_a_line_has_fields_between_contents_and_vector(tmp_path):
    documents = Documents(("a", "b"), ("x", "y"), ('{"price": 390.0, "brand": "Verrane"}', ""))
    impacts = Impacts(np.array([0, 1, 2]), np.array([0, 0], np.int32), np.array([5, 6], np.int32))
    VectorWriter(["t"], store_text=True).write(tmp_path / "part.jsonl", documents, impacts)
    VectorWriter(["t"], store_text=False).write(tmp_path / "bare.jsonl", documents, impacts)
    assert (tmp_path / "part.jsonl").read_bytes() == (
        b'{"id": "a", "contents": "x", "fields": {"price": 390.0, "brand": "Verrane"}, "vector": {"t": 5}}\n'
        b'{"id": "b", "contents": "y", "vector": {"t": 6}}\n'
    )
    assert (tmp_path / "bare.jsonl").read_bytes() == (
        b'{"id": "a", "fields": {"price": 390.0, "brand": "Verrane"}, "vector": {"t": 5}}\n'
        b'{"id": "b", "vector": {"t": 6}}\n'
    )


def test_every_passage_carries_the_fields_of_its_document():
    spans = Spans(np.array([0, 0, 1]), np.array([0, 2, 0]), np.array([3, 5, 4]))
    found = passages_of(Documents(("a", "b"), ("abcde", "fghi"), ('{"n": 1}', "")), spans)
    assert found == Documents(("a#0", "a#1", "b#0"), ("abc", "cde", "fghi"), ('{"n": 1}', '{"n": 1}', ""))
    assert passages_of(Documents(("a",), ("abcde",)), Spans(*(np.array([n]) for n in (0, 0, 3)))).fields == ()


def test_lines_with_fields_take_the_quick_way_which_says_what_the_long_one_says():
    for _, values in BAGS.values():
        written = line({"bag": 3, "hat": 1}, contents='", "vector": {"x": 1}}', fields=values)
        quick, slow = _as_written(written, KNOWN), _as_json(written, None, KNOWN)
        assert quick is not None
        assert (quick.postings, quick.fields) == (slow.postings, slow.fields)
        assert quick.fields == {name: values[name] for name in KNOWN if name in values}
        assert (
            json.loads(quick.raw)
            == json.loads(slow.raw)
            == {
                "id": "d",
                "contents": '", "vector": {"x": 1}}',
                "fields": values,
            }
        )


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ('{"price": "12"}', 'has in the field "price" "12"; expected a finite number'),
        ('{"price": true}', 'has in the field "price" true; expected a finite number'),
        ('{"price": NaN}', 'has in the field "price" NaN; expected a finite number'),
        ('{"price": 1e999}', 'has in the field "price" Infinity; expected a finite number'),
        ('{"price": null}', 'has in the field "price" null; expected a finite number'),
        ('{"brand": 12}', 'has in the field "brand" 12; expected a text'),
        ('{"brand": "\\ud800"}', 'has in the field "brand" "\\ud800"; expected a text'),
        ('{"in_stock": 1}', 'has in the field "in_stock" 1; expected true or false'),
        ('{"added": "2026-02-30T00:00:00Z"}', 'has in the field "added" "2026-02-30T00:00:00Z"; expected a time as'),
        ('{"added": "2026-02-03"}', 'has in the field "added" "2026-02-03"; expected a time as 2026-11-26T08:00:00Z'),
        ('{"tags": "new"}', 'has in the field "tags" "new"; expected a list of texts'),
        ('{"tags": ["new", 1]}', 'has in the field "tags" a list; expected a list of texts'),
        ('{"colour": "red"}', 'has the field "colour", which is none of price, brand, in_stock, added, tags'),
        ('["price"]', "has the fields a list; expected an object"),
        ('{"price": ' + "9" * 400 + "}", "expected a finite number"),
    ],
)
def test_a_value_that_is_not_of_its_field_s_kind_is_refused(tmp_path, fields, found):
    path = tmp_path / "part.jsonl"
    path.write_text('{"id": "a", "vector": {"t": 1}}\n' + f'{{"id": "b", "fields": {fields}, "vector": {{"t": 1}}}}\n')
    (split,) = cut(path)
    with pytest.raises(SpartonError) as caught:
        list(read_vectors(split, fields=SHOP))
    assert str(caught.value).startswith(f"{path} line 2 has ")
    assert found in str(caught.value)
    # Of vectors that another tool wrote fields are what they are: stored, and no more.
    assert [vector.fields for vector in read_vectors(split)] == [{}, {}]


def test_hits_have_the_fields_of_their_documents(shop):
    searcher = sparton.Searcher(shop)
    hits = {hit.id: hit for hit in searcher.search("bag clutch")}
    searcher.close()
    assert {name: (hit.text, dict(hit.fields)) for name, hit in hits.items()} == BAGS
    assert [type(value) for value in hits["P4"].fields.values()] == [int, str, bool, list]
    assert list(hits["P2"].fields) == ["price", "brand"]


def test_commands_show_fields(shop, run_cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = run_cli("search", "small bag", "-k", 4, "--index", shop).stdout.splitlines()
    assert [fields for line in shown if (fields := line.split("\t")[4])] == [
        'price: 390.0 · brand: Verrane · in_stock: true · added: 2026-01-02T00:00:00Z · tags: evening, a "b" \\ é, new',
        "price: 100000000000000001 · in_stock: false",
    ]
    found = [json.loads(line) for line in run_cli("search", "bag", "--json", "--index", shop).stdout.splitlines()]
    assert {hit["id"]: hit["fields"] for hit in found} == {name: BAGS[name][1] for name in ("P1", "P3", "P4")}
    assert (
        "  fields      price (number), brand (string), in_stock (boolean), added (timestamp), tags (strings)\n"
        in run_cli("info", "--index", shop).stdout
    )
    checked = run_cli("info", "--check", "--index", shop)
    assert (checked.code, checked.stderr) == (0, "")


def test_what_is_stored_of_another_kind_is_damage(shop, tmp_path):
    folder = tmp_path / "index"
    shutil.copytree(shop, folder)
    manifest = (folder / "sparton.json").read_text()
    (folder / "sparton.json").write_text(re.sub(r'("name": "brand",\s+"kind": )"string"', r'\1"boolean"', manifest))
    searcher = sparton.Searcher(folder)
    with pytest.raises(SpartonError) as caught:
        searcher.search("small black bag", 1)
    searcher.close()
    assert str(caught.value).startswith(
        f'the Lucene index {folder / "lucene"} cannot be read (the document \'P1\' has in the field "brand" "Verrane"; '
        "expected true or false); check it"
    )


def test_a_long_text_is_kept_and_no_keyword(static_model, tmp_path):
    documents = {"a": ("bag", {"brand": "é" * 16_384}), "b": ("bag", {"brand": "é" * 16_383})}
    folder = index_with_fields(tmp_path / "index", documents, (Field("brand", "string"),), model=str(static_model))
    searcher = sparton.Searcher(folder)
    assert [hit.fields["brand"] for hit in searcher.search("bag")] == [
        fields["brand"] for _, fields in documents.values()
    ]
    searcher.close()


def test_timestamps_are_whole_microseconds():
    for text, expected in (
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ("2026-01-02T03:04:05.000006Z", 1_767_323_045_000_006),
    ):
        assert (microseconds_of(text), timestamp_of(expected)) == (expected, text)
    for text in ("2026-01-02", "2026-01-02T00:00:00", "2026-01-02T00:00:00+00:00", "2026-13-02T00:00:00Z", "x"):
        assert microseconds_of(text) is None
