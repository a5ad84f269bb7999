"""The noun that says what a query asks for weighs more: against impacts that Python makes of the table."""

import random
import shutil

import pytest
from fastapi.testclient import TestClient
from support.at_once import at_once
from support.lexical import copied
from support.saved_models import needs_sentence_transformers
from support.weighed_queries import WEIGHED, save_weighed, vectors, weighed

import sparton
from sparton.errors import SpartonError
from sparton.search.head_nouns import head_nouns
from sparton.search.service.app import make_app

NOUNS = {"bag", "backpack", "blazer", "drill", "laptop", "knife", "pipe", "rug", "scarf", "shoe", "strap", "vanity"}
WEIGHT = 1.4
ENTRIES = {
    "words": "words.safetensors",
    "stemmer": "english",
    "synonyms": "synonyms.json",
    "head_nouns": "head_nouns.json",
    "head_weight": WEIGHT,
}
TEXTS = ["black bag", "red leather bag", "red clutch strap", "tan suede", "black leather", "small black bag strap"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("backpack that fits a 13 inch laptop", ["backpack"]),
        ("navy wool blazer", ["blazer"]),
        ("a Bag", ["bag"]),
        ("men's shoes", ["shoes"]),
        ("kitchen knives with a block", ["knives"]),
        ("bag for shoes", ["bag"]),
        ("black and white scarf", ["scarf"]),
        ("hat and scarf", ["scarf"]),
        ("bag and shoes", ["bag", "shoes"]),
        ("shoes, size 8", ["shoes"]),
        ("shoes size 8", ["shoes"]),
        ("drill 18v cordless", ["drill"]),
        ("1/2 in. pvc pipe", ["pipe"]),
        ("36 in vanity", ["vanity"]),
        ("8 by 10 rug", ["rug"]),
        ("rug 8 by 10", ["rug"]),
        ("pair of red shoes", ["shoes"]),
        ("two pairs of shoes", ["shoes"]),
        ("strap of a bag", ["strap"]),
        ("over the shoulder bag", []),  # what comes first is no phrase
        ("leather", []),
        ("bag black", []),
        ("which bag is the best", []),  # a sentence
        ("Is this a bag?", []),
        ("bag\N{RIGHT SINGLE QUOTATION MARK}s strap", ["strap"]),
        ("cross-body bag", ["bag"]),
        ("", []),
        (" - , ", []),
        ("of in for", []),
        ("small " * 11 + "bag", ["bag"]),
        ("small " * 12 + "bag", []),
        ("bag" + " " * 200, []),
    ],
)
def test_the_head_noun_ends_the_first_phrases(query, expected):
    assert list(head_nouns(query, NOUNS)) == expected


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder, tables = tmp_path_factory.mktemp("models") / "model", {"synonyms": {"buckle": [["clutch"]]}}
    return save_weighed(folder, ENTRIES, **tables, head_nouns=["bag", "strap", "buckle"])


@pytest.fixture(scope="module")
def index(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "heads"
    sparton.build_index([{"id": f"d{n}", "text": text} for n, text in enumerate(TEXTS)], folder, model=str(model))
    return folder


@pytest.fixture(scope="module")
def searcher(index):
    with sparton.Searcher(index) as opened:
        yield opened


@needs_sentence_transformers
@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "factors"),
    [
        ("black bag", {"black": 1, "bag": WEIGHT}),
        ("bag black", {"bag": 1, "black": 1}),
        ("bag with a black strap", {"bag": WEIGHT, "with": 1, "a": 1, "black": 1, "strap": 1}),
        ("bag and strap", {"bag": WEIGHT, "and": 1, "strap": WEIGHT}),
        ("bag bag", {"bag": WEIGHT}),
        ("red straps", {"red": 1, "strap": WEIGHT}),
        ("tan suede", {"tan": 1, "suede": 1}),
        ("black buckle", {"black": 1, "buckle": WEIGHT, "clutch": WEIGHT}),  # a synonym as the word itself
        ("buckle black", {"black": 1, "buckle": 1, "clutch": 1}),
    ],
)
def test_head_nouns_weigh_more(searcher, query, factors):
    expected = weighed(searcher, factors)
    assert searcher.terms(query) == expected
    assert searcher.terms_of(["tan", query]) == [searcher.terms("tan"), expected]
    scores = {
        name: sum(impact * vector.get(term, 0) for term, impact in expected.items())
        for name, vector in vectors(searcher.path).items()
        if any(word <= vector.keys() for word in searcher.terms(query).whole_words())
    }
    assert {hit.id: hit.score for hit in searcher.search(query, 10)} == scores


@needs_sentence_transformers
@pytest.mark.slow
def test_each_way_to_search_weighs_them(index, searcher, run_cli, tmp_path):
    queries = ["black bag", "bag black", "red straps", "black buckle"]
    expected = [[(hit.id, hit.score) for hit in searcher.search(query)] for query in queries]
    assert expected[0] != expected[1]
    assert [[(hit.id, hit.score) for hit in hits] for hits in searcher.search_many(queries)] == expected
    with TestClient(make_app(searcher), base_url="http://localhost") as client:
        answers = client.post("/search", json={"queries": queries}).json()["results"]
        assert [[(hit["id"], hit["score"]) for hit in answer["hits"]] for answer in answers] == expected
    topics = tmp_path / "topics.tsv"
    topics.write_text("".join(f"{number}\t{query}\n" for number, query in enumerate(queries)))
    assert run_cli("run", topics, "-o", tmp_path / "run.trec", "--index", index).code == 0
    lines = [line.split() for line in (tmp_path / "run.trec").read_text().splitlines()]
    for number, hits in enumerate(expected):
        assert [line[2] for line in lines if line[0] == str(number)] == [name for name, _ in hits]
    said = run_cli("encode-text", "black bag", "--index", index).stdout.split()
    assert dict(zip(said[1::2], map(int, said[::2]), strict=True)) == searcher.terms("black bag")


@needs_sentence_transformers
@pytest.mark.slow
def test_threads_get_what_each_would_get_alone(index, searcher):
    queries = ["black bag", "bag black", "red straps", "black buckle", "bag and strap", "tan suede"]
    alone = {query: [(hit.id, hit.score) for hit in searcher.search(query)] for query in queries}
    with sparton.Searcher(index) as fresh:

        def act(seed):
            mine = random.Random(seed).sample(queries, len(queries)) * 3
            return all([(hit.id, hit.score) for hit in fresh.search(query)] == alone[query] for query in mine)

        assert all(at_once(act))


@needs_sentence_transformers
@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "expected an array of words"),
        ("[", "cannot be read"),
        ('["bag", 1]', "has 1; expected words in lower case"),
        ('["Bag"]', "has Bag; expected words in lower case"),
        ('["key ring"]', "has key ring; expected words in lower case, of letters alone"),
        ('[""]', "expected words in lower case"),
    ],
)
def test_a_file_without_nouns_is_told(model, tmp_path, content, said):
    folder = shutil.copytree(model, tmp_path / "model")
    (folder / "head_nouns.json").write_text(content)
    with pytest.raises(SpartonError, match=r"head_nouns\.json") as raised:
        sparton.build_index([{"id": "d", "text": "bag"}], tmp_path / "index", model=str(folder))
    assert said in str(raised.value)


@needs_sentence_transformers
@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"head_weight": None}, "sets one of head_nouns, a file of nouns, and head_weight"),
        ({"head_nouns": None}, "sets one of head_nouns, a file of nouns, and head_weight"),
        ({"head_weight": 0.5}, "a number from 1 to 10"),
        ({"head_nouns": "../head_nouns.json"}, "the name of a .json file beside lexical.json"),
        ({"head_nouns": "other.json"}, "names the head_nouns other.json, and the model folder has no such file"),
        ({"stemmer": "german"}, "which are for queries in English that the collection weighs"),
        ({"stemmer": None}, "which are for queries in English that the collection weighs"),
        ({"idf_power": None, "synonyms": None}, "which are for queries in English that the collection weighs"),
    ],
)
def test_entries_that_cannot_be_meant_are_told(model, tmp_path, changed, said):
    entries = {name: value for name, value in (WEIGHED | ENTRIES | changed).items() if value is not None}
    folder = copied(model, tmp_path / "model", **entries)
    with pytest.raises(SpartonError) as raised:
        sparton.build_index([{"id": "d", "text": "bag"}], tmp_path / "index", model=str(folder))
    assert said in str(raised.value)


@needs_sentence_transformers
@pytest.mark.slow
def test_an_index_is_not_searched_with_other_nouns(model, index, tmp_path):
    folder = shutil.copytree(model, tmp_path / "model")
    (folder / "head_nouns.json").write_text('["bag"]')
    with pytest.raises(SpartonError, match="is not the one"):
        sparton.Searcher(index, model=str(folder))
