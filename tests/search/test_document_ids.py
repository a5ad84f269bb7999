"""Ids in memory against those that Java reads one search after the other."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest

from sparton.indexer.build import LuceneBuild
from sparton.search import document_ids
from sparton.search.doc_values import ids
from sparton.search.document_ids import DocumentIds
from sparton.search.first_pass.memory import Budget, Share
from sparton.search.impact_index import ImpactIndex
from sparton.search.lucene_hits import DamagedIndexError

NAMES = [f"{'né ' * (number % 3)}{'x' * (number % 50)}{number}" for number in range(500)]


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ids")
    with LuceneBuild(folder / "lucene") as build:
        for part in range(2):  # each a segment at least
            lines = [json.dumps({"id": name, "vector": {"a": 1}}) + "\n" for name in NAMES[part::2]]
            (folder / f"{part}.jsonl").write_text("".join(lines))
            build.add(folder / f"{part}.jsonl")
        build.finish(len(NAMES))
    with closing(ImpactIndex(folder / "lucene")) as opened:
        yield opened._reader


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(document_ids, "_PIECE", 60)


def asked(number, most, seed):
    rng = random.Random(seed)
    return [np.array(sorted(rng.sample(range(most), rng.randint(0, 40))), np.int32) for _ in range(number)]


@pytest.mark.slow
def test_they_are_those_that_java_reads_before_and_after_they_are_kept(reader):
    every = list(ids(reader))
    assert sorted(name.decode() for name in every) == sorted(NAMES)
    kept, was_kept = DocumentIds(reader), []
    for numbers in asked(60, len(NAMES), 1):
        was_kept.append(kept._kept is not None)
        assert kept.of(numbers) == [every[number] for number in numbers]
    assert was_kept[:16] == [False] * 16  # of which a single search would gain nothing
    assert was_kept[-20:] == [True] * 20
    assert kept._share.taken == len(kept._kept.text) + 8 * len(NAMES)


@pytest.mark.slow
def test_threads_get_what_each_would_get_alone(reader):
    every, kept = list(ids(reader)), DocumentIds(reader)
    several = asked(300, len(NAMES), 2)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(kept.of, several))
    expected = [[every[number] for number in numbers] for numbers in several]
    assert found == expected
    # Who came while another read on has not waited, so that some may not be there yet.
    assert [kept.of(numbers) for numbers in several] == expected
    assert kept._kept is not None


@pytest.mark.parametrize("most", [0, 5_000, 15_000])
def test_without_memory_for_all_of_them_none_are_kept(reader, most):
    every, budget = list(ids(reader)), Budget(most)
    kept = DocumentIds(reader, Share(budget))
    for numbers in asked(80, len(NAMES), 3):
        assert kept.of(numbers) == [every[number] for number in numbers]
        assert budget._taken <= most
    assert kept._kept is None
    assert budget._taken == 0


def test_they_are_forgotten_when_the_index_is_closed(reader):
    budget = Budget(10**6)
    kept, numbers = DocumentIds(reader, Share(budget)), np.arange(3)
    for _ in range(40):
        kept.of(numbers)
    assert kept._kept is not None
    assert budget._taken > 0
    expected = kept.of(numbers)
    kept.close()
    assert budget._taken == 0
    assert kept.of(numbers) == expected  # as of a search under way
    assert kept._kept is None


def test_many_at_once_are_those_of_a_few(reader, monkeypatch):
    monkeypatch.setattr(document_ids, "_TOGETHER", 7)
    kept, every = DocumentIds(reader), list(ids(reader))
    for _ in range(40):
        kept.of(np.arange(3))
    assert kept._kept is not None
    assert kept.of(np.arange(len(NAMES))) == every
    assert kept.of(np.arange(0)) == []


def test_what_cannot_be_read_concerns_who_asks_for_it(reader, monkeypatch, caplog):
    def damaged(*_):
        raise DamagedIndexError("a document has no id, or one that is no text")

    monkeypatch.setattr(document_ids, "joined_ids", damaged)
    kept, expected = DocumentIds(reader), list(ids(reader))[:3]
    with caplog.at_level("INFO"):
        assert [kept.of(np.arange(3)) for _ in range(40)] == [expected] * 40
    assert caplog.messages == ["ids are not kept in memory: a document has no id, or one that is no text"]
    assert kept._share.taken == 0
