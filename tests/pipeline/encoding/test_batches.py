"""Batches by token budget."""

import numpy as np
import pytest

from sparton.pipeline.encoding.batches import batches_by_tokens, batches_in_order, batches_of_one_length


def some_lengths(seed):
    return np.random.default_rng(seed).integers(0, 60, size=200)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("budget", "most"), [(1, 1), (64, 1_000), (512, 7), (10**9, 10**9)])
def test_every_position_is_in_one_batch_within_both_limits(seed, budget, most):
    lengths = some_lengths(seed)
    batches = list(batches_by_tokens(lengths, budget, most))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or lengths[batch].max() * len(batch) <= budget


@pytest.mark.parametrize(("budget", "most"), [(1, 1), (64, 1_000), (512, 7), (10**9, 10**9)])
def test_batches_of_one_length_hold_no_other(budget, most):
    lengths = some_lengths(4)
    batches = list(batches_of_one_length(lengths, budget, most))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(set(lengths[batch].tolist())) == 1
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or lengths[batch[0]] * len(batch) <= budget


def test_the_longest_come_first_and_equals_keep_their_order():
    batches = list(batches_by_tokens(np.array([3, 9, 3, 5, 9, 3]), 10, 100))
    assert [batch.tolist() for batch in batches] == [[1], [4], [3, 0], [2, 5]]


def test_a_document_above_the_budget_is_a_batch_of_its_own():
    batches = list(batches_by_tokens(np.array([2, 50, 2]), 4, 100))
    assert [batch.tolist() for batch in batches] == [[1], [0, 2]]


def test_the_same_lengths_give_the_same_batches():
    first, again = (list(batches_by_tokens(some_lengths(5), 128, 16)) for _ in range(2))
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]


def test_nothing_gives_no_batch():
    assert list(batches_by_tokens(np.array([], dtype=np.int64), 10, 10)) == []


def in_order(lengths, budget, most=10**9):
    return [batch.tolist() for batch in batches_in_order(np.array(lengths), budget, most)]


@pytest.mark.parametrize(
    ("lengths", "budget", "most", "expected"),
    [
        ([], 10, 9, []),
        ([3, 4, 3, 1], 10, 9, [[0, 1, 2], [3]]),
        ([3, 4, 3, 1], 11, 9, [[0, 1, 2, 3]]),
        ([30, 1, 1, 30], 10, 9, [[0], [1, 2], [3]]),
        ([1, 1, 1, 1, 1], 10, 2, [[0, 1], [2, 3], [4]]),
    ],
)
def test_packed_documents_stay_in_order_and_within_the_budget(lengths, budget, most, expected):
    assert in_order(lengths, budget, most) == expected
