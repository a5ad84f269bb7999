"""A query has the same impacts whatever else is in its batch: in a search, a run, and the service."""

import json
import random
import urllib.request
from urllib.parse import urlencode

import pytest
from support.serving import serving

import sparton
from sparton.search.evaluation.run import encode_topics, plan_runs, write_runs
from sparton.search.evaluation.topics import Topic

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def queries(data):
    """Short queries and long ones."""
    lines = (data / "queries.tsv").read_text(encoding="utf-8").splitlines()
    short = [line.split("\t")[1] for line in lines][::6]
    return short + [" ".join(random.Random(seed).choices(short, k=4)) for seed in range(6)] + ["", "zzz", "bag"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_impacts_do_not_depend_on_the_batch(queries, dtype):
    encoder = sparton.Encoder(device="cpu", dtype=dtype, scale=1_000_000)
    alone = [encoder.terms(query) for query in queries]
    chance = random.Random(3)
    for _ in range(2):
        order = chance.sample(range(len(queries)), len(queries))
        while order:
            batch, order = order[: (size := chance.randint(1, 12))], order[size:]
            found = encoder.encode_alone([queries[number] for number in batch])
            for number, (terms, impacts) in zip(batch, found, strict=True):
                named = {encoder.vocabulary[term]: impact for term, impact in zip(terms, impacts, strict=True)}
                assert named == alone[number]


@pytest.fixture
def opened(request):
    """A searcher and the address of a service, for queries by a table or by a model that computes them."""
    if request.param == "table":
        yield request.getfixturevalue("searcher"), request.getfixturevalue("small_service")
        return
    with serving(request.getfixturevalue("computed_index"), "--threads", "4") as address:
        yield request.getfixturevalue("computed_searcher"), address


@pytest.mark.parametrize("opened", ["table", "computed"], indirect=True)
def test_a_run_and_the_service_encode_as_a_search_does(opened, queries, tmp_path):
    searcher, service = opened
    topics = [Topic(f"q{number}", query) for number, query in enumerate(queries)]
    alone = {topic.id: searcher.terms(topic.text) for topic in topics}
    assert dict(encode_topics(searcher, topics)) == alone
    path = tmp_path / "topics.tsv"
    path.write_text("".join(f"{topic.id}\t{topic.text}\n" for topic in topics))
    list(write_runs(searcher, plan_runs([path], tmp_path / "run.trec", k=20, threads=3)))
    found = {}
    for line in (tmp_path / "run.trec").read_text().splitlines():
        name, _, document, _, score, _ = line.split()
        found.setdefault(name, []).append((document, round(float(score))))
    expected = {
        name: [(hit.id, hit.score) for hit in searcher.search_terms(terms, 20)] for name, terms in alone.items()
    }
    assert found == {name: hits for name, hits in expected.items() if hits}
    for number in range(0, len(queries), 7):
        query = urlencode({"q": queries[number], "explain": "true"})
        with urllib.request.urlopen(f"{service}search?{query}") as response:
            terms = json.load(response)["terms"]
        assert {term["term"]: term["impact"] for term in terms} == alone[f"q{number}"]
