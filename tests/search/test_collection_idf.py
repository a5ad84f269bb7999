"""A query's impacts follow how rare its terms are in the index, whatever has become of that by updates."""

import json
import random
import time
import urllib.request
from collections import Counter
from itertools import pairwise
from urllib.parse import urlencode

import numpy as np
import pytest
from support.at_once import at_once
from support.lexical import declare, idf_factor, save_frequencies
from support.saved_models import SPECIAL, WORDS, save_masked_lm
from support.serving import serving
from support.updates import collection_of

import sparton
from sparton.search.collection_idf import factor
from sparton.search.evaluation.run import encode_topics, plan_runs, write_runs
from sparton.search.evaluation.topics import Topic

pytestmark = pytest.mark.slow

VOCABULARY = [*SPECIAL, *WORDS]
POWER = 0.75
REFERENCE = 1000
COUNTS = np.random.default_rng(8).integers(0, REFERENCE + 1, len(VOCABULARY))
COUNTS[[VOCABULARY.index("leather"), VOCABULARY.index("suede")]] = 0, REFERENCE
QUERIES = [
    "black leather bag",
    "brown suede clutch with gold brass",
    "bags word3 word77 word149",
    "the a of bag",
    "zzz",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Queries by a table of weights."""
    folder = save_masked_lm(tmp_path_factory.mktemp("models") / "inference-free")
    chance = random.Random(3)
    (folder / "idf.json").write_text(json.dumps({word: round(chance.uniform(0.2, 5), 3) for word in WORDS}))
    return declare(folder, idf_power=POWER, **save_frequencies(folder, COUNTS, REFERENCE))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Queries by the documents' model."""
    folder = save_masked_lm(tmp_path_factory.mktemp("models") / "shared")
    return declare(folder, idf_power=POWER, term_frequency=0.25, **save_frequencies(folder, COUNTS, REFERENCE))


def text_of(number):
    return " ".join(["bag", *random.Random(number).choices(WORDS, k=6), *["leather"] * (number % 7 == 0)])


ROWS = [{"id": f"d{number}", "text": text_of(number)} for number in range(50)]
OPTIONS = {"device": "cpu", "dtype": "float32", "shard_rows": 20}


@pytest.fixture(scope="module")
def index(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "index"
    sparton.build_index(ROWS, folder, model=str(model), **OPTIONS)
    return folder


def vectors(index):
    return [json.loads(line)["vector"] for line in collection_of(index).values()]


def unweighed(searcher, query):
    return searcher.encoder.terms(query)


def expected_terms(index, impacts):
    """A query's impacts by the definition, with document frequencies from the collection's vectors."""
    every = vectors(index)
    having = Counter(term for vector in every for term in vector)
    weighed = {}
    for term, impact in impacts.items():
        reference = int(COUNTS[VOCABULARY.index(term)])
        weighed[term] = max(1, round(impact * idf_factor(having[term], len(every), reference, REFERENCE, POWER)))
    return weighed


@pytest.mark.parametrize("name", ["model", "shared"])
def test_impacts_are_those_of_the_definition(request, tmp_path, name):
    index = tmp_path / "index"
    # A model of its own expands, so that of some terms every document has one.
    sparton.build_index(ROWS, index, model=str(request.getfixturevalue(name)), **OPTIONS)
    changed = lost = 0
    with sparton.Searcher(index) as searcher:
        for query in QUERIES:
            before, terms = unweighed(searcher, query), searcher.terms(query)
            assert terms == expected_terms(index, before)
            assert list(terms.values()) == sorted(terms.values(), reverse=True)
            changed += sum(terms[term] != impact for term, impact in before.items())
            lost += sum(terms[term] == impact for term, impact in before.items())
            assert searcher.terms(query) == searcher.terms_of([query])[0] == searcher.terms_each([query, "bag"])[0]
    assert changed > 8
    assert name == "shared" or lost


def test_passages_are_the_documents_of_an_index_of_those(model, tmp_path):
    rows = [{"id": f"d{number}", "text": " ".join(map(text_of, range(number, number + 9)))} for number in range(12)]
    sparton.build_index(rows, tmp_path / "index", model=str(model), chunk=True, max_length=32, **OPTIONS)
    with sparton.Searcher(tmp_path / "index") as searcher:
        assert len(searcher) == len(vectors(tmp_path / "index")) > 24
        for query in QUERIES:
            assert searcher.terms(query) == expected_terms(tmp_path / "index", unweighed(searcher, query))


def test_an_index_of_vectors_has_frequencies_too(index, model, tmp_path):
    sparton.index_vectors(index / "collection", tmp_path / "index", model=str(model))
    with sparton.Searcher(tmp_path / "index") as searcher, sparton.Searcher(index) as other:
        assert found(searcher) == found(other)


def test_the_factor_is_bounded():
    # In all documents: an idf of 0.2 and no less; in none of the reference's: ratios of 5 and no more.
    assert factor(1000, 1000, 10, 1000, 1) == pytest.approx(0.2 / np.log(1 + 990.5 / 10.5))
    assert factor(1, 1_000_000, 999, 1000, 1) == 5
    assert factor(1, 1_000_000, 999, 1000, 0.5) == pytest.approx(5**0.5)
    assert factor(10, 1000, 10, 1000, 0.5) == 1
    # What no document has keeps its impact, also in an index without documents.
    assert factor(0, 1000, 10, 1000, 1) == factor(0, 0, 0, 1, 1) == 1


def changes(index):
    """Updates that change how many documents have a term."""
    yield sparton.update_index(
        [{"id": f"n{number}", "text": f"black leather bag {number % 7}"} for number in range(9)], index
    )
    yield sparton.update_index([{"id": f"d{number}", "text": "brown suede"} for number in range(12)], index)
    yield sparton.delete_documents(index, [f"d{number}" for number in range(5, 30, 2)])
    yield sparton.update_index([{"id": "d3", "text": "word3 word3 gold"}, {"id": "n1", "text": "clutch"}], index)
    yield sparton.compact_index(index)


def found(searcher):
    return [(searcher.terms(query), [(hit.id, hit.score) for hit in searcher.search(query, 100)]) for query in QUERIES]


@pytest.mark.parametrize("name", ["model", "shared"])
def test_an_updated_index_finds_what_a_fresh_one_does(request, tmp_path, name):
    model = request.getfixturevalue(name)
    index, seen = tmp_path / "index", []
    sparton.build_index(ROWS, index, model=str(model), **OPTIONS)
    kept = sparton.Searcher(index)
    seen.append(found(kept))
    for number, _ in enumerate(changes(index)):
        rows = [
            {"id": name, "text": json.loads(line)["contents"]} for name, line in sorted(collection_of(index).items())
        ]
        sparton.build_index(rows, tmp_path / f"fresh{number}", model=str(model), **OPTIONS)
        with sparton.Searcher(tmp_path / f"fresh{number}") as fresh, sparton.Searcher(index) as updated:
            expected = found(fresh)
            assert found(updated) == expected
            assert len(updated) == len(rows)
        # A searcher that was open before sees the new frequencies once it is renewed, and itself keeps the old ones.
        renewed = kept.renewed()
        assert found(renewed) == expected
        assert [terms for terms, _ in seen[-1]] == [kept.terms(query) for query in QUERIES]
        assert renewed.encoder is kept.encoder
        kept.close()
        kept = renewed
        seen.append(expected)
    kept.close()
    # Each change but the compaction was one for the queries, too.
    assert [old != new for old, new in pairwise(seen)] == [True, True, True, True, False]


def test_an_index_without_documents_is_searched(model, tmp_path):
    index = tmp_path / "index"
    sparton.build_index(ROWS[:3], index, model=str(model), **OPTIONS)
    sparton.delete_documents(index, ["d0", "d1", "d2"])
    with sparton.Searcher(index) as searcher:
        assert len(searcher) == 0
        assert searcher.terms(QUERIES[0]) == unweighed(searcher, QUERIES[0]) != {}
        assert searcher.search(QUERIES[0]) == []


def test_everything_that_searches_has_the_same_terms(run_cli, index, tmp_path):
    with sparton.Searcher(index) as searcher:
        alone = {f"q{number}": searcher.terms(query) for number, query in enumerate(QUERIES)}
        hits = {
            name: [(hit.id, hit.score) for hit in searcher.search_terms(terms, 20)] for name, terms in alone.items()
        }
        assert any(terms != unweighed(searcher, query) for terms, query in zip(alone.values(), QUERIES, strict=True))
        topics = [Topic(f"q{number}", query) for number, query in enumerate(QUERIES)]
        assert dict(encode_topics(searcher, topics)) == alone
        path = tmp_path / "topics.tsv"
        path.write_text("".join(f"{topic.id}\t{topic.text}\n" for topic in topics))
        list(write_runs(searcher, plan_runs([path], tmp_path / "run.trec", k=20, threads=2)))
        each = searcher.search_many(QUERIES, 20)
        assert [[(hit.id, hit.score) for hit in one] for one in each] == list(hits.values())
        # An explanation sums up to the score, with the impacts that the query has.
        (best,) = searcher.search(QUERIES[0], 1)
        (matches,) = searcher.explain(searcher.terms(QUERIES[0]), [best])
        assert sum(match.contribution for match in matches) == best.score
        assert {match.term: match.query_impact for match in matches}.items() <= alone["q0"].items()
    lines = [line.split() for line in (tmp_path / "run.trec").read_text().splitlines()]
    in_run = {name: [(line[2], round(float(line[4]))) for line in lines if line[0] == name] for name in hits}
    assert in_run == hits
    ran = run_cli("search", QUERIES[0], "--index", index, "--json", "-k", 20, "--explain")
    shown = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [(hit["id"], hit["score"]) for hit in shown] == hits["q0"]
    said = json.loads(run_cli("encode-text", QUERIES[0], "--index", index, "--json").stdout)
    assert {one["term"]: one["impact"] for one in said["terms"]} == alone["q0"]
    assert not any(one["expanded"] for one in said["terms"])


def test_the_service_has_the_same_terms_also_after_an_update(model, tmp_path):
    index = tmp_path / "index"
    sparton.build_index(ROWS, index, model=str(model), **OPTIONS)
    with serving(index) as address:

        def asked(query):
            with urllib.request.urlopen(f"{address}search?{urlencode({'q': query, 'explain': 'true'})}") as response:
                content = json.load(response)
            terms = {one["term"]: one["impact"] for one in content["terms"]}
            return terms, [(hit["id"], hit["score"]) for hit in content["hits"]]

        def expected(query):
            with sparton.Searcher(index) as searcher:
                return searcher.terms(query), [(hit.id, hit.score) for hit in searcher.search(query)]

        before = [asked(query) for query in QUERIES[:3]]
        assert before == [expected(query) for query in QUERIES[:3]]
        sparton.update_index(
            [{"id": f"n{number}", "text": f"black leather bag {number % 7}"} for number in range(40)], index
        )
        until = time.monotonic() + 60
        while asked(QUERIES[0]) == before[0]:
            assert time.monotonic() < until, "the newest generation was not taken up"
        assert [asked(query) for query in QUERIES[:3]] == [expected(query) for query in QUERIES[:3]] != before


@pytest.mark.parametrize("kept", [{"query_top_terms": 3}, {"query_prune_ratio": 0.25}])
def test_what_is_kept_of_a_query_is_what_weighs_most_in_the_collection(index, kept):
    query = QUERIES[1]
    with sparton.Searcher(index) as every, sparton.Searcher(index, **kept) as few:
        terms = every.terms(query)
        heaviest = sorted(terms, key=lambda term: (-terms[term], VOCABULARY.index(term)))
        if "query_top_terms" in kept:
            expected = heaviest[:3]
        else:
            expected = [term for term in heaviest if terms[term] >= 0.25 * terms[heaviest[0]]]
        assert few.terms(query) == {term: terms[term] for term in expected}
        assert len(expected) < len(terms)
        assert few.terms_of([query])[0] == few.terms(query)
        # By what they weighed before, others would be kept.
        before = unweighed(few, query)
        assert sorted(before, key=lambda term: -before[term])[: len(expected)] != expected


def test_vectors_stay_as_they_are(index):
    with sparton.Searcher(index) as searcher:
        hits = searcher.search_terms({"bag": 7}, 3)
        documents = {json.loads(line)["id"]: json.loads(line)["vector"] for line in collection_of(index).values()}
        assert [hit.score for hit in hits] == [7 * documents[hit.id]["bag"] for hit in hits]
        assert searcher.document_terms(ROWS[0]["text"]) == documents["d0"]


def test_words_of_several_pieces_stay_whole(index):
    """`leathers` is leather and ##s, of which a document must have both."""
    query, whole = "bag leathers", (frozenset({"bag"}), frozenset({"leather", "##s"}))
    with sparton.Searcher(index) as searcher:
        for terms in (searcher.terms(query), searcher.terms_of([query])[0]):
            assert set(terms) == {"bag", "leather", "##s"}
            assert terms.words == terms.whole_words() == whole
        rows = map(json.loads, collection_of(index).values())
        both = {row["id"] for row in rows if row["vector"].keys() >= {"leather", "##s"}}
        assert {hit.id for hit in searcher.search("leathers", 100)} == both
        pieces = dict(searcher.terms("leathers"))  # which have no words
        assert {hit.id for hit in searcher.search_terms(pieces, 100)} > both


def test_two_ways_and_first_passes_have_them_too(model, tmp_path):
    index = tmp_path / "index"
    sparton.build_index(ROWS, index, model=str(model), also=("bm25",), **OPTIONS)
    with sparton.Searcher(index) as plain, sparton.Searcher(index, search_with="bm25+sparse") as fused:
        for query in QUERIES[:3]:
            assert fused.terms(query)["sparse"] == plain.terms(query)
    with sparton.Searcher(index) as plain, sparton.Searcher(index, search_with="two-phase") as other:
        for query in QUERIES[:3]:
            assert other.terms(query) == plain.terms(query)
            assert other.search(query, 5) == plain.search(query, 5)


def test_threads_weigh_alike(index):
    with sparton.Searcher(index) as alone:
        expected = [alone.terms(query) for query in QUERIES]
    with sparton.Searcher(index) as searcher:
        for every in at_once(lambda seed: [searcher.terms(query) for query in QUERIES]):
            assert every == expected


def test_the_index_is_asked_once_for_a_term(index, monkeypatch):
    with sparton.Searcher(index) as searcher:
        asked = []
        frequencies = searcher._index.document_frequencies
        monkeypatch.setattr(
            searcher._index, "document_frequencies", lambda terms: asked.append(terms) or frequencies(terms)
        )
        expected = searcher.terms_of(QUERIES)
        assert searcher.terms_of(QUERIES) == expected
        (terms,) = asked
        assert len(terms) == len(set(terms)) == len({term for query in expected for term in query})
