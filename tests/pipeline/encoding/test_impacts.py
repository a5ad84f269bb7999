"""Weights to impacts, and batches put back together."""

import random
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from support.triton_devices import DEVICES, on_gpu

from sparton.errors import SpartonError, UsageError
from sparton.pipeline.encoding.impacts import Impacts, from_rows, join
from sparton.pipeline.encoding.pruning import RULES, Pruning, least_part, pruning_for
from sparton.pipeline.encoding.quantize import LARGEST, quantize
from sparton.pipeline.options import EncoderOptions
from sparton.storage.manifest import EncoderSpec


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
    impacts = quantize(weights, scale, Pruning(top_terms=top_terms))
    assert rows_of(impacts) == in_plain_python(weights, scale, top_terms)
    assert (impacts.offsets.dtype, impacts.terms.dtype, impacts.values.dtype) == (np.int64, np.int32, np.int32)


def test_halves_are_rounded_to_even_and_zeros_dropped():
    weights = torch.tensor([[0.25, 0.75, 1.25, 1.75, 0.0, 0.2, 0.3]])
    assert rows_of(quantize(weights, 2)) == [{1: 2, 2: 2, 3: 4, 6: 1}]


def test_a_row_without_a_weight_is_an_empty_row():
    assert rows_of(quantize(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]), 100)) == [{}, {0: 100}, {}]


def test_among_equal_impacts_the_lower_term_is_kept():
    weights = torch.tensor([[1.0, 2.0, 1.0, 2.0, 1.0]])
    assert rows_of(quantize(weights, 1, Pruning(top_terms=3))) == [{0: 1, 1: 2, 3: 2}]


def test_half_precision_is_scaled_in_float32():
    weights = torch.tensor([[700.5]], dtype=torch.float16)
    assert rows_of(quantize(weights, 1_000)) == [{0: 700_500}]


@pytest.mark.parametrize(("weight", "shown"), [(float("nan"), "nan"), (float("inf"), "inf"), (2.0**31, "2.14748e+07")])
def test_a_weight_that_is_no_impact_is_refused(weight, shown):
    with pytest.raises(SpartonError) as caught:
        quantize(torch.tensor([[1.0, weight / 100 if weight == 2.0**31 else weight]]), 100)
    assert str(caught.value) == (
        f"the model gave a weight of {shown}, which at scale 100 is no impact from 1 to {LARGEST}; "
        "lower scale, or try dtype='float32' if the weight is not finite"
    )


def test_joined_batches_are_in_input_order():
    weights = sparse_weights(rows=11)
    batches = [np.array([3, 0, 10]), np.array([7]), np.array([9, 8, 1, 2, 4, 5, 6])]
    joined = join(
        [quantize(weights[torch.from_numpy(batch)], 100) for batch in batches], batches, sum(map(len, batches))
    )
    whole = quantize(weights, 100)
    assert len(joined) == 11
    for found, expected in zip(
        (joined.offsets, joined.terms, joined.values), (whole.offsets, whole.terms, whole.values), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_joining_nothing_gives_nothing():
    assert rows_of(join([], [], 0)) == []
    assert [len(terms) for terms, _ in join([], [], 2)] == [0, 0]


@pytest.fixture(params=DEVICES)
def device(request):
    """Where the kernels run."""
    return request.param


def weights_with_ties(rows, terms, scale, seed=0):
    """Weights of whole and half impacts, most of them zero. Row i % 4 is: empty, full, of ties, of huge impacts."""
    generator = torch.Generator().manual_seed(seed)
    impacts = torch.randint(0, 24, (rows, terms), generator=generator) / 2
    impacts *= torch.rand(rows, terms, generator=generator) < 0.3
    impacts[0::4] = 0
    impacts[1::4] += 1
    impacts[3::4] *= torch.exp2(torch.rand(impacts[3::4].shape, generator=generator) * 27)
    return impacts / scale


def quantize_on_a_cpu(weights, scale, top_terms=None, **rules):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TRITON_INTERPRET", raising=False)
        return quantize(weights.cpu(), scale, Pruning(top_terms, **rules))


def assert_same_impacts(found, expected):
    for name in ("offsets", "terms", "values"):
        assert getattr(found, name).dtype == getattr(expected, name).dtype
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def assert_same_as_on_a_cpu(weights, scale, top_terms=None, **rules):
    before = weights.clone()
    expected = quantize_on_a_cpu(weights, scale, top_terms, **rules)
    assert_same_impacts(quantize(weights, scale, Pruning(top_terms, **rules)), expected)
    assert torch.equal(weights, before)


@pytest.mark.parametrize("scale", [12.5, 100])
def test_the_weights_with_ties_would_show_a_fused_multiply_add(scale):
    # Its product is exact, and halves that float32 makes of a number beside them would be rounded otherwise.
    weights = weights_with_ties(8, 9_001, scale)
    rounded_once = (weights.double() * scale).round().float()
    assert not torch.equal(rounded_once, (weights * scale).round())


@pytest.mark.parametrize("top_terms", [None, 1, 3, 40, 100_000])
@pytest.mark.parametrize(("shape", "scale"), [((4, 9_001), 100), ((8, 1), 1), ((5, 4_096), 1), ((7, 300), 100)])
def test_kernels_give_the_impacts_of_a_cpu(device, shape, scale, top_terms):
    assert_same_as_on_a_cpu(weights_with_ties(*shape, scale).to(device), scale, top_terms)


def test_kernels_are_what_quantize_runs(device, monkeypatch):
    monkeypatch.setattr("sparton.pipeline.encoding.quantize_triton.begin_compact", lambda *arguments: lambda: arguments)
    weights, pruning = torch.ones(2, 3, device=device), Pruning(2, 0.1, 0.9, 5)
    assert quantize(weights, 100, pruning) == (weights, 100, pruning)


PARTS = [0.07, 0.1, 0.3, 1 / 3, 0.999_999, 1.0, 1e-300]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("rule", ["prune_ratio", "prune_mass"])
@pytest.mark.parametrize("shape", [(4, 9_001), (8, 1), (7, 300)])
def test_kernels_keep_the_part_that_a_cpu_keeps(device, shape, rule, part):
    assert_same_as_on_a_cpu(weights_with_ties(*shape, 100).to(device), 100, **{rule: part})


@pytest.mark.parametrize("least", [1, 2, 5, 12, 500, 2**31 - 1])
def test_kernels_keep_the_impacts_that_a_cpu_keeps(device, least):
    assert_same_as_on_a_cpu(weights_with_ties(8, 5_000, 100).to(device), 100, min_impact=least)


def test_kernels_keep_what_a_cpu_keeps_by_several_rules(device):
    chosen = random.Random(7)
    for seed in range(30):
        weights = weights_with_ties(chosen.choice((4, 7)), chosen.choice((1, 40, 4_100)), 100, seed).to(device)
        assert_same_as_on_a_cpu(weights, 100, **random_rules(chosen))


@pytest.mark.parametrize("rules", [{"prune_ratio": 1.0}, {"prune_mass": 1.0}, {"prune_mass": 0.7, "prune_ratio": 0.5}])
def test_kernels_prune_the_largest_impacts_exactly(device, rules):
    heavy = [2.0**23 - 0.5, 2.0**24 + 2, 2.0**31 - 256, 2.0**31 - 128, 2.0**31 - 128, 2.0**30, 1.0]
    assert_same_as_on_a_cpu(torch.tensor([heavy, heavy[::-1]], device=device), 1, **rules)


@pytest.mark.parametrize("rules", [{"prune_ratio": 0.5}, {"prune_mass": 0.5}, {"min_impact": 3}])
@pytest.mark.parametrize("wrong", ["nan", "inf", 2.0**31])
def test_kernels_refuse_what_a_cpu_refuses_whatever_they_prune(device, wrong, rules):
    weights = weights_with_ties(3, 5_000, 1)
    weights[2, 4_500] = float(wrong)
    with pytest.raises(SpartonError) as expected:
        quantize_on_a_cpu(weights, 1, **rules)
    with pytest.raises(SpartonError) as found:
        quantize(weights.to(device), 1, Pruning(**rules))
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("applied", [(), ("top_terms", "prune_ratio"), ("prune_mass", "min_impact")])
def test_rules_that_the_kernels_lack_are_asked_of_all_terms(device, monkeypatch, applied):
    monkeypatch.setattr("sparton.pipeline.encoding.quantize_triton.APPLIED", frozenset(applied))
    assert_same_as_on_a_cpu(weights_with_ties(7, 300, 100).to(device), 100, 20, prune_ratio=0.2, prune_mass=0.8)


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_kernels_take_no_rows_and_no_terms(device, shape):
    assert_same_as_on_a_cpu(torch.zeros(shape, device=device), 100, 3)


@pytest.mark.parametrize("top_terms", [None, 3])
def test_kernels_take_any_strides(device, top_terms):
    weights = weights_with_ties(12, 5_001, 100).to(device)
    few = weights[:4]
    for strided in (weights[1::3], few[:, 1::2], weights[:, :8].T, few[3].expand(2, -1), few[:, 5:4_000]):
        assert_same_as_on_a_cpu(strided, 100, top_terms)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_kernels_take_any_floating_dtype(device, dtype):
    assert_same_as_on_a_cpu(torch.relu(torch.randn(3, 500)).to(device, dtype), 100, 20)


def test_kernels_take_weights_of_inference_mode(device):
    with torch.inference_mode():
        weights = torch.ones(2, 3, device=device)
    assert_same_as_on_a_cpu(weights, 100)


@pytest.mark.parametrize("top_terms", [None, 1])
def test_kernels_keep_the_largest_impacts_exact(device, top_terms):
    heavy = [2.0**23 - 0.5, 2.0**23, 2.0**24 - 1, 2.0**24 + 2, 2.0**31 - 256, 2.0**31 - 128]
    assert_same_as_on_a_cpu(torch.tensor([heavy, heavy[::-1]], device=device), 1, top_terms)


@pytest.mark.parametrize("top_terms", [None, 2])
@pytest.mark.parametrize(
    "wrong",
    [
        {(0, 0): "nan"},
        {(2, 9_000): "nan"},
        {(1, 4_096): "inf"},
        {(2, 8_999): 2.0**31},
        {(0, 3): "inf", (0, 4): "nan"},
        {(0, 4): "nan", (0, 4_100): "inf", (2, 0): 2.0**40},
    ],
)
def test_kernels_refuse_what_a_cpu_refuses(device, wrong, top_terms):
    weights = weights_with_ties(3, 9_001, 1)
    for position, weight in wrong.items():
        weights[position] = float(weight)
    with pytest.raises(SpartonError) as expected:
        quantize_on_a_cpu(weights, 1, top_terms)
    with pytest.raises(SpartonError) as found:
        quantize(weights.to(device), 1, Pruning(top_terms=top_terms))
    assert str(found.value) == str(expected.value)


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("top_terms", [None, 1, 3, 200])
@pytest.mark.parametrize("shape", [(1, 30_522), (257, 30_522), (3, 250_002)])
def test_gpu_kernels_give_the_impacts_of_a_cpu(shape, top_terms):
    assert_same_as_on_a_cpu(weights_with_ties(*shape, 100, seed=1).cuda(), 100, top_terms)


@pytest.mark.gpu
@on_gpu
def test_gpu_kernels_prune_as_a_cpu():
    chosen = random.Random(11)
    for seed in range(60):
        shape = chosen.choice(((257, 30_522), (3, 250_002), (64, 5_000)))
        weights = weights_with_ties(*shape, 100, seed).cuda()
        assert_same_as_on_a_cpu(weights, 100, **random_rules(chosen))


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("top_terms", [None, 3])
def test_gpu_kernels_reach_every_weight_when_there_are_more_than_two_to_the_31(top_terms):
    count, terms = 8_600, 250_002
    rows = [0, 4_300, count - 1]
    chosen = weights_with_ties(4, terms, 100)[1:]
    weights = torch.zeros(count, terms, device="cuda")
    for row, values in zip(rows, chosen, strict=True):
        weights[row] = values
    found, expected = (
        quantize(weights, 100, Pruning(top_terms=top_terms)),
        quantize(chosen, 100, Pruning(top_terms=top_terms)),
    )
    assert np.flatnonzero(np.diff(found.offsets)).tolist() == rows
    np.testing.assert_array_equal(np.diff(found.offsets)[rows], np.diff(expected.offsets))
    np.testing.assert_array_equal(found.terms, expected.terms)
    np.testing.assert_array_equal(found.values, expected.values)


@pytest.mark.gpu
@on_gpu
def test_gpu_kernels_reach_every_weight_of_a_row_with_a_large_stride():
    weights = torch.zeros(250_002, 8_600, device="cuda").T
    weights[-1, -1] = 3
    assert rows_of(quantize(weights, 100))[-1] == {250_001: 300}


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("top_terms", [None, 100])
def test_gpu_kernels_need_no_memory_beyond_their_result(top_terms):
    weights = weights_with_ties(512, 30_522, 100).cuda()
    quantize(weights, 100, Pruning(top_terms=top_terms))
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_stats()["requested_bytes.all.current"]
    found = quantize(weights, 100, Pruning(top_terms=top_terms))
    extra = torch.cuda.memory_stats()["requested_bytes.all.peak"] - before
    result = found.offsets.nbytes + found.terms.nbytes + found.values.nbytes
    assert result <= extra <= result + 2**20


@pytest.mark.gpu
@on_gpu
def test_gpu_kernels_leave_their_result_in_pinned_memory():
    found = quantize(weights_with_ties(5, 30_522, 100).cuda(), 100)
    for array in (found.offsets, found.terms, found.values):
        assert torch.from_numpy(array).is_pinned()


@pytest.mark.gpu
@on_gpu
def test_gpu_kernels_have_the_host_wait_for_two_numbers_and_the_result():
    weights = weights_with_ties(257, 30_522, 100).cuda()
    quantize(weights, 100, Pruning(top_terms=3))
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            quantize(weights, 100, Pruning(top_terms=3))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    # Whether a wait for an event is among the warnings depends on the version of PyTorch.
    assert sum("synchroniz" in str(warning.message) for warning in caught) <= 2


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA GPUs")
def test_gpu_kernels_run_where_the_weights_are():
    assert_same_as_on_a_cpu(weights_with_ties(5, 30_522, 100).to("cuda:1"), 100, 3)


def random_rules(chosen):
    """Bounds for some of the rules, of which many are met exactly."""
    every = {
        "top_terms": chosen.choice((1, 2, 5, 50)),
        "prune_ratio": chosen.choice((chosen.random(), chosen.randrange(1, 11) / 10, 1.0)),
        "prune_mass": chosen.choice((1 - chosen.random(), chosen.randrange(1, 11) / 10)),
        "min_impact": chosen.choice((1, 2, 5, 10, 1_000)),
    }
    return {name: every[name] for name in chosen.sample(sorted(every), chosen.randrange(5))}


def pruned_in_plain_python(row, top_terms=None, prune_ratio=None, prune_mass=None, min_impact=None):
    """The definition, in whole numbers and fractions: the rules are asked of {term: impact} as the model gave it."""
    order = sorted(row, key=lambda term: (-row[term], term))
    kept = set(order[:top_terms])
    if prune_ratio is not None:
        kept &= {term for term in row if Fraction(row[term], max(row.values())) >= Fraction(str(prune_ratio))}
    if prune_mass is not None:
        heavier, total = 0, sum(row.values())
        for term in order:
            if Fraction(heavier, total) >= Fraction(str(prune_mass)):
                kept.discard(term)
            heavier += row[term]
    return {term: row[term] for term in sorted(kept) if row[term] >= (min_impact or 1)}


def random_row(chosen):
    """A text's impacts: none, one, or some, of which many are equal."""
    largest = chosen.choice((1, 3, 10, 100, 1_000, 2**31 - 1))
    terms = chosen.sample(range(40), chosen.choice((0, 1, 2, 7, 40)))
    return {term: chosen.randrange(1, largest + 1) for term in sorted(terms)}


@pytest.mark.slow
def test_pruned_impacts_are_those_of_plain_python():
    chosen = random.Random(1)
    for _ in range(300):
        rows, rules = [random_row(chosen) for _ in range(12)], random_rules(chosen)
        impacts = as_rows(*((list(row), list(row.values())) for row in rows))
        pruned = Pruning(**rules).prune(impacts)
        assert rows_of(pruned) == [pruned_in_plain_python(row, **rules) for row in rows], rules
        assert (pruned.offsets.dtype, pruned.terms.dtype, pruned.values.dtype) == (np.int64, np.int32, np.int32)


def test_a_term_at_the_bound_is_kept():
    hundred = as_rows(([0, 1, 2], [7, 6, 100]))  # 0.07 * 100 is 7.000000000000001
    assert rows_of(Pruning(prune_ratio=0.07).prune(hundred)) == [{0: 7, 2: 100}]
    assert rows_of(Pruning(prune_mass=0.7).prune(as_rows(([3, 4, 5], [40, 30, 30])))) == [{3: 40, 4: 30}]
    assert rows_of(Pruning(min_impact=7).prune(hundred)) == [{0: 7, 2: 100}]


def test_the_least_part_of_a_whole_is_the_one_that_division_says():
    chosen = random.Random(3)
    for part in (1e-300, 0.07, 0.1, 0.29, 1 / 3, 0.7, 1 - 2**-53, 1.0):
        wholes = [1, 2, 3, 10, 29, 100, 700, 2**31 - 1, 2**49, *(chosen.randrange(1, 2**49) for _ in range(200))]
        found = least_part(np.array(wholes, np.int64), part).tolist()
        assert all(
            least / whole >= part and (least - 1) / whole < part for least, whole in zip(found, wholes, strict=True)
        )


def test_rules_that_drop_nothing_leave_impacts_alone():
    impacts = as_rows(([1, 2], [9, 3]), ([], []), ([0], [5]))
    for rules in ({}, {"top_terms": 2}, {"prune_ratio": 0.3}, {"prune_mass": 1.0}, {"min_impact": 3}):
        assert Pruning(**rules).prune(impacts) is impacts
    assert rows_of(Pruning(min_impact=10).prune(impacts)) == [{}, {}, {}]
    known = Impacts(impacts.offsets, impacts.terms, impacts.values, "abc")
    assert Pruning(top_terms=1).prune(known).to_dicts() == [{"b": 9}, {}, {"a": 5}]


def test_a_weight_that_is_rounded_to_zero_is_no_term_of_any_rule():
    weights = torch.tensor([[0.004, 0.004, 0.02, 0.04]])
    assert rows_of(quantize(weights, 100, Pruning(prune_mass=1.0))) == [{2: 2, 3: 4}]
    assert rows_of(quantize(weights, 100, Pruning(prune_mass=0.5))) == [{3: 4}]
    assert rows_of(quantize(weights, 100, Pruning(prune_ratio=1e-9))) == [{2: 2, 3: 4}]


def test_each_rule_has_its_function():
    assert set(RULES) == Pruning(1, 1.0, 1.0, 1).rules
    assert Pruning(prune_ratio=0.5, min_impact=2).rules == {"prune_ratio", "min_impact"}


@pytest.mark.parametrize(
    ("asked", "own", "kept"), [(None, None, None), (7, None, 7), (None, 9, 9), (7, 9, 7), (9, 7, 7)]
)
def test_of_what_is_asked_for_and_what_the_model_keeps_the_fewest_terms_are_kept(asked, own, kept):
    spec = EncoderSpec("masked_lm", "sha256:" + "0" * 64, 512, "float32", "max", "log1p_relu", top_terms=own)
    assert pruning_for(EncoderOptions(top_terms=asked), spec) == Pruning(top_terms=kept)


@pytest.mark.parametrize(
    ("asked", "own", "kept"),
    [(None, None, None), (0.2, None, 0.2), (None, 0.1, 0.1), (0.2, 0.1, 0.2), (0.0, 0.1, None)],
)
def test_the_ratio_that_is_asked_for_goes_before_the_models(asked, own, kept):
    spec = EncoderSpec("masked_lm", "sha256:" + "0" * 64, 512, "float32", "max", "log1p_relu", prune_ratio=own)
    options = EncoderOptions(prune_ratio=asked, prune_mass=0.9, min_impact=4)
    assert pruning_for(options, spec) == Pruning(None, kept, 0.9, 4)


def as_rows(*rows):
    return from_rows([(np.array(terms, np.int32), np.array(values, np.int32)) for terms, values in rows])


SMALL = as_rows(([1, 4], [3, 70_000]), ([], []), ([0, 1, 5], [9, 9, 60_000]))
DENSE = [[0, 3, 0, 0, 70_000, 0, 0], [0] * 7, [9, 9, 0, 0, 0, 60_000, 0]]


def test_a_matrix_of_scipy_holds_the_same_impacts_and_scores_that_do_not_overflow():
    matrix = SMALL.to_scipy(7)
    assert (type(matrix).__name__, matrix.shape, matrix.dtype) == ("csr_matrix", (3, 7), np.int64)
    assert matrix.has_canonical_format
    assert matrix.toarray().tolist() == DENSE
    assert (matrix @ matrix.T).toarray().tolist() == (np.array(DENSE) @ np.array(DENSE).T).tolist()
    assert (matrix @ matrix.T)[0, 0] == 9 + 70_000**2  # more than 32 bits


def test_a_tensor_of_torch_holds_the_same_impacts():
    tensor = SMALL.to_torch(7)
    assert (tensor.layout, tensor.dtype, tensor.is_coalesced()) == (torch.sparse_coo, torch.float32, True)
    assert tensor.to_dense().tolist() == DENSE
    scores = tensor.double() @ tensor.to_dense().double().T
    assert scores.tolist() == (np.array(DENSE) @ np.array(DENSE).T).tolist()


def test_dicts_hold_the_same_impacts_heaviest_first():
    dicts = SMALL.to_dicts("abcdef")
    assert [list(row.items()) for row in dicts] == [
        [("e", 70_000), ("b", 3)],
        [],
        [("f", 60_000), ("a", 9), ("b", 9)],
    ]


def test_no_text_is_no_row():
    none = as_rows()
    assert none.to_scipy(7).shape == (0, 7)
    assert tuple(none.to_torch(7).shape) == (0, 7)
    assert none.to_dicts([]) == []
    assert as_rows(([], [])).to_dicts([]) == [{}]


def test_a_vocabulary_that_is_known_need_not_be_passed():
    known = Impacts(SMALL.offsets, SMALL.terms, SMALL.values, "abcdefg")
    assert known.to_dicts() == SMALL.to_dicts("abcdefg")
    assert known.to_scipy().shape == tuple(known.to_torch().shape) == (3, 7)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: SMALL.to_scipy(), "these impacts do not know their vocabulary; pass width, the number of its terms"),
        (lambda: SMALL.to_torch(), "these impacts do not know their vocabulary; pass width, the number of its terms"),
        (lambda: SMALL.to_dicts(), "these impacts do not know their vocabulary; pass vocabulary, the term of each id"),
        (lambda: SMALL.to_scipy(5), "width is 5; expected at least 6, for these impacts have terms up to 5"),
        (lambda: SMALL.to_torch(5), "width is 5; expected at least 6, for these impacts have terms up to 5"),
        (
            lambda: SMALL.to_dicts("abc"),
            "vocabulary has 3 terms; expected at least 6, for these impacts have terms up to 5",
        ),
    ],
)
def test_what_is_not_known_is_said(call, sentence):
    with pytest.raises(UsageError) as caught:
        call()
    assert str(caught.value) == sentence


def test_impacts_are_shown_on_one_line():
    assert repr(SMALL) == "<Impacts of 3 texts, 5 in all>"
