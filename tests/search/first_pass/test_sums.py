"""The best sums against those of all documents, sorted."""

import numpy as np
import pytest

from sparton.search.first_pass import sums
from sparton.search.first_pass.sums import largest_of_all, largest_sums, zero_sums
from sparton.search.first_pass.term_postings import DensePostings, ListedPostings


def weighted(rng, documents):
    """Terms of a query with postings of all kinds, and what they give each document."""
    terms, expected = [], np.zeros(documents, np.int64)
    for share in rng.random(rng.integers(1, 9)) ** 2:
        numbers = np.flatnonzero(rng.random(documents) < share).astype(np.int32)
        kind = rng.choice((np.uint8, np.uint16, np.uint32))
        impacts = rng.integers(1, rng.choice((3, 200)), len(numbers)).astype(kind)
        impact, largest = int(rng.integers(1, 50)), int(impacts.max(initial=0))
        expected[numbers] += impact * impacts.astype(np.int64)
        if share < 0.2:
            terms.append((impact, ListedPostings(numbers, impacts, largest)))
        else:
            every = np.zeros(documents, kind)
            every[numbers] = impacts
            terms.append((impact, DensePostings(every, largest)))
    return terms, expected


@pytest.mark.parametrize("documents", [1, 7, 8, 63, 1_000, 5_003])
@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("part", [1, 4, 10_000])
def test_the_best_are_found_with_all_that_are_as_good_as_the_last(documents, filtered, part, monkeypatch):
    monkeypatch.setattr(sums, "_PART", part)  # how soon impacts are looked up rather than added
    rng = np.random.default_rng(documents)
    for most in (1, 2, 10, 100, documents):
        for _ in range(20):
            terms, expected = weighted(rng, documents)
            passing = rng.random(documents) < 0.3 if filtered else None
            if passing is not None:
                expected[~passing] = 0
            numbers, scores = largest_sums(terms, documents, most, passing)
            least = max(1, np.sort(expected)[-min(most, documents)])
            assert numbers.tolist() == np.flatnonzero(expected >= least).tolist()
            assert scores.tolist() == expected[numbers].tolist()
            every = zero_sums(documents, np.int64)
            every[:documents] = expected
            assert [found.tolist() for found in largest_of_all(every, most)] == [numbers.tolist(), scores.tolist()]


def test_terms_that_decide_nothing_are_not_added(monkeypatch):
    """Two documents have a rare term, which is worth more than all that a frequent one can give."""
    every = np.arange(100_000, dtype=np.int64).astype(np.uint8)
    frequent = DensePostings(every, 255)
    rare = ListedPostings(np.array([300, 70_000], np.int32), np.array([9, 9], np.uint8), 9)
    monkeypatch.setattr(DensePostings, "add", None)
    numbers, scores = largest_sums([(1, frequent), (100, rare)], len(every), 2)
    assert numbers.tolist() == [300, 70_000]
    assert scores.tolist() == [900 + 300 % 256, 900 + 70_000 % 256]
