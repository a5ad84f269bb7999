"""Answers given to many threads, or to many clients of the service, are those given alone."""

import gc
import http.client
import json
import os
import random
import subprocess
import sys
import threading
from contextlib import closing
from urllib.parse import urlencode, urlsplit

import numpy as np
import pytest
from support.at_once import THREADS, at_once
from support.with_fields import index_with_fields

import sparton
from sparton.errors import SpartonError
from sparton.indexer import java
from sparton.indexer.java import alone_at_first, is_alone, java_class, java_ints
from sparton.search.doc_values import ids

pytestmark = pytest.mark.slow

TURNS = 6
DEPTHS = (1, 10, 64)


@pytest.fixture(scope="module")
def queries(data):
    """12 queries of the sample collection."""
    lines = (data / "queries.tsv").read_text(encoding="utf-8").splitlines()[:12]
    return [line.split("\t")[1] for line in lines]


def answered(searcher, query, k):
    """All that a search gives, but for the time that it took."""
    answer = searcher.answer(query, k)
    matches = searcher.explain(answer.terms, answer.hits)
    for hit, found in zip(answer.hits, matches, strict=True):
        assert sum(match.contribution for match in found) == hit.score
    return answer.terms, answer.hits, matches, searcher.input_terms(query), searcher.rank_terms(answer.terms, k)


def test_threads_that_share_a_searcher_get_what_each_would_get_alone(searcher, queries):
    alone = {(query, k): answered(searcher, query, k) for query in queries for k in DEPTHS}

    def act(seed):
        asked = random.Random(seed).sample(list(alone), TURNS)
        return [one for one in asked if answered(searcher, *one) != alone[one]]

    assert at_once(act) == [[]] * THREADS


def test_clients_of_the_service_get_what_each_would_get_alone(small_service, searcher, queries):
    def expected(query, k):
        terms, hits, matches, input_terms, _ = answered(searcher, query, k)
        return [
            (hit.rank, hit.id, hit.score, hit.text, [(match.term, match.contribution) for match in found])
            for hit, found in zip(hits, matches, strict=True)
        ], [(term, impact, term not in input_terms) for term, impact in terms.items()]

    def found(content):
        return [
            (
                *(hit[name] for name in ("rank", "id", "score", "text")),
                [(match["term"], match["contribution"]) for match in hit["matches"]],
            )
            for hit in content["hits"]
        ], [(term["term"], term["impact"], term["expanded"]) for term in content["terms"]]

    alone = {(query, k): expected(query, k) for query in queries for k in DEPTHS}

    def act(seed):
        wrong = []
        with closing(http.client.HTTPConnection(urlsplit(small_service).netloc, timeout=60)) as connection:
            for query, k in random.Random(seed).sample(list(alone), TURNS):
                connection.request("GET", f"/search?{urlencode({'q': query, 'k': k, 'explain': 'true'})}")
                response = connection.getresponse()
                body = response.read()
                if response.status != 200 or found(json.loads(body)) != alone[query, k]:
                    wrong.append((query, k, response.status, body))
            if not seed:
                asked = {"queries": queries * 2, "k": 64, "explain": True}
                connection.request("POST", "/search", json.dumps(asked), {"content-type": "application/json"})
                results = json.loads(connection.getresponse().read())["results"]
                answers = zip(asked["queries"], results, strict=True)
                wrong += [query for query, result in answers if found(result) != alone[query, 64]]
        return wrong

    assert at_once(act, 6) == [[]] * 6


def test_java_forgets_threads_that_have_ended(searcher, queries):
    terms = searcher.terms(queries[0])
    beans = java_class("java.lang.management.ManagementFactory").getThreadMXBean()
    before = beans.getThreadCount()

    def search():
        searcher.search_terms(terms, 5)
        list(ids(searcher._index._reader, np.arange(3)))

    for _ in range(30):
        thread = threading.Thread(target=search)
        thread.start()
        thread.join()
    assert beans.getThreadCount() <= before + 1


def test_a_closed_searcher_says_so(small_index, queries):
    with_index = sparton.Searcher(small_index)
    terms = with_index.terms(queries[0])
    hits = with_index.search_terms(terms)
    with_index.close()
    with_index.close()
    for call in (
        lambda: with_index.search(queries[0]),
        lambda: with_index.terms(queries[0]),
        lambda: with_index.input_terms(queries[0]),
        lambda: with_index.terms_of(queries),
        lambda: with_index.search_terms(terms),
        lambda: with_index.rank_terms(terms, 3),
        lambda: with_index.explain(terms, hits),
    ):
        with pytest.raises(SpartonError) as caught:
            call()
        assert str(caught.value) == f"the index {small_index / 'lucene'} was closed; open it again to search it"


def test_closing_lets_searches_under_way_finish(small_index, searcher, queries):
    terms = searcher.terms(queries[0])
    expected = searcher.search_terms(terms, 64)
    closing = sparton.Searcher(small_index)

    def act(seed):
        if not seed:
            closing.close()
            return []
        wrong = []
        for _ in range(20):
            try:
                hits = closing.search_terms(terms, 64)
                wrong += [] if hits == expected else [hits]
            except SpartonError as error:
                wrong += [] if "was closed" in str(error) else [error]
        return wrong

    assert at_once(act, 6) == [[]] * 6


FORKED = """
import os, sys, warnings
import sparton
from sparton.errors import SpartonError

warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of what is tried here
searcher = sparton.Searcher(sys.argv[1])
hits = searcher.search("black leather bag", 3)
process = os.fork()
if not process:
    for call in (
        lambda: searcher.search("black leather bag", 3),
        lambda: searcher.explain({"bag": 1}, hits),
        lambda: searcher.rank_terms({"bag": 1}, 3),
        lambda: sparton.Searcher(sys.argv[1]),
    ):
        try:
            print(call(), flush=True)
        except SpartonError as error:
            print(error, flush=True)
    searcher.close()
    os._exit(0)
assert os.waitpid(process, 0)[1] == 0
assert searcher.search("black leather bag", 3) == hits
print(os.getpid())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_is_told_that_java_did_not_come_along(light_index):
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(light_index)], capture_output=True, text=True, check=True, timeout=120
    )
    *said, process = done.stdout.splitlines()
    sentence = (
        f"Java runs in process {process}, from which this one was forked, and cannot be used here; open the index in "
        "this process after the fork and not before, or start processes by spawn"
    )
    assert said == [sentence] * 4


def test_a_jvm_of_pyjnius_is_told_of():
    code = "import sys; sys.modules['jnius'] = sys; from sparton.indexer.java import start_jvm; start_jvm()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "sparton.errors.SpartonError: this process has a JVM that pyjnius started (as Pyserini does), and a process "
        "holds one only; use Sparton and Pyserini in processes of their own"
    )


@pytest.mark.usefixtures("searcher")
def test_python_collects_its_garbage_when_it_wants_to():
    """JPype has it do so whenever Java did, which costs more than the queries do."""
    collector = java_class("java.lang.management.ManagementFactory").getGarbageCollectorMXBeans()[0]
    before, full = collector.getCollectionCount(), []

    def note(phase, info):
        if phase == "start" and info["generation"] == 2:
            full.append(info)

    zeros = [0] * 2**18
    gc.collect()
    gc.callbacks.append(note)
    try:
        while collector.getCollectionCount() < before + 12:
            java_ints(zeros)
            young = [[] for _ in range(1000)]  # between two of Java's collections JPype waits for one of Python's
    finally:
        gc.callbacks.remove(note)
    assert len(young) == 1000
    assert len(full) <= 1  # its own may fall due meanwhile


def test_only_the_first_call_of_a_kind_is_made_alone():
    """Others of its kind wait for that one, and not for each other; the kind counts only once one is done."""
    kind, seen, both = object(), [], threading.Barrier(2, timeout=60)

    def call():
        with alone_at_first(kind):
            seen.append(is_alone())
            if not is_alone():
                both.wait()

    def fails():
        with alone_at_first(kind):
            raise KeyError(is_alone())

    with pytest.raises(KeyError, match="True"):
        fails()
    assert not is_alone()
    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True, False, False]


def test_kinds_of_calls_are_few_whatever_is_asked_for(tmp_path, static_model):
    products = {f"P{number}": ("red bag", {"price": number, "brand": "Adele"}) for number in range(20)}
    folder = index_with_fields(tmp_path / "index", products, model=str(static_model))

    def ask(searcher, number):
        tests = [f"price < {number}", f"price > {number} or brand = x{number}"] * (1 + number % 3)
        searcher.search("red bag", 1 + number, filters=tests, sort=("price", "-price")[number % 2])
        searcher.answer("red bag", 1 + number, filters=tests, facets=["brand", "price"][: 1 + number % 2])

    with sparton.Searcher(folder) as searcher:
        for number in range(6):
            ask(searcher, number)
        known = set(java._called)
        for number in range(6, 30):
            ask(searcher, number)
    assert java._called == known
