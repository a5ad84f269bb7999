"""Weights to impacts, and batches put back together."""

import numpy as np
import pytest
import torch

from sparton.errors import SpartonError
from sparton.pipeline.impacts import LARGEST, join, quantize


def rows_of(impacts):
    return [dict(zip(terms.tolist(), values.tolist(), strict=True)) for terms, values in impacts]


def in_plain_python(weights, scale, top_terms=None):
    rows = []
    for row in weights.tolist():
        rounded = {term: round(float(np.float32(weight) * np.float32(scale))) for term, weight in enumerate(row)}
        heaviest = sorted((term for term in rounded if rounded[term]), key=lambda term: (-rounded[term], term))
        rows.append({term: rounded[term] for term in sorted(heaviest[:top_terms])})
    return rows


def sparse_weights(seed=0, rows=20, terms=300):
    generator = torch.Generator().manual_seed(seed)
    return torch.relu(torch.randn(rows, terms, generator=generator) - 0.5)


@pytest.mark.parametrize("top_terms", [None, 1, 7, 10_000])
@pytest.mark.parametrize("scale", [1, 8, 100, 12.5])
def test_impacts_are_those_of_plain_python(scale, top_terms):
    weights = sparse_weights()
    impacts = quantize(weights, scale, top_terms)
    assert rows_of(impacts) == in_plain_python(weights, scale, top_terms)
    assert (impacts.offsets.dtype, impacts.terms.dtype, impacts.values.dtype) == (np.int64, np.int32, np.int32)


def test_halves_are_rounded_to_even_and_zeros_dropped():
    weights = torch.tensor([[0.25, 0.75, 1.25, 1.75, 0.0, 0.2, 0.3]])
    assert rows_of(quantize(weights, 2)) == [{1: 2, 2: 2, 3: 4, 6: 1}]


def test_a_row_without_a_weight_is_an_empty_row():
    assert rows_of(quantize(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]), 100)) == [{}, {0: 100}, {}]


def test_among_equal_impacts_the_lower_term_is_kept():
    weights = torch.tensor([[1.0, 2.0, 1.0, 2.0, 1.0]])
    assert rows_of(quantize(weights, 1, top_terms=3)) == [{0: 1, 1: 2, 3: 2}]


def test_half_precision_is_scaled_in_float32():
    weights = torch.tensor([[700.5]], dtype=torch.float16)
    assert rows_of(quantize(weights, 1_000)) == [{0: 700_500}]


@pytest.mark.parametrize(("weight", "shown"), [(float("nan"), "nan"), (float("inf"), "inf"), (2.0**31, "2.14748e+07")])
def test_a_weight_that_is_no_impact_is_refused(weight, shown):
    with pytest.raises(SpartonError) as caught:
        quantize(torch.tensor([[1.0, weight / 100 if weight == 2.0**31 else weight]]), 100)
    assert str(caught.value) == (
        f"the model gave a weight of {shown}, which at scale 100 is no impact from 1 to {LARGEST}; "
        "lower --scale, or try --dtype float32 if the weight is not finite"
    )


def test_joined_batches_stand_in_input_order():
    weights = sparse_weights(rows=11)
    places = [np.array([3, 0, 10]), np.array([7]), np.array([9, 8, 1, 2, 4, 5, 6])]
    joined = join([quantize(weights[torch.from_numpy(batch)], 100) for batch in places], places, sum(map(len, places)))
    whole = quantize(weights, 100)
    assert len(joined) == 11
    for found, expected in zip(
        (joined.offsets, joined.terms, joined.values), (whole.offsets, whole.terms, whole.values), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_joining_nothing_gives_nothing():
    assert rows_of(join([], [], 0)) == []
    assert [len(terms) for terms, _ in join([], [], 2)] == [0, 0]
