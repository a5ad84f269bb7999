"""A query's rare words stand for their synonyms too: against sums and sets that Python makes of the stored vectors."""

import json
import random
import shutil

import numpy as np
import pytest
from fastapi.testclient import TestClient
from safetensors.numpy import save_file
from support.at_once import at_once
from support.lexical import copied
from support.saved_models import needs_sentence_transformers
from support.weighed_queries import SIZE, WEIGHED, save_weighed, vectors, weighed

import sparton
from sparton.errors import SpartonError
from sparton.search import rare_words
from sparton.search.rare_words import words_in
from sparton.search.service.app import make_app

pytestmark = [pytest.mark.slow, needs_sentence_transformers]

SYNONYMS = {
    "word1": [["bag", "word149"], ["clutch"]],
    "word2": [["nowhere", "word148"], ["leather bag", "word147"]],
    "word3": [["word146"]],
    "word4 word5": [["suede"]],
    "word6s": [["tan"]],
    "black": [["red"]],
    "straps": [["word145", "suede"], ["clutch"]],
}
ENTRIES = WEIGHED | {"synonyms": "synonyms.json"}
TEXTS = ["black bag", "red leather bag", "red clutch strap", "tan suede", "black leather", "small black bag strap"]
TEXTS += ["tan straps", "straps"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "model"
    return save_weighed(folder, {"synonyms": "synonyms.json"}, synonyms=SYNONYMS)


@pytest.fixture(scope="module")
def index(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "rare"
    sparton.build_index([{"id": f"d{n}", "text": text} for n, text in enumerate(TEXTS)], folder, model=str(model))
    return folder


@pytest.fixture(scope="module")
def searcher(index):
    with sparton.Searcher(index) as opened:
        yield opened


@pytest.mark.parametrize(
    ("query", "pieces", "words"),
    [
        # Not "word149", which no document has; and what is further, since few documents have "bag".
        ("word1", {"word1": 1, "bag": 1, "clutch": 1}, [{"word1"}, {"bag"}, {"clutch"}]),
        ("word2", {"word2": 1, "leather": 2, "bag": 2}, [{"word2"}, {"leather", "bag"}]),  # of the second list
        ("Word2 bag", {"word2": 1, "leather": 2, "bag": 1}, [{"word2"}, {"bag"}, {"leather", "bag"}]),
        ("word3", {"word3": 1}, [{"word3"}]),  # none of its synonyms is there
        # It is not rare. Of its pieces alone a document is no match, but with a synonym of any list.
        ("straps", {"strap": 1, "##s": 1}, [{"strap", "##s"}, {"suede"}, {"clutch"}]),
        ("word4 word5 tan", {"word4": 1, "word5": 1, "tan": 1, "suede": 1}, None),
        ("word5 word4", {"word4": 1, "word5": 1}, None),
        ("black", {"black": 1}, [{"black"}]),  # which the index has
    ],
)
def test_synonyms_that_the_index_has_are_searched_for(searcher, query, pieces, words):
    """pieces: terms, each with what its impact in a query is divided by the square root of."""
    expected = weighed(searcher, {term: several**-0.5 for term, several in pieces.items()})
    assert searcher.terms(query) == expected
    assert list(searcher.terms(query).values()) == sorted(expected.values(), reverse=True)
    assert searcher.terms_of([query, "tan"]) == [expected, searcher.terms("tan")]
    if words is not None:
        assert set(searcher.terms(query).whole_words()) == set(map(frozenset, words))
    own = {"strap", "##s"} if query == "straps" else {*query.lower().split()}
    assert searcher.input_terms(query) == own & expected.keys()
    scores = {
        name: sum(impact * vector.get(term, 0) for term, impact in expected.items())
        for name, vector in vectors(searcher.path).items()
        if any(word <= vector.keys() for word in searcher.terms(query).whole_words())
    }
    found = {hit.id: hit.score for hit in searcher.search(query, 10)}
    assert query != "straps" or found.keys() == {"d2", "d6", "d7"}
    assert found == {name: score for name, score in scores.items() if score}


def test_of_a_text_that_is_cut_the_rest_has_no_synonyms(searcher):
    longest = searcher.encoder.max_length
    assert "bag" in searcher.terms("word1 " + "tan " * longest)
    assert searcher.terms("tan " * longest + "word1") == searcher.terms("tan")


def test_the_next_list_is_for_where_few_documents_have_the_first(index, monkeypatch):
    monkeypatch.setattr(rare_words, "FEW", 2)
    with sparton.Searcher(index) as searcher:
        assert searcher.terms("word1").keys() == {"word1", "bag"}  # three documents have bags


def test_so_many_words_of_a_query_are_looked_up(index, monkeypatch):
    monkeypatch.setattr(rare_words, "_MOST_ASKED", 1)
    with sparton.Searcher(index) as searcher:
        assert searcher.terms("word3 word1").keys() == {"word3", "word1"}
        assert searcher.terms("word1 word3").keys() == {"word1", "word3", "bag", "clutch"}


def test_a_synonym_of_several_pieces_is_for_where_there_is_no_other(model, tmp_path):
    table = {"word1": [["straps", "red"]], "word2": [["straps"]]}
    folder = shutil.copytree(model, tmp_path / "model")
    (folder / "synonyms.json").write_text(json.dumps(table))
    sparton.build_index(
        [{"id": str(n), "text": text} for n, text in enumerate(TEXTS)], tmp_path / "index", model=str(folder)
    )
    with sparton.Searcher(tmp_path / "index") as searcher:
        assert searcher.terms("word1").keys() == {"word1", "red"}
        assert searcher.terms("word2").keys() == {"word2", "strap", "##s"}


def test_threads_get_what_each_would_get_alone(index, searcher):
    queries = ["word1", "word2", "tan word1", "black", "straps", "word4 word5 tan", "word3 word1 strap"]

    def answer(opened, query):
        return [(hit.id, hit.score) for hit in opened.search(query)], dict(opened.terms(query))

    alone = {query: answer(searcher, query) for query in queries}
    with sparton.Searcher(index) as fresh:  # which has asked the index for no word yet

        def act(seed):
            mine = random.Random(seed).sample(queries, len(queries)) * 3
            return [answer(fresh, query) for query in mine] == [alone[query] for query in mine]

        assert all(at_once(act))


def test_each_way_to_search_has_them(index, searcher, run_cli, tmp_path):
    queries = ["word1", "word2", "tan word1", "black"]
    expected = [[(hit.id, hit.score) for hit in searcher.search(query)] for query in queries]
    assert all(expected)
    assert [[(hit.id, hit.score) for hit in hits] for hits in searcher.search_many(queries)] == expected
    with TestClient(make_app(searcher), base_url="http://localhost") as client:
        answers = client.post("/search", json={"queries": queries}).json()["results"]
        assert [[(hit["id"], hit["score"]) for hit in answer["hits"]] for answer in answers] == expected
        shown = client.get("/search", params={"q": "word1", "explain": True}).json()["terms"]
        assert {one["term"]: one["expanded"] for one in shown} == {"word1": False, "bag": True, "clutch": True}
    topics = tmp_path / "topics.tsv"
    topics.write_text("".join(f"{number}\t{query}\n" for number, query in enumerate(queries)))
    assert run_cli("run", topics, "-o", tmp_path / "run.trec", "--index", index).code == 0
    lines = [line.split() for line in (tmp_path / "run.trec").read_text().splitlines()]
    for number, hits in enumerate(expected):
        assert [line[2] for line in lines if line[0] == str(number)] == [name for name, _ in hits]
    assert "+bag" in run_cli("encode-text", "word1", "--index", index).stdout
    with sparton.Searcher(index, query_top_terms=1) as fewer:
        (kept,) = fewer.terms("word1").items()
        assert kept == next(iter(searcher.terms("word1").items()))


def test_what_is_rare_follows_the_generations_of_the_index(model, tmp_path, monkeypatch):
    monkeypatch.setattr(rare_words, "RARE", 1 / 3)
    rows = [{"id": f"d{n}", "text": text} for n, text in enumerate(TEXTS[:7])]
    sparton.build_index(rows, tmp_path / "index", model=str(model))
    with sparton.Searcher(tmp_path / "index") as searcher:
        assert "bag" in searcher.terms("word1")
        for count, text in ((2, "word1 strap"), (3, "word1")):  # of 9 documents, and of 10
            more = [{"id": f"w{number}", "text": text} for number in range(count)]
            sparton.update_index(more, tmp_path / "index")
            with searcher.renewed() as newer:
                assert "bag" in newer.terms("word1")
        sparton.update_index([{"id": "w9", "text": "word1"}], tmp_path / "index")
        with sparton.Searcher(tmp_path / "index") as newer:
            assert "bag" not in newer.terms("word1")
        sparton.delete_documents(tmp_path / "index", ["w9"])
        with sparton.Searcher(tmp_path / "index") as newer:
            assert "bag" in newer.terms("word1")
        monkeypatch.setattr(rare_words, "FEW", 2)
        with sparton.Searcher(tmp_path / "index") as newer:
            assert "bag" not in newer.terms("word1")


def test_a_word_is_rare_that_one_document_has(model, tmp_path):
    rows = [{"id": str(number), "text": text} for number, text in enumerate(["word1", "black bag", "red"])]
    sparton.build_index(rows, tmp_path / "index", model=str(model))
    with sparton.Searcher(tmp_path / "index") as searcher:
        # Which says the word itself, and is to come first.
        assert searcher.terms("word1") == weighed(searcher, {"word1": 1, "bag": 0.8})
        assert [hit.id for hit in searcher.search("word1")] == ["0", "1"]
    sparton.update_index([{"id": "3", "text": "tan word1"}], tmp_path / "index")
    with sparton.Searcher(tmp_path / "index") as searcher:
        assert searcher.terms("word1").keys() == {"word1"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A key ring, for BROLLIES!", ["key ring", "brolly"]),
        ("key rings", ["key ring"]),
        ("ring key", ["ring"]),
        ("lace-ups", ["lace up"]),
        ("keyring", []),
        ("", []),
    ],
)
def test_the_longest_entry_that_a_text_has_is_taken(text, expected):
    assert list(words_in(text, {"key ring", "ring", "brolly", "lace up"})) == expected


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "expected an object of words"),
        ('{"a": ["b"]}', "at a; expected at most 10 lists of at most 100 strings each"),
        ('{"a": [[1]]}', "at a; expected at most 10 lists"),
        (json.dumps({"a": [["b"] * 101]}), "expected at most 10 lists of at most 100 strings each"),
        ("{", "cannot be read"),
        ('{"Brolly": [["umbrella"]]}', "has an entry Brolly; expected one to three words in lower case"),
        ('{"a b c d": [["umbrella"]]}', "expected one to three words in lower case"),
    ],
)
def test_a_file_that_is_no_table_is_told(model, tmp_path, content, said):
    folder = shutil.copytree(model, tmp_path / "model")
    (folder / "synonyms.json").write_text(content)
    with pytest.raises(SpartonError, match=r"synonyms\.json") as raised:
        sparton.build_index([{"id": "d", "text": "bag"}], tmp_path / "index", model=str(folder))
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"synonyms": "synonyms.json"}, "names synonyms and sets no idf_power"),
        (ENTRIES | {"synonyms": "../synonyms.json"}, "the name of a .json file beside lexical.json"),
        (
            ENTRIES | {"synonyms": "other.json"},
            "names the synonyms other.json, and the model folder has no such file",
        ),
        ({"stemmer": "porter"}, "names the stemmer porter and no words"),
        ({"stemmer": "klingon", "words": "w.safetensors"}, "one of Snowball's stemmers"),
        ({"expansion": 10}, "sets expansion to 10 and no own_words"),
        ({"expansion": 0, "own_words": 1, "mean_length": 8}, "a whole number from 1 to 1,000,000"),
    ],
)
def test_entries_that_cannot_be_meant_are_told(model, tmp_path, entries, said):
    folder = copied(model, tmp_path / "model", **entries)
    save_file({"word": np.arange(SIZE, dtype=np.int32)}, folder / "w.safetensors")
    with pytest.raises(SpartonError) as raised:
        sparton.build_index([{"id": "d", "text": "bag"}], tmp_path / "index", model=str(folder))
    assert said in str(raised.value)
