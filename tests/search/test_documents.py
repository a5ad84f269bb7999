"""Documents by their ids, many queries at once, and how what a program gets is shown."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.saved_models import needs_sentence_transformers
from support.with_fields import index_with_fields

import sparton
from sparton.errors import SpartonError, UsageError
from sparton.search.documents import Document
from sparton.search.searcher import Hit

pytestmark = pytest.mark.slow

LONG = " ".join(f"word{i}" for i in range(40))
TEXTS = {
    "d1": f"black leather bag {LONG}",
    "d1#2": "red suede clutch",
    "d1#": f"tan bag {LONG} and {LONG}",
    "d10": "brown bag with gold straps",
    "größe 7": "evening bag",
    "silent": "",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "odd.parquet"
    pq.write_table(pa.table({"id": list(TEXTS), "text": list(TEXTS.values())}), path)
    return path


@pytest.fixture(scope="module", params=["whole", "apart"])
def plain(request, corpus, static_model, tmp_path_factory):
    """An index of one Lucene index, and of several."""
    folder = tmp_path_factory.mktemp("plain") / "index"
    apart = {"join": False, "index_processes": 2, "shard_rows": 2} if request.param == "apart" else {}
    sparton.build_index(corpus, folder, model=str(static_model), **apart)
    with sparton.Searcher(folder) as searcher:
        yield searcher


@pytest.fixture(scope="module")
def passages(corpus, static_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("passages") / "index"
    sparton.build_index(corpus, folder, model=str(static_model), chunk=True, max_length=24)
    with sparton.Searcher(folder) as searcher:
        yield searcher


def test_every_document_is_found_by_its_id_and_nothing_else(plain):
    for name, text in TEXTS.items():
        assert (name in plain) == bool(text)
        assert plain.get(name) == (Document(name, text) if text else None)
    for name in ("", "d", "d1#2#0", "D1", "d1 ", "größe", "\ud83d", "d1\0"):
        assert name not in plain
        assert plain.get(name) is None
    assert 7 not in plain
    assert None not in plain
    with pytest.raises(UsageError) as caught:
        plain.get(7)
    assert str(caught.value) == "id is 7; expected a string"


def test_a_document_that_was_split_has_its_own_passages_in_order(passages):
    assert len(passages) > 8
    for name, text in TEXTS.items():
        document = passages.get(name)
        assert (name in passages) == bool(text) == (document is not None)
        if document is None:
            continue
        assert document.text == "\n".join(document.passages)
        assert document.passages[0].split() == text.split()[: len(document.passages[0].split())]
        assert document.passages[-1].split() == text.split()[-len(document.passages[-1].split()) :]
        found = {hit.passage: hit.text for hit in passages.search(text, 10) if hit.id == name}
        for number, passage in found.items():
            assert document.passages[number] == passage
    assert [len(passages.get(name).passages) > 1 for name in ("d1", "d1#2", "d1#", "d10")] == [True, False, True, False]
    for name in ("d", "d1#0", "d1#2#0", "d1##0", "größe 7#0"):
        assert name not in passages
        assert passages.get(name) is None


def test_text_that_is_not_stored_is_none(corpus, static_model, tmp_path):
    for chunk in (False, True):
        sparton.build_index(
            corpus, tmp_path / "index", model=str(static_model), chunk=chunk, store_text=False, overwrite=True
        )
        with sparton.Searcher(tmp_path / "index") as searcher:
            assert searcher.get("d1") == Document("d1", None)


@needs_sentence_transformers
@pytest.mark.parametrize("chunk", [False, True])
def test_a_document_has_its_fields(static_model, tmp_path, chunk):
    values = {"price": 390.0, "brand": "Verrane", "in_stock": True, "tags": ["a", "b"]}
    documents = {"P1": (f"black bag {LONG}", values), "P2": ("red bag", {})}
    folder = index_with_fields(tmp_path / "index", documents, model=str(static_model), chunk=chunk, max_length=24)
    with sparton.Searcher(folder) as searcher:
        assert (searcher.get("P1").fields, searcher.get("P2").fields) == (values, {})
        assert searcher.search("black", 1)[0].fields == values


@pytest.fixture(scope="module")
def queries(data):
    lines = (data / "queries.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[1] for line in lines]


ODD = ["", " ", "bag \ud83d", "zzz", "black " * 600]


def test_many_queries_find_what_each_finds_alone(searcher, queries):
    asked = [*queries[::3], *ODD, queries[0]]
    assert searcher.search_many(asked, 20) == [searcher.search(query, 20) for query in asked]
    assert searcher.search_many(queries[:2]) == [searcher.search(query) for query in queries[:2]]


def test_many_batches_of_queries_find_what_each_finds_alone(passages, queries):
    asked = [f"{query} bag word{number % 40}" for number, query in enumerate(queries * 7)]
    assert len(asked) > 600
    assert passages.search_many(iter(asked), 3) == [passages.search(query, 3) for query in asked]


def test_many_queries_are_filtered_ordered_and_paged_as_each_alone(static_model, tmp_path):
    documents = {
        f"P{i:02}": (f"{('black', 'red', 'tan')[i % 3]} leather bag word{i}", {"price": i % 7, "in_stock": i % 4 > 0})
        for i in range(40)
    }
    folder = index_with_fields(tmp_path / "index", documents, model=str(static_model))
    asked = ["black bag", "red word7", "", "tan leather"]
    with sparton.Searcher(folder) as searcher:
        for more in (
            {"filters": "price < 4 and in_stock"},
            {"filters": ["price < 4", "in_stock"], "offset": 3},
            {"sort": "-price"},
            {"filters": ["price > 4"], "sort": "price", "offset": 1},
        ):
            found = searcher.search_many(asked, 5, **more)
            assert found == [searcher.search(query, 5, **more) for query in asked]
            assert [bool(hits) for hits in found] == [True, True, False, True]
        assert searcher.search("bag", filters=iter(["price > 4"])) == searcher.search("bag", filters="price > 4")
        with pytest.raises(UsageError) as caught:
            searcher.search_many(asked, offset=-1)
        assert str(caught.value) == "offset is -1; expected at least 0"
        answer = searcher.answer("black leather bag", 3, facets="price")
        assert answer.total == 40
        assert repr(answer).startswith(f"<Answer to {len(answer.terms)} terms: 3 of 40 hits in ")


def test_one_query_or_none_may_be_many(plain):
    assert plain.search_many("gold straps") == [plain.search("gold straps")]
    assert plain.search_many([]) == []


@pytest.mark.parametrize(
    ("asked", "k", "sentence"),
    [
        (["bag", 5], 10, "queries is ['bag', 5]; expected texts"),
        (["bag"], 0, "k is 0; expected at least 1"),
        (["bag"], "7", "k is '7'; expected a whole number"),
        (5, 10, "queries is 5; expected texts"),
    ],
)
def test_queries_that_cannot_be_meant_are_refused(plain, asked, k, sentence):
    with pytest.raises(UsageError) as caught:
        plain.search_many(asked, k)
    assert str(caught.value) == sentence


def test_a_searcher_is_closed_at_the_end_of_a_with(light_index):
    with sparton.Searcher(light_index) as searcher:
        assert searcher.search("bag")
    with pytest.raises(ZeroDivisionError), sparton.Searcher(light_index) as broken:
        raise ZeroDivisionError
    assert repr(searcher).endswith(", closed>")
    for closed in (searcher, broken):
        for act in (closed.search, closed.get, closed.__contains__, closed.search_many):
            with pytest.raises(SpartonError, match=r"^the index .* was closed; open it again to search it$"):
                act("P0001")


def test_what_a_program_gets_is_shown_on_one_line(plain, corpus, static_model, tmp_path):
    model = static_model.resolve()
    assert repr(plain) == f"<Searcher of {plain.path}: 5 documents, model {plain.manifest.settings.model.name}>"
    assert plain.manifest.settings.model.name == str(model)
    assert repr(plain.get("d10")) == "Document(id='d10', text='brown bag with gold straps', fields={})"
    text = "'" + r"a\n" * 19 + "a…"
    assert repr(Hit(1, "d1", 12.0, "a\n" * 80)) == f"Hit(rank=1, id='d1', score=12.0, text={text})"
    long = Hit(2, "d" * 90, 1.5, None, 3, {"price": 7, "url": "https://shop/" + "x" * 90})
    assert repr(long) == (
        f"Hit(rank=2, id='{'d' * 58}…, score=1.5, text=None, passage=3, "
        f"fields={{'price': 7, 'url': 'https://shop/{'x' * 25}…)"
    )
    report = sparton.build_index(corpus, tmp_path / "index", model=str(static_model), lucene=False)
    counts = f"5 documents of 6 rows, {report.counts.postings / 5:.1f} terms a document, 1 dropped for having no text"
    assert repr(report).startswith(f"<BuildReport of {tmp_path}/index: {counts}, ")
    assert repr(report).endswith(" s>")
