"""Singulars and plurals find the same products, in one piece or in several: against BM25 over stems, and by each way to
search."""

import re

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

import sparton
from sparton.pipeline.tokens.stems import singulars
from sparton.search import rare_words
from sparton.search.service.app import make_app

pytestmark = pytest.mark.slow

ALL = 200


@pytest.fixture(scope="module")
def index(small_catalog, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "forms"
    sparton.build_index(small_catalog, folder, also=("bm25",))
    return folder


def plural(word):
    if word.endswith("y") and word[-2] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "ch", "sh")) else f"{word}s"


@pytest.fixture(scope="module")
def forms(small_catalog):
    """The words that the products' titles end with, in both numbers."""
    titles = [row["title"] for row in pq.read_table(small_catalog).to_pylist()]
    words = {re.findall("[a-z]+", re.split(r" (?:in|with|for|of) |,", title.lower())[0])[-1] for title in titles}
    ones = sorted({next(iter(singulars(word)), word) for word in words})
    return [(one, plural(one)) for one in ones]


def ids(hits):
    return {hit.id for hit in hits}


def test_every_product_with_a_form_of_the_word_is_found(index, forms, monkeypatch):
    monkeypatch.setattr(rare_words, "FEW", 0)  # or what one product has would stand for synonyms as well
    several, words = 0, [word for pair in forms for word in pair]
    assert len(forms) > 15
    with sparton.Searcher(index) as sparse, sparton.Searcher(index, search_with="bm25") as bm25:
        for word, found, by_stems in zip(
            words, sparse.search_many(words, ALL), bm25.search_many(words, ALL), strict=True
        ):
            assert ids(by_stems) <= ids(found), word
            several += len(sparse.terms(word)) > 1
            assert sparse.input_terms(word) == sparse.terms(word).keys(), word
    assert several > 2, "some words have no form in one piece"


def test_both_numbers_find_products_of_the_word_first(index, forms):
    """Most of those that BM25 finds are among the first twice as many, for each form."""
    with sparton.Searcher(index) as sparse, sparton.Searcher(index, search_with="bm25") as bm25:
        for pair in forms:
            right = ids(bm25.search(pair[0], ALL)) | ids(bm25.search(pair[1], ALL))
            counts = [len(ids(sparse.search(word, 2 * len(right) or 1)) & right) for word in pair]
            assert min(counts) >= 0.6 * len(right), (pair, counts, len(right))


def test_each_way_to_search_takes_the_forms(index, run_cli, tmp_path):
    queries = ["backpacks", "suitcases", "black cardigans", "umbrellas for rain", "leather loafer"]
    with sparton.Searcher(index) as searcher:
        expected = {query: [(hit.id, hit.score) for hit in searcher.search(query, 20)] for query in queries}
        terms = {query: searcher.terms(query) for query in queries}
        with TestClient(make_app(searcher), base_url="http://localhost") as client:
            answers = client.post("/search", json={"queries": queries, "k": 20}).json()["results"]
        many = searcher.search_many(queries, 20)
    assert all(expected.values())
    assert [[(hit["id"], hit["score"]) for hit in answer["hits"]] for answer in answers] == [*expected.values()]
    assert [[(hit.id, hit.score) for hit in hits] for hits in many] == [*expected.values()]
    topics = tmp_path / "topics.tsv"
    topics.write_text("".join(f"{number}\t{query}\n" for number, query in enumerate(queries)))
    ran = run_cli("run", topics, "-o", tmp_path / "run.trec", "-k", 20, "--index", index)
    assert ran.code == 0, ran.stderr
    lines = [line.split() for line in (tmp_path / "run.trec").read_text().splitlines()]
    for number, query in enumerate(queries):
        assert [line[2] for line in lines if line[0] == str(number)] == [name for name, _ in expected[query]]
    shown = run_cli("encode-text", "backpacks", "--index", index).stdout
    assert "backpack" in shown
    assert "+" not in shown
    assert set(terms["backpacks"]) == {"backpack"}
