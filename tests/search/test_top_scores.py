"""Exact search in ranges, on several threads, against sums in numpy: ties, filters, updates, several indexes."""

import json
import subprocess
import sys
import threading

import numpy as np
import pytest
from support.with_fields import ONE

from sparton.indexer.build import LuceneBuild
from sparton.indexer.updating import LuceneUpdate
from sparton.search.idle_cores import IdleCores
from sparton.search.impact_index import ImpactIndex
from sparton.search.lucene_hits import ScoredDoc
from sparton.search.top_scores import TopScores, best_of
from sparton.storage.fields import Field

TERMS, DOCUMENTS = 12, 700
NAMES = [f"{'éÿ漢a-'[row % 5]}{row * 7919 % DOCUMENTS}" for row in range(DOCUMENTS)]


def impacts(seed):
    """[documents, terms], 0 where a document has not the term; so few different ones that many scores are equal."""
    random = np.random.default_rng(seed)
    found = random.integers(1, 4, (DOCUMENTS, TERMS)) * (random.random((DOCUMENTS, TERMS)) < 0.4)
    found[:, 0] = 1  # no document is empty
    return found


FIELDS = (Field("even", "boolean"),)


def write(path, names, matrix):
    lines = (
        json.dumps(
            {
                "id": name,
                "contents": name,
                "fields": {"even": number % 2 == 0},
                "vector": {f"t{term}": int(row[term]) for term in np.flatnonzero(row)},
            }
        )
        for number, (name, row) in enumerate(zip(names, matrix, strict=True))
    )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def build(folder, names, matrix):
    """The Lucene index of these documents."""
    write(folder / "part.jsonl", names, matrix)
    with LuceneBuild(folder / "lucene", ONE, fields=FIELDS) as lucene:
        lucene.add(folder / "part.jsonl")
        lucene.finish()
    return folder / "lucene"


def expected(names, matrix, query, k):
    """Ids and scores of the k best, computed without Lucene."""
    scores = matrix @ query
    rows = sorted(np.flatnonzero(scores), key=lambda row: (-scores[row], names[row].encode()))
    return [(names[row], float(scores[row])) for row in rows[:k]]


def queries():
    random = np.random.default_rng(5)
    for terms in (1, 2, 3, 5, 8, TERMS):
        for most in (1, 3, 50):
            query = np.zeros(TERMS, int)
            query[random.choice(TERMS, terms, replace=False)] = random.integers(1, most + 1, terms)
            yield query


def ranked(index, query, k, selection=None):
    terms = {f"t{term}": int(query[term]) for term in np.flatnonzero(query)}
    hits = index.rank(terms, k) if selection is None else index.rank(terms, k, selection)
    return [(hit.id, hit.score) for hit in hits]


def in_ranges(index, threads, least=32):
    """Have an index searched so."""
    index._top_scores = TopScores(index._searcher, index._best_then_id, index._ids, IdleCores(threads), least)
    return index


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranges")
    matrix = impacts(1)
    return build(folder, NAMES, matrix), matrix


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("k", [1, 10, 99, 100, 250, DOCUMENTS, 5 * DOCUMENTS])
def test_hits_are_those_of_the_sums(built, threads, k):
    folder, matrix = built
    index = in_ranges(ImpactIndex(folder), threads)
    for query in queries():
        assert ranked(index, query, k) == expected(NAMES, matrix, query, k)
    index.close()


def test_the_last_score_may_be_that_of_many(built):
    """The collector by score alone keeps some of these, and not those with the first ids."""
    folder, matrix = built
    query = np.zeros(TERMS, int)
    query[:2] = 1
    scores = matrix @ query
    k = int((scores > 1).sum()) + 50  # among those with 1
    assert (scores == 1).sum() > 100 + k // 10
    index = in_ranges(ImpactIndex(folder), 3)
    assert ranked(index, query, k) == expected(NAMES, matrix, query, k)
    index.close()


@pytest.mark.slow
def test_filters_and_deleted_documents_and_new_ones(tmp_path):
    """An update leaves deleted documents in a segment, and puts new ones into another."""
    matrix = np.vstack([impacts(1), impacts(2)[:200]])
    names = [*NAMES, *(f"new {row}" for row in range(200))]
    build(tmp_path, NAMES, matrix[:DOCUMENTS])
    write(tmp_path / "new.jsonl", names[DOCUMENTS:], matrix[DOCUMENTS:])
    with LuceneUpdate(tmp_path, ["lucene"], [None], FIELDS) as update:
        update.delete([name for row, name in enumerate(NAMES) if row % 3 == 0])
        update.add([tmp_path / "new.jsonl"])
        ((commit,), documents) = update.commit()
    left = [row for row in range(len(names)) if row >= DOCUMENTS or row % 3]
    assert documents == len(left)
    index = in_ranges(ImpactIndex(tmp_path / "lucene", commits=[commit.segments], fields=FIELDS), 3)
    assert len(index._top_scores._leaves) == 2
    even = [row for row in left if row % 2 == 0]
    for query in queries():
        for k in (5, 120, 2 * DOCUMENTS):
            assert ranked(index, query, k) == expected([names[row] for row in left], matrix[left], query, k)
            found = ranked(index, query, k, index.selection(["even"]))
            assert found == expected([names[row] for row in even], matrix[even], query, k)
    index.close()


def test_several_indexes_are_searched_as_one(tmp_path, built):
    folder, matrix = built
    others, second = [f"b{name}" for name in NAMES], impacts(2)
    index = in_ranges(ImpactIndex(folder, build(tmp_path, others, second)), 3)
    for query in queries():
        for k in (10, 200, 3 * DOCUMENTS):
            assert ranked(index, query, k) == expected([*NAMES, *others], np.vstack([matrix, second]), query, k)
    index.close()


@pytest.mark.slow
def test_many_searches_at_once_find_what_each_finds_alone(built):
    folder, matrix = built
    index = in_ranges(ImpactIndex(folder), 3)
    wrong = []

    def search():
        for query in queries():
            if ranked(index, query, 150) != expected(NAMES, matrix, query, 150):
                wrong.append(query)

    threads = [threading.Thread(target=search) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    index.close()
    assert wrong == []
    assert index._top_scores._cores._busy == 0


def test_helpers_are_as_many_as_cores_are_idle():
    cores = IdleCores(3)
    meet = threading.Barrier(3, timeout=60)

    def together(go_on):
        meet.wait()
        return threading.current_thread()

    assert len(set(cores.share(together, 5))) == 3
    assert IdleCores(1).share(lambda go_on: go_on(), 5) == [True]
    assert cores._busy == 0


def test_what_a_helper_raises_is_raised_and_ends_the_others():
    cores, meet = IdleCores(2), threading.Barrier(2, timeout=60)

    def work(go_on):
        meet.wait()
        if threading.current_thread() is not threading.main_thread():
            raise KeyError("helper")
        return 1

    with pytest.raises(KeyError, match="helper"):
        cores.share(work, 1)

    def fails_first(go_on):
        if threading.current_thread() is threading.main_thread():
            meet.wait()
            raise KeyError("first")
        meet.wait()
        while go_on():
            pass
        return 1

    with pytest.raises(KeyError, match="first"):
        cores.share(fails_first, 1)
    assert cores._busy == 0


def test_searches_go_on_alone_once_the_main_thread_has_returned():
    """Python then starts no more threads of a pool."""
    script = """
import threading
from sparton.search.idle_cores import IdleCores

def late():
    threading.main_thread().join()
    cores = IdleCores(4)
    print(cores.share(lambda go_on: go_on(), 3), cores._busy)

threading.Thread(target=late).start()
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert (ran.stdout, ran.stderr) == ("[True] 0\n", "")


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 9])
def test_the_best_of_some_are_those_of_a_sort(k):
    numbers, scores = np.array([2, 3, 5, 8, 9], np.int32), np.array([7, 9, 7, 9, 7], np.float32)
    names = [b"e", b"d", b"c", b"b", b"a"]
    expected = sorted(zip((-scores).tolist(), names, numbers.tolist(), strict=True))[:k]
    assert best_of(numbers, scores, names, k) == [
        ScoredDoc(number, name.decode(), -loss) for loss, name, number in expected
    ]
    assert best_of(numbers[:0], scores[:0], [], k) == []
