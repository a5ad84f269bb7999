"""Other tools read what Sparton writes: Pyserini opens lucene/, Anserini indexes collection/, both find the same."""

import json
from importlib.resources import files

import pytest
from support.lucene_content import read_content
from support.pyserini import index_collection, with_pyserini
from support.saved_models import needs_sentence_transformers
from support.with_fields import index_with_fields

import sparton

pytestmark = pytest.mark.slow

K = 100

PYSERINI = """
from pyserini.search.lucene import LuceneImpactSearcher

class Encoded:
    def encode(self, query):
        return json.loads(query)

# min_idf: Pyserini leaves out a term that every document has unless it is told not to.
lines = list(sys.stdin)
for index in sys.argv[2:]:
    searcher = LuceneImpactSearcher(index, Encoded(), min_idf=-1)
    found = [[[hit.docid, hit.score] for hit in searcher.search(line, int(sys.argv[1]))] for line in lines]
    print(json.dumps({"found": found, "raw": searcher.doc("P0001").raw()}))
"""


@pytest.fixture(scope="module")
def index(small_index):
    return small_index


@pytest.fixture(scope="module")
def queries(computed_searcher):
    """60 queries as Sparton encodes them, and what Sparton finds: by all of their terms, as Anserini does."""
    lines = (files("sparton.data") / "queries.tsv").read_text(encoding="utf-8").splitlines()[:60]
    encoded = [computed_searcher.terms(line.split("\t")[1]) for line in lines]
    return [(terms, [[hit.id, hit.score] for hit in computed_searcher.search_terms(terms, K)]) for terms in encoded]


@pytest.fixture(scope="module")
def shop(static_model, tmp_path_factory):
    """An index whose documents have fields of every kind, all but every third."""
    words = ["black", "red", "suede", "leather", "clutch"]
    documents = {
        f"P{number:04}": (
            f"{words[number % 5]} bag {words[number * 3 % 4]}",
            {
                "price": number / 4,
                "brand": 'A "b"',
                "in_stock": True,
                "added": "2026-01-02T00:00:00Z",
                "tags": ["a", "b"],
            }
            if number % 3
            else {},
        )
        for number in range(60)
    }
    return index_with_fields(tmp_path_factory.mktemp("shop") / "index", documents, model=str(static_model))


@pytest.fixture(scope="module")
def anserini(index, tmp_path_factory):
    """The Lucene index that Anserini makes of our collection."""
    return by_anserini(index, tmp_path_factory.mktemp("anserini") / "lucene")


def by_anserini(index, folder):
    options = "-impact", "-pretokenized", "-storeRaw"
    return index_collection(index / "collection", folder, "JsonVectorCollection", *options)


@pytest.fixture(scope="module")
def by_pyserini(index, anserini, queries):
    """What Pyserini finds in our Lucene index and in Anserini's, by one process: it takes long to start."""
    return found_by_pyserini([terms for terms, _ in queries], index / "lucene", anserini)


def found_by_pyserini(queries, *indexes):
    told = with_pyserini(PYSERINI, K, *indexes, lines=map(json.dumps, queries))
    return [json.loads(line) for line in told if line.startswith('{"found": ')]


def assert_same_hits(found, queries):
    """Scores are whole numbers, of which Anserini's floats make 28.999998 now and then."""
    for hits, (_, expected) in zip(found, queries, strict=True):
        whole = [[name, round(score)] for name, score in hits]
        assert [score for _, score in hits] == pytest.approx([score for _, score in whole], rel=1e-6)
        assert sorted(whole, key=lambda hit: (-hit[1], hit[0])) == expected


def test_pyserini_opens_our_lucene_index_and_finds_the_same(by_pyserini, queries):
    ours, _ = by_pyserini
    assert_same_hits(ours["found"], queries)
    assert json.loads(ours["raw"])["contents"].startswith("Adele small crossbody bag")


def test_anserini_indexes_our_collection_and_finds_the_same(index, anserini, by_pyserini, queries):
    assert read_content(index / "lucene") == read_content(anserini)
    _, theirs = by_pyserini
    assert_same_hits(theirs["found"], queries)


@needs_sentence_transformers
def test_an_index_and_a_collection_with_fields_are_read_as_without(shop, tmp_path):
    theirs = by_anserini(shop, tmp_path / "lucene")
    assert read_content(shop / "lucene") == read_content(theirs)
    searcher = sparton.Searcher(shop)
    queries = [searcher.terms(text) for text in ("red leather bag", "suede", "black clutch")]
    expected = [[[hit.id, hit.score] for hit in searcher.search_terms(terms, K)] for terms in queries]
    first = searcher.search("red bag", K, filters="price = 0.25")[0]
    searcher.close()
    for found in found_by_pyserini(queries, shop / "lucene", theirs):
        assert found["found"] == expected
        raw = json.loads(found["raw"])
        raw.pop("vector", None)  # which Anserini stores as well
        assert raw == {"id": "P0001", "contents": first.text, "fields": dict(first.fields)}
    assert (first.id, first.fields["tags"]) == ("P0001", ["a", "b"])
