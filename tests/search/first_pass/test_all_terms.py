"""Exact searches in memory against Lucene's: the same documents, scores and order."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from support.with_fields import index_with_fields

import sparton
from sparton.indexer.build import LuceneBuild
from sparton.search.first_pass import term_postings
from sparton.search.first_pass.all_terms import AllTerms
from sparton.search.first_pass.memory import Budget
from sparton.search.impact_index import EVERYTHING, ImpactIndex

COUNT, WORDS = 3_000, [f"w{number}" for number in range(40)]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Documents of words as frequent as words are, with few different impacts, so that many have the same score."""
    folder = tmp_path_factory.mktemp("postings")
    random_, weights = random.Random(1), [1 / (number + 1) for number in range(len(WORDS))]
    lines = []
    for number in range(COUNT):
        words = dict.fromkeys(random_.choices(WORDS, weights, k=random_.randint(1, 15)))
        vector = ", ".join(f'"{word}": {random_.choice((1, 2, 3, 700))}' for word in words)
        lines.append(f'{{"id": "d{number * 7919 % COUNT:04}", "vector": {{{vector}}}}}\n')
    (folder / "part.jsonl").write_text("".join(lines))
    with LuceneBuild(folder / "lucene") as build:
        build.add(folder / "part.jsonl")
        build.finish(COUNT)
    with closing(ImpactIndex(folder / "lucene")) as opened:
        yield opened


def queries(number, seed):
    random_ = random.Random(seed)
    return [
        {word: random_.choice((1, 1, 2, 50)) for word in random_.sample(WORDS, random_.randint(1, 9))}
        for _ in range(number)
    ]


def asked_before(search, index):
    """All words, twice: from then on their postings are in memory."""
    for _ in range(2):
        index.rank_with(search, dict.fromkeys(WORDS, 1), 1)
    return search


@pytest.mark.parametrize("bytes_a_posting", [0, 8, 2**20], ids=["listed", "both", "dense"])
@pytest.mark.parametrize("k", [1, 10, 200, COUNT, 2 * COUNT])
def test_hits_are_those_of_lucene_ties_included(index, k, bytes_a_posting, monkeypatch):
    monkeypatch.setattr(term_postings, "_DENSE", bytes_a_posting)
    search = asked_before(AllTerms(fewest=0), index)
    in_memory = 0
    for terms in queries(20, k):
        assert index.rank_with(search, terms, k) == index.rank(terms, k)
        in_memory += search.candidates(index._searcher, terms, min(k, COUNT), None) is not None
    assert in_memory > 10  # the others have more documents with the same score than are worth sorting


def test_frequent_terms_are_read_when_they_are_asked_for_again(index, monkeypatch):
    monkeypatch.setattr("sparton.search.first_pass.all_terms._SHORT", 100)
    search, terms = AllTerms(fewest=0), {"w0": 1, "w30": 2}
    assert search.candidates(index._searcher, terms, 10, None) is None
    assert search.candidates(index._searcher, terms, COUNT, None) is not None
    assert search.candidates(index._searcher, {"w30": 1, "nowhere": 5}, COUNT, None) is not None
    assert search.candidates(index._searcher, {"w1": 1}, COUNT, None) is None


def test_what_is_not_in_memory_is_searched_for_by_lucene(index):
    """As where it is full, and where sums have digits that scores have not."""
    full = asked_before(AllTerms(Budget(20_000), fewest=0), index)
    assert 0 < full._share.taken <= 20_000
    whole = asked_before(AllTerms(fewest=0), index)
    for terms in [*queries(10, 2), {"w0": 2**20, "w1": 3}, {"nowhere": 1}, {}]:
        for search in (full, whole):
            assert index.rank_with(search, terms, 100) == index.rank(terms, 100)


def test_two_searches_share_a_budget_until_one_is_closed(index):
    budget = Budget(20_000)
    first = asked_before(AllTerms(budget, fewest=0), index)
    taken = first._share.taken
    second = asked_before(AllTerms(budget, fewest=0), index)
    assert taken + second._share.taken == budget._taken <= 20_000
    alone = asked_before(AllTerms(Budget(), fewest=0), index)
    assert alone._share.taken > 20_000  # so there was not enough for both
    first.close()
    assert budget._taken == second._share.taken
    third = asked_before(AllTerms(budget, fewest=0), index)
    assert third._share.taken > 0
    for search in (first, second, third):
        for terms in queries(10, 8):
            assert index.rank_with(search, terms, 100) == index.rank(terms, 100)
    assert first._share.taken == 0
    del search, second, third
    assert budget._taken == 0


@pytest.mark.slow
def test_threads_get_what_each_would_get_alone(index):
    search, asked = AllTerms(fewest=0), queries(200, 3)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda terms: index.rank_with(search, terms, 50), asked))
    assert found == [index.rank(terms, 50) for terms in asked]


def test_filters_and_changes_count(static_model, tmp_path):
    documents = {
        f"P{number:02}": (f"bag{' small' * (number % 3)}", {"price": number * 37 % 50, "brand": "Adele"})
        for number in range(60)
    }
    folder = index_with_fields(tmp_path / "index", documents, model=str(static_model))
    sparton.delete_documents(folder, ["P03", "P40"])
    with sparton.Searcher(folder) as searcher:
        search, terms = AllTerms(fewest=0), searcher.terms("small bag")
        assert terms
        for selection in (EVERYTHING, searcher.selection(["price < 20"]), searcher.selection(["price > 1000"])):
            found = searcher._index.rank_with(search, terms, 30, selection)
            assert found == searcher._index.rank(terms, 30, selection)
            assert {"P03", "P40"}.isdisjoint(hit.id for hit in found)
        assert search.candidates(searcher._index._searcher, terms, 60, None) is not None
