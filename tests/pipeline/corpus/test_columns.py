"""Which columns hold the id and the text."""

import pyarrow as pa
import pytest

from sparton.errors import SpartonError, UsageError
from sparton.pipeline.corpus.columns import choose_columns
from sparton.pipeline.corpus.reader import Corpus


@pytest.fixture
def corpus(tmp_path):
    """A corpus of one file with columns of these names and types."""

    def make(*names, **types):
        schema = pa.schema([(name, pa.string()) for name in names] + list(types.items()))
        with pa.ipc.new_file(tmp_path / "corpus.arrow", schema) as writer:
            writer.write_table(schema.empty_table())
        return Corpus([tmp_path / "corpus.arrow"])

    return make


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
def test_columns_are_guessed_from_their_names(corpus, names, id_column, text):
    chosen = choose_columns(corpus(*names))
    assert (chosen.id, chosen.text, chosen.guessed) == (id_column, text, True)


def test_text_columns_keep_the_order_they_were_asked_for_in(corpus):
    chosen = choose_columns(corpus("id", "a", "b"), "id", ["b", "a"])
    assert (chosen.id, chosen.text, chosen.guessed) == ("id", ("b", "a"), False)


def test_what_was_asked_for_wins_over_a_guess(corpus):
    chosen = choose_columns(corpus("id", "sku", "title", "text"), "sku")
    assert (chosen.id, chosen.text, chosen.guessed) == ("sku", ("title", "text"), True)


@pytest.mark.parametrize(
    "kind",
    [
        pa.int64(),
        pa.uint8(),
        pa.float64(),
        pa.decimal128(12),
        pa.null(),
        pa.large_string(),
        pa.dictionary(pa.int32(), pa.string()),
    ],
)
def test_ids_may_be_numbers_or_any_kind_of_string(corpus, kind):
    assert choose_columns(corpus("text", id=kind)).id == "id"


@pytest.mark.parametrize("kind", [pa.bool_(), pa.binary(), pa.list_(pa.string()), pa.timestamp("s")])
def test_other_ids_are_refused(corpus, kind):
    with pytest.raises(SpartonError) as caught:
        choose_columns(corpus("text", id=kind))
    assert str(caught.value) == f"the id column 'id' is of type {kind}; an id is a string or a whole number"


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
def test_text_may_be_any_kind_of_string(corpus, kind):
    assert choose_columns(corpus("id", text=kind)).text == ("text",)


@pytest.mark.parametrize(
    "kind",
    [
        pa.int64(),
        pa.decimal128(10, 2),
        pa.bool_(),
        pa.date32(),
        pa.timestamp("ns", "Europe/Paris"),
        pa.time64("us"),
        pa.list_(pa.string()),
        pa.large_list(pa.field("item", pa.float64(), nullable=False)),
        pa.list_(pa.dictionary(pa.int8(), pa.string()), 3),
    ],
)
def test_text_may_be_what_can_be_written_and_a_list_of_it(corpus, kind):
    assert choose_columns(corpus("id", other=kind), None, ["other"]).text == ("other",)


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.list_(pa.list_(pa.string())), pa.list_(pa.struct([("a", pa.string())])), pa.duration("s")]
)
def test_other_text_is_refused(corpus, kind):
    with pytest.raises(SpartonError) as caught:
        choose_columns(corpus("id", text=kind))
    assert (
        str(caught.value) == f"the text column 'text' is of type {kind}, not string; choose another with text_columns"
    )


def test_a_struct_is_no_text_but_what_is_within_it(corpus):
    doc = pa.struct([("n", pa.binary()), ("text", pa.string())])
    with pytest.raises(SpartonError) as caught:
        choose_columns(corpus("id", doc=doc), None, ["doc"])
    assert str(caught.value) == (
        "the text column 'doc' is of type struct<n: binary, text: string>, not string; choose another, as 'doc.text' "
        "within it, with text_columns"
    )
    assert choose_columns(corpus("id", doc=doc), None, ["doc.text"]).unused == ("doc.n",)


@pytest.mark.parametrize(
    ("names", "id_column", "text"),
    [
        (["sku", "product_name", "price"], "sku", ("product_name",)),
        (["DOCNO", "Title", "Body"], "DOCNO", ("Title", "Body")),
        (["ID", "Name", "Long Description"], "ID", ("Name", "Long Description")),
        (["itemId", "itemName", "bulletPoints"], "itemId", ("itemName", "bulletPoints")),
        (["asin", "title", "features", "description"], "asin", ("title", "description", "features")),
        (["Handle", "Title", "Body (HTML)", "Variant SKU"], "Variant SKU", ("Title", "Body (HTML)")),
        (
            ["code", "long_description", "short_description", "description", "name", "summary", "highlights"],
            "code",
            ("name", "short_description", "description", "long_description", "highlights"),
        ),
        (["GTIN", "product-title", "body_html"], "GTIN", ("product-title", "body_html")),
        (["Artikel-Nr.", "Bezeichnung", "Beschreibung", "Preis"], "Artikel-Nr.", ("Bezeichnung", "Beschreibung")),
        (["Réf", "Titre", "description"], "Réf", ("Titre", "description")),
        (["id", "title", "text", "summary", "features"], "id", ("title", "text")),
        (["id", "description"], "id", ("description",)),
    ],
)
def test_names_are_understood_as_people_write_them(corpus, names, id_column, text):
    chosen = choose_columns(corpus(*names))
    assert (chosen.id, chosen.text) == (id_column, text)


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["id", "title", "text"], ("id", "title", "text")),  # CACM
        (["_id", "title", "text", "metadata"], ("_id", "title", "text")),  # BEIR
        (["pid", "passage"], ("pid", "passage")),  # MS MARCO
        (
            ["id", "title", "brand", "category", "colour", "material", "price", "description"],
            ("id", "title", "description"),
        ),  # the sample catalogue
    ],
)
def test_corpora_that_many_have_keep_their_columns(corpus, names, columns):
    assert choose_columns(corpus(*names)).all == columns


def test_the_sample_catalogue_keeps_its_columns(catalog):
    assert choose_columns(Corpus([catalog])).all == ("id", "title", "description")


def test_a_column_of_objects_is_not_guessed_where_another_would_do(corpus):
    objects = pa.list_(pa.struct([("name", pa.string())]))
    assert choose_columns(corpus("id", "title", features=objects)).text == ("title",)


def test_an_id_and_a_text_within_another_column_are_found(corpus):
    product = pa.struct([("sku", pa.string()), ("title", pa.string()), ("price", pa.float64())])
    assert choose_columns(corpus("shop", product=product)).all == ("product.sku", "product.title")


def test_a_column_that_is_named_twice_is_refused(corpus):
    with pytest.raises(UsageError) as caught:
        choose_columns(corpus("id", "a", "b"), "id", ["a", "b", "a"])
    assert str(caught.value) == "text_columns is 'a' more than once; name each column once"


def test_a_guess_that_could_have_gone_another_way_says_so(corpus):
    chosen = choose_columns(corpus("docid", "url", "text", "_id", "body"))
    assert chosen.guess == "columns: id = _id (docid could be the id, too), text = text"
    assert chosen.unused == ("docid", "url", "body")


def test_a_column_of_any_file_is_the_corpus_s(tmp_path, write_parquet, caplog):
    caplog.set_level("INFO")
    first = write_parquet(tmp_path / "a.parquet", id=["1"], text=["x"])
    second = write_parquet(tmp_path / "b.parquet", id=["2"], title=["y"])
    assert choose_columns(Corpus([first, second])).text == ("title", "text")
    assert caplog.messages == [
        f"no column 'title' in {first}: their rows have no text there",
        f"no column 'text' in {second}: their rows have no text there",
    ]


def test_a_file_without_the_id_column_is_named(tmp_path, write_parquet):
    first = write_parquet(tmp_path / "a.parquet", id=["1"], text=["x"])
    second = write_parquet(tmp_path / "b.parquet", docid=["2"], text=["y"])
    with pytest.raises(SpartonError) as caught:
        choose_columns(Corpus([first, second]))
    assert str(caught.value) == f"{second} has no column 'id', which other files have; its columns are docid, text"


def test_text_of_another_type_in_a_later_file_is_named(tmp_path, write_parquet):
    first = write_parquet(tmp_path / "a.parquet", id=["1"], text=["x"])
    second = write_parquet(tmp_path / "b.parquet", id=["2"], text=[b"7"])
    with pytest.raises(SpartonError) as caught:
        choose_columns(Corpus([first, second]))
    assert str(caught.value) == (
        f"the text column 'text' is of type binary in {second}, not string; choose another with text_columns"
    )


def test_columns_without_a_heading_are_numbered(tmp_path):
    path = tmp_path / "collection.tsv"
    path.write_text("7\tblack bag\n8\tred bag\n")
    with pytest.raises(SpartonError) as caught:
        choose_columns(Corpus([path]))
    assert str(caught.value) == (
        "no column looks like an id; name it with id_column: the columns are 7, black bag; if that is no heading but a "
        "row, give header=False"
    )
    assert choose_columns(Corpus([path], header=False)).all == ("1", "2")
    assert choose_columns(Corpus([path], header=False), "2", ["1"]).all == ("2", "1")
