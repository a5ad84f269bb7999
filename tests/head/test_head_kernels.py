"""The Triton kernels of the fused head: interpreted on the CPU, and on a GPU."""

import pytest
import torch
from support.head_inputs import (
    MASKS,
    TILED,
    assert_no_worse_than_pytorch,
    assert_positions_of_maxima,
    make_inputs,
    make_packed,
)
from support.triton_devices import DEVICES, on_gpu

from sparton.head import splade_head
from sparton.head.inputs import check_inputs

pytest.importorskip("triton")

# Each of the lengths 1, 15, 17, 127, 129, 513, vocabularies 1, 97, 30,522, 250,002, widths 64, 100, 128, 384, 768,
# 1,024 and batches 1, 3, 257, and enough tokens for every class of shape.
LARGE = [
    (1, 1, 64, 1),
    (257, 1, 768, 30_522),
    (3, 15, 100, 97),
    (1, 15, 768, 250_002),
    (3, 17, 128, 30_522),
    (257, 17, 1024, 97),
    (257, 127, 64, 97),
    (3, 127, 72, 30_522),
    (3, 129, 384, 30_522),
    (1, 129, 100, 250_002),
    (3, 513, 768, 30_522),
    (257, 513, 128, 1),
    (1, 513, 1024, 250_002),
]
PACKED = [[10, 1, 289, 1, 511, 288, 400], [7] * 300, [0, 0, 3, 0, 1, 0], [0] * 300 + [700], [64] * 64, [1]]
HALVES = [torch.bfloat16, torch.float16]


@pytest.fixture(params=DEVICES)
def device(request):
    """Where the kernels run."""
    return request.param


@pytest.fixture(autouse=True)
def no_fallback():
    """The Hopper kernel, where it is taken, must not have failed: the portable one would take over."""
    from sparton.head import triton_head

    yield
    assert triton_head._hopper_failure is None


def check(arguments, cu_seqlens=None):
    """Weights, and weights with positions, against the truth."""
    from sparton.head.triton_head import triton_head

    inputs = check_inputs(*arguments, cu_seqlens)
    assert_no_worse_than_pytorch(splade_head(*arguments, cu_seqlens=cu_seqlens, impl="triton"), inputs)
    if inputs.vocabulary < 100_000:
        weights, positions = triton_head(inputs, with_positions=True)
        assert_no_worse_than_pytorch(weights, inputs)
        assert_positions_of_maxima(weights, positions, inputs)


@pytest.mark.parametrize("mask", ["none", "holes", "one row of zeros"])
@pytest.mark.parametrize("shape", TILED)
def test_kernel_matches_the_definition(device, shape, mask):
    check(make_inputs(*shape, mask, device=device))


@pytest.mark.parametrize("lengths", [[3, 1, 9, 70], [0, 4, 0, 0, 7, 0]])
def test_kernel_takes_packed_documents(device, lengths):
    *arguments, cu_seqlens = make_packed(lengths, 64, 150, device=device, before=2, after=3)
    check((*arguments, None), cu_seqlens)


def test_kernel_in_half_precision(device):
    # Not bfloat16, whose bit patterns the interpreter of Triton 3.7 multiplies as integers; the tests below have it.
    check(make_inputs(2, 20, 64, 150, "right", torch.float16, device))


def test_kernel_does_not_hide_nan(device):
    hidden, weight, bias, mask = make_inputs(2, 40, 64, 150, "right", torch.float16, device)
    hidden[1, 0, 3] = float("nan")
    result = splade_head(hidden, weight, bias, mask, impl="triton")
    assert result[0].isfinite().all()
    assert not result[1].isfinite().any()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["weight", "bias"])
def test_kernel_passes_on_what_is_not_finite(device, where, value):
    hidden, weight, bias, mask = make_inputs(2, 40, 64, 150, "one row of zeros", torch.float32, device)
    {"weight": weight[7], "bias": bias}[where][7 if where == "bias" else slice(None)] = value
    result = splade_head(hidden, weight, bias, mask, impl="triton")
    assert (result[0] == 0).all()
    assert not result[1, 7].isfinite()
    others = torch.arange(150) != 7
    assert result[1, others].isfinite().all()


def test_kernel_gives_the_last_of_equal_positions(device):
    from sparton.head.triton_head import triton_head

    hidden, weight, _, mask = make_inputs(4, 40, 64, 150, "holes", torch.float16, device)
    # Whole numbers, whose sums are exact: some processors' libraries add up equal rows in different orders.
    hidden[:] = (4 * hidden[:, :1]).round()
    weight = (4 * weight).round()
    weights, positions = triton_head(check_inputs(hidden, weight, None, mask, None), with_positions=True)
    for document in range(4):
        last = document * 40 + mask[document].nonzero().max()
        assert (positions[document][weights[document] > 0] == last).all()


@pytest.mark.parametrize("stop", [70, 145])
def test_packed_documents_end_where_the_tokens_do(device, stop):
    hidden, weight, bias, _ = make_packed([100], 64, 150, torch.float16, device)
    cu_seqlens = torch.tensor([0, 99, 10, 99, stop, 99], device=device, dtype=torch.int32)[::2]
    expected = splade_head(hidden, weight, bias, cu_seqlens=torch.tensor([0, 10, min(stop, 100)]), impl="reference")
    result = splade_head(hidden, weight, bias, cu_seqlens=cu_seqlens, impl="triton")
    torch.testing.assert_close(result, expected, atol=1e-2, rtol=0)


def test_what_is_masked_may_be_anything(device):
    hidden, weight, bias, mask = make_inputs(3, 40, 64, 150, "holes", torch.float16, device)
    expected = splade_head(hidden, weight, bias, mask, impl="triton")
    spoiled = torch.where(mask[:, :, None] == 0, float("nan"), hidden)
    assert torch.equal(splade_head(spoiled, weight, bias, mask, impl="triton"), expected)


def test_kernel_takes_strided_inputs_and_no_bias(device):
    hidden, weight, _, mask = make_inputs(4, 33, 128, 300, "holes", torch.float16, device)
    expected = splade_head(hidden, weight, None, mask, impl="triton")
    assert_no_worse_than_pytorch(expected, check_inputs(hidden, weight, None, mask, None))
    strided = hidden.transpose(0, 1).contiguous().transpose(0, 1)
    assert torch.equal(splade_head(strided, weight.T.contiguous().T, None, mask, impl="triton"), expected)
    shifted = torch.cat([hidden, hidden], dim=2)[:, :, 1:129].clone(memory_format=torch.preserve_format)
    part = torch.cat([hidden[:, :, :1], shifted], dim=2)[:, :, 1:]
    assert torch.equal(
        splade_head(part, weight, None, mask, impl="triton"), splade_head(shifted, weight, None, mask, impl="triton")
    )


def test_no_documents_and_no_terms(device):
    hidden, weight, bias, _ = make_inputs(2, 40, 64, 150, "none", device=device)
    assert splade_head(hidden[:0], weight, bias, impl="triton").shape == (0, 150)
    assert splade_head(hidden, weight[:0], bias[:0], impl="triton").shape == (2, 0)


@pytest.mark.parametrize("mask", MASKS)
def test_plan_says_where_documents_lie(device, mask):
    """Every kept position has one slot of its document; each document's last slot is marked, and what is kept."""
    from sparton.head.hopper_plan import make_plan

    hidden, weight, bias, attention_mask = make_inputs(5, 50, 8, 3, mask, device=device)
    plan = make_plan(check_inputs(hidden, weight, bias, attention_mask, None))
    documents = plan.slot_document[:-1].cpu()
    slots = torch.arange(len(documents))
    assert len(documents) == plan.tiles * 256
    ends = bits(plan.tile_bits[:, :8])
    if plan.windows is None:
        assert documents[:250].tolist() == [row for row in range(5) for _ in range(50)]
        rows, kept = slots, documents < 5
    else:
        windows, runs = plan.windows.cpu(), plan.runs.cpu()
        rows = windows.repeat_interleave(8) + slots % 8
        kept = bits(plan.tile_bits[:, 8:16])
        follow = (windows.view(-1, 4).diff(dim=1) == 8).all(dim=1)
        assert torch.equal(runs, torch.where(follow, windows[::4], -1))
    expected = torch.ones(5, 50) if attention_mask is None else attention_mask.cpu()
    found = [
        (int(documents[slot]), int(rows[slot]) - int(documents[slot]) * 50) for slot in slots[kept & (documents < 5)]
    ]
    assert sorted(found) == [tuple(position) for position in expected.nonzero().tolist()]
    following = torch.cat([documents[1:], torch.tensor([5])])
    assert torch.equal(ends, documents != following)
    assert torch.equal(plan.tile_bits[:, 16].cpu(), documents[::256])
    skips = (documents != following) & (following != documents + 1)
    assert torch.equal(plan.tile_bits[:, 17].cpu() != 0, skips.view(-1, 256).any(dim=1))


@pytest.mark.parametrize("lengths", [[3, 0, 250, 0, 0, 7, 300], [0, 0], [256, 256], [1] * 40])
def test_plan_says_where_packed_documents_lie(device, lengths):
    from sparton.head.hopper_plan import make_plan

    hidden, weight, bias, cu_seqlens = make_packed(lengths, 8, 3, device=device, before=2, after=3)
    plan = make_plan(check_inputs(hidden, weight, bias, None, cu_seqlens))
    nobody = len(lengths)
    expected = torch.full((plan.tiles * 256 + 1,), nobody)
    for document, (start, stop) in enumerate(zip(cu_seqlens[:-1].tolist(), cu_seqlens[1:].tolist(), strict=True)):
        expected[start:stop] = document
    documents, following = expected[:-1], expected[1:]
    assert torch.equal(plan.slot_document[:-1].cpu(), documents)
    assert torch.equal(bits(plan.tile_bits[:, :8]), documents != following)
    assert torch.equal(plan.tile_bits[:, 16].cpu(), documents[::256])
    skips = (documents != following) & (following != documents + 1)
    assert torch.equal(plan.tile_bits[:, 17].cpu() != 0, skips.view(-1, 256).any(dim=1))


def bits(integers):
    """bool [slots] of int32 integers, the lowest bit first."""
    return (integers.cpu().reshape(-1, 1) >> torch.arange(32) & 1).bool().flatten()


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("dtype", [torch.float32, *HALVES])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("shape", LARGE)
def test_gpu_kernels_match_the_definition(shape, mask, dtype):
    check(make_inputs(*shape, mask, dtype, "cuda"))


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("dtype", [torch.float32, *HALVES])
@pytest.mark.parametrize("lengths", PACKED)
def test_gpu_kernels_take_packed_documents(lengths, dtype):
    *arguments, cu_seqlens = make_packed(lengths, 128, 1030, dtype, "cuda", before=3, after=40)
    check((*arguments, None), cu_seqlens)


@pytest.mark.gpu
@on_gpu
def test_gpu_kernels_give_the_same_twice():
    arguments = make_inputs(40, 200, 256, 5_000, "holes", torch.bfloat16, "cuda")
    assert torch.equal(splade_head(*arguments, impl="triton"), splade_head(*arguments, impl="triton"))


@pytest.mark.gpu
@on_gpu
def test_gpu_kernels_take_more_than_two_to_the_31_logits():
    hidden, weight, bias, mask = make_inputs(5, 1_800, 64, 250_002, "right", torch.bfloat16, "cuda")
    assert 5 * 1_800 * 250_002 > 2**31
    for attention_mask in (None, mask):
        check((hidden, weight, bias, attention_mask))


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("length", [1, 20])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_gpu_kernels_write_every_weight_when_there_are_more_than_two_to_the_31(dtype, length):
    batch, vocabulary = 8_600, 250_002
    hidden = torch.randn(batch, length, 16, device="cuda", dtype=dtype)
    weight = torch.randn(vocabulary, 16, device="cuda", dtype=dtype)
    poison = torch.full((batch, vocabulary), float("nan"), device="cuda")
    del poison
    result = splade_head(hidden, weight, impl="triton")
    assert_no_worse_than_pytorch(result, check_inputs(hidden, weight, None, None, None))
    assert all(part.isfinite().all() for part in result.split(1_000))


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("name", ["hopper", "portable"])
def test_gpu_candidates_of_autotuning_are_right(name):
    from sparton.head.autotune import CANDIDATES
    from sparton.head.triton_head import kernels_for, run_config

    *packed, cu_seqlens = make_packed([10, 1, 289, 0, 40], 16, 150, torch.bfloat16, "cuda")
    for inputs in (
        check_inputs(*make_inputs(3, 129, 72, 150, "holes", torch.bfloat16, "cuda"), None),
        check_inputs(*packed, None, cu_seqlens),
    ):
        if name not in kernels_for(inputs):
            pytest.skip("this GPU is none of that kernel's")
        for config in CANDIDATES[name]:
            weights, _ = run_config(inputs, config)
            assert_no_worse_than_pytorch(weights, inputs)


@pytest.mark.gpu
@on_gpu
def test_gpu_of_hopper_takes_the_hopper_kernel(monkeypatch):
    from sparton.head import hopper_head

    if torch.cuda.get_device_capability() != (9, 0):
        pytest.skip("not a Hopper GPU")
    ran = []
    launch = hopper_head.make_plan
    monkeypatch.setattr(hopper_head, "make_plan", lambda inputs: ran.append(1) or launch(inputs))
    for dtype in HALVES:
        splade_head(*make_inputs(3, 129, 64, 150, "right", dtype, "cuda"), impl="triton")
    assert len(ran) == 2


SPEED_SHAPES = [(64, 512, 768, 30_522), (256, 128, 768, 30_522), (32, 512, 768, 250_002), (16, 512, 1024, 151_936)]


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("shape", SPEED_SHAPES)
def test_gpu_kernels_need_16_mib_beyond_their_result(shape, masked):
    batch, length, width, vocabulary = shape
    hidden = torch.randn(batch, length, width, device="cuda", dtype=torch.bfloat16)
    weight = torch.randn(vocabulary, width, device="cuda", dtype=torch.bfloat16)
    mask = torch.ones(batch, length, device="cuda", dtype=torch.bool) if masked else None
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    result = splade_head(hidden, weight, attention_mask=mask, impl="triton")
    extra = torch.cuda.max_memory_allocated() - before - result.numel() * result.element_size()
    assert extra <= 16 * 2**20


@pytest.mark.gpu
@on_gpu
def test_gpu_batches_of_other_sizes_compile_nothing():
    from sparton.head import hopper_kernel, hopper_plan
    from sparton.head import triton_portable as portable_kernel

    kernels = [hopper_kernel.head_kernel, portable_kernel.head_kernel, hopper_plan._tiles_kernel]
    kernels += [hopper_plan._count_windows_kernel, hopper_plan._fill_windows_kernel]

    def compiled():
        return sum(len(kernel.device_caches[torch.cuda.current_device()][0]) for kernel in kernels)

    for dtype in (torch.bfloat16, torch.float32):
        splade_head(*make_inputs(8, 100, 64, 1030, "right", dtype, "cuda"), impl="triton")
        before = compiled()
        for batch, length in ((1, 90), (16, 128), (7, 255), (33, 97)):
            splade_head(*make_inputs(batch, length, 64, 1030, "right", dtype, "cuda"), impl="triton")
        assert compiled() == before
