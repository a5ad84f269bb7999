"""Searches in two phases against exact ones: the same scores, and the same hits where all that match are candidates."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest
from support.with_fields import index_with_fields

import sparton
from sparton.errors import UsageError
from sparton.pipeline.encoding.open_encoder import open_document_encoder
from sparton.search.evaluation.run import plan_runs, write_runs
from sparton.search.first_pass import memory, term_postings, two_phase
from sparton.search.first_pass.first_pass import candidates_for
from sparton.search.first_pass.memory import Budget
from sparton.search.first_pass.two_phase import heavy_terms

COUNT = 400
WORDS = []  # that the model gives a weight
FILTERS = ("price < 20", "brand = Adele", "not in_stock and price >= 10", "price > 1000")


def documents(count=COUNT, seed=3):
    """Products whose words are as frequent as words are, many of them alike."""
    rng, weights = random.Random(seed), [1 / (number + 1) for number in range(len(WORDS))]
    found = {}
    for number in range(count):
        text = " ".join(rng.choices(WORDS, weights, k=rng.randint(1, 12)))
        fields = {"price": number * 37 % 50, "brand": ("Adele", "Verrane")[number % 2], "in_stock": number % 3 > 0}
        found[f"P{number * 7919 % 1000:03}"] = (text, fields)
    return found


@pytest.fixture(scope="module", autouse=True)
def _words(static_model):
    encoder = open_document_encoder(model=str(static_model))
    WORDS[:] = sorted(encoder.terms(" ".join(f"word{number}" for number in range(150))))[:60]


@pytest.fixture(scope="module")
def folder(static_model, tmp_path_factory):
    return index_with_fields(tmp_path_factory.mktemp("shop") / "index", documents(), model=str(static_model))


@pytest.fixture(scope="module")
def exact(folder):
    with sparton.Searcher(folder) as opened:
        yield opened


@pytest.fixture
def quick(folder):
    with sparton.Searcher(folder, search_with="two-phase") as opened:
        yield opened


@pytest.fixture
def few(monkeypatch):
    """Look at few candidates and few terms, as a large index is searched."""
    monkeypatch.setattr(two_phase, "_CANDIDATES", 20)
    monkeypatch.setattr(two_phase, "_TIMES", 3)
    monkeypatch.setattr(term_postings, "_DENSE", 2**10)  # so most postings are not listed, and can come later
    monkeypatch.setattr(two_phase, "_SHARE", 0.8)


def queries(number=60, seed=5):
    rng = random.Random(seed)
    return [{word: rng.randint(1, 250) for word in rng.sample(WORDS, rng.randint(1, 12))} for _ in range(number)]


def ranked(searcher, terms, k, **asked):
    return [(hit.id, hit.score, hit.text, dict(hit.fields)) for hit in searcher.search_terms(terms, k, **asked)]


@pytest.mark.slow
def test_an_index_no_larger_than_the_candidates_is_searched_exactly(exact, quick):
    for terms in queries():
        assert ranked(quick, terms, 10) == ranked(exact, terms, 10)
        assert ranked(quick, terms, 400) == ranked(exact, terms, 400)


@pytest.mark.slow
def test_all_documents_as_candidates_give_the_hits_of_an_exact_search(exact, quick, monkeypatch):
    """Whatever the heavy terms are, as long as every document that matches has one of them."""
    first = WORDS[0]
    every = {**dict.fromkeys(WORDS[:20], 1), first: 250}
    matching = len(exact.search_terms({first: 1}, COUNT))
    assert matching > 100
    monkeypatch.setattr(two_phase, "_CANDIDATES", matching)
    monkeypatch.setattr(two_phase, "_TIMES", 1)
    monkeypatch.setattr(term_postings, "_DENSE", 2**10)
    monkeypatch.setattr(two_phase, "heavy_terms", lambda *_: {first})
    inside = {hit.id for hit in exact.search_terms({first: 1}, COUNT)}
    expected = [hit for hit in ranked(exact, every, COUNT) if hit[0] in inside]
    assert ranked(quick, every, matching) == expected


@pytest.mark.slow
def test_scores_are_exact_and_most_hits_too(exact, quick, few):
    found = wanted = 0
    for terms in queries():
        scores = {name: score for name, score, *_ in ranked(exact, terms, COUNT)}
        hits, best = ranked(quick, terms, 10), ranked(exact, terms, 10)
        assert [(name, scores[name]) for name, *_ in hits] == [(name, score) for name, score, *_ in hits]
        assert [(-score, name) for name, score, *_ in hits] == sorted((-score, name) for name, score, *_ in hits)
        assert len(hits) == len(best)
        found += sum(score >= best[-1][1] for _, score, *_ in hits)
        wanted += len(best)
    assert found / wanted > 0.9


def test_equal_scores_are_in_order_of_id(quick, few):
    hits = ranked(quick, {WORDS[0]: 1, WORDS[50]: 200} | dict.fromkeys(WORDS[2:9], 1), 30)
    assert [name for name, *_ in hits] == [name for _, name in sorted((-score, name) for name, score, *_ in hits)]


@pytest.mark.slow
def test_pages_of_a_query_with_many_equal_scores_are_parts_of_one_list(tmp_path, monkeypatch):
    rng, terms = random.Random(7), [f"t{number}" for number in range(8)]
    (tmp_path / "vectors.jsonl").write_text(
        "".join(
            f'{{"id": "d{number * 7919 % 600:03}", "vector": {{"t0": 1, "{rng.choice(terms[1:])}": 2, "z": 1}}}}\n'
            for number in range(600)
        )
    )
    folder = tmp_path / "index"
    sparton.index_vectors(tmp_path / "vectors.jsonl", folder)
    monkeypatch.setattr(two_phase, "_CANDIDATES", 120)
    with sparton.Searcher(folder, search_with="two-phase") as quick, sparton.Searcher(folder) as exact:
        in_two_phases = 0
        for _ in range(20):
            asked = {term: rng.choice((1, 2)) for term in rng.sample(terms, 5)}
            in_two_phases += quick._way.first_pass.candidates(quick._index._searcher, asked, 60, None) is not None
            whole = ranked(quick, asked, 60)
            assert whole == ranked(exact, asked, 60)
            assert [hit for page in range(6) for hit in ranked(quick, asked, 10, offset=10 * page)] == whole
        assert in_two_phases > 10  # the others have too many with the same score


def test_how_many_candidates_are_looked_for_is_the_same_for_the_pages_of_a_query():
    assert {candidates_for(most, 1_000, 2) for most in (1, 10, 60, 500)} == {1_000}
    assert [candidates_for(most, 1_000, 2) for most in (501, 1_000, 1_001, 2_000)] == [2_000, 2_000, 4_000, 4_000]


@pytest.mark.slow
def test_filters_facets_orders_and_offsets_are_those_of_exact_searches(exact, quick, few):
    for terms in queries(20):
        for test in FILTERS:
            passing = {name: score for name, score, *_ in ranked(exact, terms, COUNT, filters=test)}
            hits = ranked(quick, terms, 10, filters=test)
            assert len(hits) == min(10, len(passing))
            assert {name: passing.get(name) for name, *_ in hits} == {name: score for name, score, *_ in hits}
            assert ranked(quick, terms, 10, filters=test, sort="-price") == ranked(
                exact, terms, 10, filters=test, sort="-price"
            )
        whole = ranked(quick, terms, 15)
        assert ranked(quick, terms, 5, offset=10)[:5] == whole[10:] or len(whole) < 15
    for text in (" ".join(WORDS[:5]), WORDS[1]):
        answers = [one.answer(text, 5, facets=["brand"], filters="price < 20") for one in (quick, exact)]
        assert (answers[0].total, answers[0].facets) == (answers[1].total, answers[1].facets)


def test_threads_get_what_each_gets_alone(quick, few):
    asked = queries(40)
    alone = [ranked(quick, terms, 10) for terms in asked]
    with ThreadPoolExecutor(16) as pool:
        for _ in range(4):
            assert list(pool.map(lambda terms: ranked(quick, terms, 10), asked)) == alone


def test_after_updates_and_deletions_no_hit_is_of_before(folder, static_model, tmp_path, few):
    copy = index_with_fields(tmp_path / "index", documents(), model=str(static_model))
    asked = {word: 10 + number for number, word in enumerate(WORDS[:12])}
    with closing(sparton.Searcher(copy, search_with="two-phase")) as before:
        gone = [hit.id for hit in before.search_terms(asked, 20)]
        sparton.delete_documents(copy, gone[:10])
        with closing(before.renewed()) as after, closing(sparton.Searcher(copy)) as exact:
            hits = ranked(after, asked, 20)
            assert not {name for name, *_ in hits} & set(gone[:10])
            scores = {name: score for name, score, *_ in ranked(exact, asked, COUNT)}
            assert [scores[name] for name, *_ in hits] == [score for _, score, *_ in hits]
            assert len(hits) == 20


@pytest.mark.slow
def test_passages_are_folded_as_in_an_exact_search(tmp_path, static_model, write_parquet, few):
    rng = random.Random(1)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(20, 120))) for _ in range(40)]
    corpus = write_parquet(tmp_path / "corpus.parquet", id=[f"d{i}" for i in range(40)], text=texts)
    folder = tmp_path / "index"
    sparton.build_index(corpus, folder, model=str(static_model), chunk=True, max_length=16)
    with sparton.Searcher(folder) as exact, sparton.Searcher(folder, search_with="two-phase") as quick:
        for terms in queries(20):
            best = {hit.id: hit.score for hit in exact.search_terms(terms, 40)}
            hits = quick.search_terms(terms, 5)
            assert len(hits) == min(5, len(best))
            for hit in hits:
                assert quick.explain(terms, [hit])[0]
                assert sum(match.contribution for match in quick.explain(terms, [hit])[0]) == hit.score
                assert hit.score <= best[hit.id]


def test_scores_beyond_what_floats_hold_are_those_of_an_exact_search(tmp_path):
    vectors = tmp_path / "vectors.jsonl"
    lines = [
        f'{{"id": "d{i:03}", "vector": {{"a": {900_001 + i}, "b": {70_001 + 3 * i}, "c": {1 + i % 7}}}}}'
        for i in range(50)
    ]
    vectors.write_text("\n".join(lines))
    folder = tmp_path / "index"
    sparton.index_vectors(vectors, folder)
    asked = {"a": 101, "b": 33, "c": 1}
    with sparton.Searcher(folder) as exact, sparton.Searcher(folder, search_with="two-phase") as quick:
        expected = ranked(exact, asked, 10)
        assert expected[0][1] > 2**24
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(two_phase, "_CANDIDATES", 30)
            patch.setattr(term_postings, "_DENSE", 2**10)
            patch.setattr(two_phase, "heavy_terms", lambda *_: {"a"})
            assert ranked(quick, asked, 10) == expected


def test_heavy_terms_are_those_of_the_largest_mass():
    terms = {"the": 40, "rare": 30, "bag": 50, "unknown": 90}
    frequencies = {"the": 900, "rare": 3, "bag": 100}
    assert heavy_terms(terms, frequencies, 1000) == {"rare", "bag"}
    assert heavy_terms({"the": 40}, frequencies, 1000) == {"the"}
    assert heavy_terms({"unknown": 90}, frequencies, 1000) == set()


def test_a_run_is_searched_in_two_phases(folder, tmp_path, few):
    topics = tmp_path / "topics.tsv"
    topics.write_text("".join(f"q{i}\t{WORDS[i]} {WORDS[i + 1]} {WORDS[0]}\n" for i in range(20)))
    plan = plan_runs([topics], tmp_path / "run", k=10)
    with sparton.Searcher(folder, search_with="two-phase") as quick:
        list(write_runs(quick, plan))
        expected = {
            f"q{i}": [hit.id for hit in quick.search(f"{WORDS[i]} {WORDS[i + 1]} {WORDS[0]}")] for i in range(20)
        }
    found = {}
    for line in (tmp_path / "run").read_text().splitlines():
        found.setdefault(line.split()[0], []).append(line.split()[2])
    assert found == {name: ids for name, ids in expected.items() if ids}


def test_another_first_pass_is_refused(run_cli, folder):
    ran = run_cli("search", "word1", "--index", folder, "--with", "magic")
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr == "Error: --with is 'magic'; expected lucene, two-phase, seismic, bm25 or bm25+sparse\n"


@pytest.mark.parametrize("name", ["lucene", "two-phase"])
@pytest.mark.parametrize("impact", [0, -3, 0.5, float("nan"), float("inf"), 2**31, "7", None, True])
def test_an_impact_that_cannot_be_meant_is_refused_by_each_first_pass(folder, name, impact):
    with sparton.Searcher(folder, search_with=name) as opened:
        for search in (opened.search_terms, opened.rank_terms):
            with pytest.raises(UsageError) as caught:
                search({WORDS[0]: 3, "bag": impact}, 5)
            assert str(caught.value) == (
                f"the impact of 'bag' is {impact!r}; expected a whole number from 1 to 2147483647"
            )


def test_whole_numbers_of_other_types_are_impacts(exact, quick):
    asked = {WORDS[0]: 3, WORDS[1]: 2}
    for opened in (exact, quick):
        assert ranked(opened, {WORDS[0]: 3.0, WORDS[1]: np.int64(2)}, 9) == ranked(exact, asked, 9)


def test_postings_are_forgotten_where_memory_is_used_up_and_when_the_index_is_closed(folder, few, monkeypatch):
    budget = Budget(1_500)
    monkeypatch.setattr(memory, "_SHARED", budget)
    with sparton.Searcher(folder) as exact, sparton.Searcher(folder, search_with="two-phase") as quick:
        for terms in queries(20):
            scores = {name: score for name, score, *_ in ranked(exact, terms, COUNT)}
            hits = ranked(quick, terms, 10)
            assert [scores[name] for name, *_ in hits] == [score for _, score, *_ in hits]
            assert budget._taken <= 1_500
        kept = quick._way.first_pass._kept._kept
        assert 0 < len(kept) < len(WORDS)
        assert budget._taken == sum(postings.bytes for postings in kept.values())
    assert budget._taken == 0
    assert not kept
