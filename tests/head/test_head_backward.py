"""The head's gradients: in PyTorch, by the Triton kernels interpreted on the CPU, and on a GPU."""

from functools import partial

import pytest
import torch
from support.head_inputs import MASKS, SMALL, clear_maxima, make_inputs, make_packed
from support.triton_devices import DEVICES, on_gpu

from sparton.head import SpartonHead, splade_head
from sparton.head.autograd import differentiable_maxima
from sparton.head.inputs import check_inputs

PACKED = [[3, 1, 9, 200], [0, 4, 0, 0, 7, 0], [5]]
# For the kernels interpreted, which take milliseconds a position: more terms than a tile has, more columns than a
# program takes, more pairs than are added up at once.
TILED = [*SMALL[:2], (2, 17, 128, 257), (1, 67, 64, 130), (2, 33, 100, 260), (2, 9, 384, 150)]
# As in test_head_kernels.py; batches small enough for eager PyTorch to hold all logits.
LARGE = [
    (1, 1, 64, 1),
    (257, 1, 768, 30_522),
    (3, 15, 100, 97),
    (1, 15, 768, 250_002),
    (3, 17, 128, 30_522),
    (257, 17, 1024, 97),
    (3, 129, 384, 30_522),
    (150, 40, 72, 30_522),
    (3, 513, 768, 30_522),
    (60, 513, 128, 1),
    (2, 513, 768, 250_002),
]


def gradients(arguments, upstream, impl, dtype=None, **more):
    """Gradients of hidden, weight and bias, in float64, for dL/dy = upstream; computed in `dtype`, or as given."""
    hidden, weight, bias, mask = arguments
    tensors = (hidden, weight, bias)
    leaves = [None if t is None else t.detach().to(dtype or t.dtype).requires_grad_() for t in tensors]
    result = splade_head(*leaves, mask, impl=impl, **more)
    result.backward(upstream.to(result.dtype))
    return [None if leaf is None else leaf.grad.double() for leaf in leaves]


def relative(found, truth):
    """The error's norm over the truth's."""
    return float((found - truth).norm() / truth.norm()) if truth.any() else float(found.norm())


def check(arguments, impl, upstream=None, near=1e-5, **more):
    """Gradients against float64 autograd of the definition, where that knows a single answer.

    Neither eager's in the same dtype may be nearer nor, but for 1e-6, the definition's own when it is rounded.
    Where two logits are as near as the forward may round, or one is that near to 0, nothing arrives: which of two
    positions gets such a gradient is chance, eager's as ours, and a few of them outweigh all other rounding.
    """
    hidden, weight, bias, mask = arguments
    clear = clear_maxima(check_inputs(hidden, weight, bias, mask, more.get("cu_seqlens")), near)
    if upstream is None:
        upstream = torch.randn(clear.shape, generator=torch.Generator().manual_seed(1)).to(hidden.device)
    upstream = upstream * clear
    truth = gradients(arguments, upstream, "reference", torch.float64, **more)
    eager = gradients(arguments, upstream, "reference", **more)
    ours = gradients(arguments, upstream, impl, **more)
    for name, true, plain, found in zip(("hidden", "weight", "bias"), truth, eager, ours, strict=True):
        if true is not None:
            rounded = true.to(hidden.dtype).double()
            assert relative(found, true) <= max(relative(plain, true), relative(rounded, true)) + 1e-6, name


@pytest.fixture(params=DEVICES)
def device(request):
    """Where the kernels run."""
    return request.param


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("shape", SMALL)
def test_gradients_are_those_of_the_definition(shape, mask):
    check(make_inputs(*shape, mask), "torch")


@pytest.mark.parametrize("lengths", PACKED)
def test_gradients_of_packed_documents(lengths):
    *arguments, cu_seqlens = make_packed(lengths, 32, 700, before=2, after=3)
    check((*arguments, None), "torch", cu_seqlens=cu_seqlens)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_gradients_in_half_precision(dtype):
    # In PyTorch a tile of logits is rounded before its maxima are found, as eager's are.
    check(make_inputs(3, 20, 64, 700, "holes", dtype), "torch", near=4 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("mask", ["none", "holes", "one row of zeros"])
def test_gradcheck(mask):
    hidden, weight, bias, attention_mask = make_inputs(2, 5, 6, 9, mask, torch.float64)
    leaves = [tensor.requires_grad_() for tensor in (hidden, weight, bias)]

    def head(*tensors):
        return differentiable_maxima(check_inputs(*tensors, attention_mask, None), triton=False)

    assert torch.autograd.gradcheck(head, leaves)


def test_gradcheck_of_packed_documents():
    *leaves, cu_seqlens = make_packed([3, 0, 4], 6, 9, torch.float64, before=1, after=2)

    def head(*tensors):
        return differentiable_maxima(check_inputs(*tensors, None, cu_seqlens), triton=False)

    assert torch.autograd.gradcheck(head, [leaf.requires_grad_() for leaf in leaves])


def test_there_is_no_second_derivative():
    leaves = [tensor.requires_grad_() for tensor in make_inputs(2, 5, 6, 9, "none")[:3]]
    (first,) = torch.autograd.grad(splade_head(*leaves).square().sum(), leaves[:1], create_graph=True)
    with pytest.raises(RuntimeError):
        first.sum().backward()


@pytest.mark.parametrize("frozen", [{0}, {1}, {2}, {0, 1}, {1, 2}])
def test_what_is_frozen_gets_no_gradient(frozen):
    *tensors, mask = make_inputs(2, 5, 6, 9, "right")
    expected = [tensor.clone().requires_grad_() for tensor in tensors]
    splade_head(*expected, mask).square().sum().backward()
    leaves = [tensor.clone().requires_grad_(index not in frozen) for index, tensor in enumerate(tensors)]
    splade_head(*leaves, mask).square().sum().backward()
    for index, (leaf, other) in enumerate(zip(leaves, expected, strict=True)):
        assert leaf.grad is None if index in frozen else torch.equal(leaf.grad, other.grad)


def test_a_second_logarithm_has_the_gradients_of_the_definition():
    check(make_inputs(3, 20, 16, 700, "holes"), "torch", activation="log1p_log1p_relu")


def check_ties(device, impl):
    """Of equal positions one gets all of the gradient, so that over positions it adds up to the definition's."""
    hidden, weight, bias, mask = make_inputs(3, 20, 16, 90, "right", torch.float16, device)
    hidden[:] = hidden[:, :1]
    upstream = torch.ones(3, 90, device=device)
    found, d_weight, d_bias = gradients((hidden, weight, bias, mask), upstream, impl)
    true, *others = gradients((hidden, weight, bias, mask), upstream, "reference", torch.float64)
    torch.testing.assert_close(found.sum(dim=1), true.sum(dim=1), atol=2e-2, rtol=1e-2)
    torch.testing.assert_close([d_weight, d_bias], others, atol=2e-2, rtol=1e-2)
    assert (found[mask == 0] == 0).all()


def check_zeros(device, impl):
    """No gradient where there is none to pass on: nothing arrives, or every weight is 0."""
    hidden, weight, bias, mask = make_inputs(3, 20, 16, 90, "right", torch.float16, device)
    nothing = torch.zeros(3, 90, device=device)
    for found in gradients((hidden, weight, bias, mask), nothing, impl):
        assert not found.any()
    for found in gradients((hidden, weight, bias - 1000, mask), nothing + 1, impl):
        assert not found.any()


def check_sparse(device, impl, dtype, vocabulary=900):
    """A gradient of a few terms: most tiles and lists are empty."""
    arguments = make_inputs(4, 30, 64, vocabulary, "right", dtype, device)
    upstream = torch.randn(4, vocabulary, generator=torch.Generator().manual_seed(3))
    upstream[:, torch.arange(vocabulary) % 67 != 0] = 0
    check(arguments, impl, upstream.to(device))


def check_nan(device, impl):
    """A gradient that is not finite is passed on, so that whoever scales the loss sees it."""
    hidden, weight, bias, mask = make_inputs(3, 20, 16, 90, "right", torch.float16, device)
    upstream = torch.ones(3, 90, device=device)
    upstream[1, (splade_head(hidden, weight, bias, mask)[1] > 0).nonzero()[0]] = float("nan")
    for found in gradients((hidden, weight, bias, mask), upstream, impl):
        assert found.isnan().any()


def check_nan_hidden(device, impl):
    """A document that is not finite has positions within itself, and changes no other document's gradient."""
    hidden, weight, bias, mask = make_inputs(3, 20, 16, 90, "right", torch.float16, device)
    upstream = torch.ones(3, 90, device=device)
    expected = gradients((hidden, weight, bias, mask), upstream, impl)[0]
    broken = hidden.clone()
    broken[2] = float("nan")
    _, positions = torch.ops.sparton.head(broken, weight, bias, mask.bool(), None, impl == "triton")
    assert 0 <= int(positions.min()) <= int(positions.max()) < 20
    assert torch.equal(gradients((broken, weight, bias, mask), upstream, impl)[0][:2], expected[:2])


def test_ties():
    check_ties("cpu", "torch")


def test_nothing_to_pass_on():
    check_zeros("cpu", "torch")


def test_sparse_gradients():
    check_sparse("cpu", "torch", torch.float32)


def test_gradients_that_are_not_finite():
    check_nan("cpu", "torch")
    check_nan_hidden("cpu", "torch")


def test_autocast_rounds_no_gradient_of_a_float32_weight():
    hidden, weight, bias, mask = make_inputs(3, 20, 64, 700, "right")
    rounded = [tensor.bfloat16().float() for tensor in (hidden, weight, bias)]
    leaves = [tensor.clone().requires_grad_() for tensor in rounded]
    upstream = torch.randn(3, 700)
    with torch.autocast("cpu", torch.bfloat16):
        result = splade_head(*leaves, mask)
    assert result.dtype == torch.float32
    result.backward(upstream)
    assert {leaf.grad.dtype for leaf in leaves} == {torch.float32}
    # Not bfloat16 numbers in disguise.
    assert not torch.equal(leaves[1].grad, leaves[1].grad.bfloat16().float())
    same = [tensor.bfloat16().requires_grad_() for tensor in rounded]
    splade_head(*same, mask).backward(upstream)
    assert torch.equal(leaves[1].grad.bfloat16(), same[1].grad)
    assert torch.equal(leaves[0].grad.bfloat16(), same[0].grad)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert torch.equal(splade_head(*leaves, mask), result)


@pytest.mark.slow
def test_gradients_may_be_scaled_checkpointed_and_compiled():
    from torch import nn
    from torch.utils.checkpoint import checkpoint

    torch.manual_seed(0)
    body, head = nn.Linear(8, 16), SpartonHead(700, 16)
    # Re-entrant checkpoints only see what requires a gradient among their arguments.
    hidden, mask = torch.randn(3, 20, 8, requires_grad=True), torch.ones(3, 20)

    def step(run, scale=1.0):
        for module in (body, head):
            module.zero_grad()
        (run(hidden, mask).square().mean() * scale).backward()
        return [p.grad.clone() / scale for module in (body, head) for p in module.parameters()]

    def model(hidden, mask):
        return head(body(hidden), mask)

    expected = step(model)
    torch.testing.assert_close(step(model, 2.0**16), expected)
    for reentrant in (False, True):
        found = step(partial(checkpoint, model, use_reentrant=reentrant))
        torch.testing.assert_close(found, expected)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(step(compiled), expected)


@pytest.mark.parametrize("mask", ["none", "holes", "one row of zeros"])
@pytest.mark.parametrize("shape", TILED)
def test_kernels_have_the_gradients_of_the_definition(device, shape, mask):
    check(make_inputs(*shape, mask, device=device), "triton")


@pytest.mark.parametrize("lengths", [[3, 1, 9, 70], *PACKED[1:]])
def test_kernels_take_packed_documents(device, lengths):
    *arguments, cu_seqlens = make_packed(lengths, 64, 150, device=device, before=2, after=3)
    check((*arguments, None), "triton", cu_seqlens=cu_seqlens)


@pytest.mark.parametrize("check_case", [check_ties, check_zeros, check_nan, check_nan_hidden])
def test_kernels_in_special_cases(device, check_case):
    check_case(device, "triton")


def test_kernels_skip_what_is_zero(device):
    check_sparse(device, "triton", torch.float32, vocabulary=300)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("chunk", [16, 32, 40])
def test_kernels_join_long_lists(device, chunk, packed, monkeypatch):
    """Lists of every length around the chunk's, some of many chunks, some ending where a chunk does."""
    from sparton.head import triton_grad_hidden as hidden_gradient

    lengths = [0, 1, chunk - 1, chunk, chunk + 1, 0, 2 * chunk, 2 * chunk + 1, 15, 17, 5 * chunk + 3, 0]
    vocabulary, generator = sum(lengths) + 20, torch.Generator().manual_seed(chunk)
    monkeypatch.setattr(hidden_gradient, "CHUNK", chunk)
    monkeypatch.setattr(hidden_gradient, "PAIRS", 2 * vocabulary + 7)  # of three documents the last is on its own
    # The pairs of each list in any order, and some that have no gradient.
    rows = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    positions, weights = torch.zeros(3, vocabulary), torch.zeros(3, vocabulary)
    for document in range(3):
        terms = torch.randperm(vocabulary, generator=generator)[: len(rows)]
        positions[document, terms] = rows.roll(7 * document).float()
        weights[document, terms] = torch.rand(len(rows), generator=generator) + 0.1
    grad, embeddings = torch.randn(3, vocabulary, generator=generator), torch.randn(vocabulary, 64, generator=generator)
    length = 0 if packed else len(lengths)
    owned = positions.long() + torch.arange(3)[:, None] * len(lengths)
    shape = torch.Size((3 * len(lengths), 64))
    found = hidden_gradient.hidden_gradient(
        *(tensor.to(device) for tensor in (grad, weights, (owned if packed else positions).int(), embeddings)),
        shape,
        length,
    )
    each = torch.where(weights > 0, grad.double() * torch.exp(-weights.double()), 0)[:, :, None] * embeddings.double()
    truth = torch.zeros(shape, dtype=torch.float64).index_add_(0, owned.flatten(), each.flatten(0, 1))
    assert relative(found.cpu().double(), truth) < 1e-6


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("mask", ["none", "right", "holes", "one row of zeros", "zeros"])
@pytest.mark.parametrize("shape", LARGE)
def test_gpu_gradients_are_those_of_the_definition(shape, mask, dtype):
    check(make_inputs(*shape, mask, dtype, "cuda"), "triton")


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("lengths", [[10, 1, 289, 1, 511, 288, 400], [7] * 300, [0, 0, 3, 0, 1, 0], [64] * 64])
def test_gpu_gradients_of_packed_documents(lengths, dtype):
    *arguments, cu_seqlens = make_packed(lengths, 128, 1030, dtype, "cuda", before=3, after=40)
    check((*arguments, None), "triton", cu_seqlens=cu_seqlens)


@pytest.mark.gpu
@on_gpu
def test_gpu_special_cases_in_half_precision():
    check_sparse("cuda", "triton", torch.bfloat16)
    for case in (check_ties, check_zeros, check_nan, check_nan_hidden):
        case("cuda", "triton")


@pytest.mark.gpu
@on_gpu
def test_gpu_gradients_are_the_same_twice():
    arguments = make_inputs(40, 200, 256, 5_000, "holes", torch.bfloat16, "cuda")
    upstream = torch.randn(40, 5_000, device="cuda")
    runs = [gradients(arguments, upstream, "triton") for _ in range(3)]
    for run in runs[1:]:
        assert all(torch.equal(found, first) for found, first in zip(run, runs[0], strict=True))


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("shape", [(32, 512, 768, 30_522), (32, 256, 768, 250_002)])
def test_gpu_training_needs_a_fraction_of_the_logits(shape):
    batch, length, width, vocabulary = shape
    hidden = torch.randn(batch, length, width, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    weight = torch.randn(vocabulary, width, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    upstream = torch.randn(batch, vocabulary, device="cuda")
    splade_head(hidden, weight, impl="triton").backward(upstream)
    hidden.grad = weight.grad = None
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    splade_head(hidden, weight, impl="triton").backward(upstream)
    extra = torch.cuda.max_memory_allocated() - before - hidden.nbytes - weight.nbytes
    # Eager holds these logits several times.
    assert extra <= batch * length * vocabulary * 2 / 10


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_gpu_autocast_with_a_float32_weight(dtype):
    hidden, weight, bias, mask = make_inputs(5, 60, 64, 700, "right", torch.float32, "cuda")
    leaves = [tensor.to(dtype).float().requires_grad_() for tensor in (hidden, weight, bias)]
    upstream = torch.randn(5, 700, device="cuda")
    with torch.autocast("cuda", dtype):
        result = splade_head(*leaves, mask, impl="triton")
    result.backward(upstream)
    found = [leaf.grad.double() for leaf in leaves]
    # The same product and positions, the gradients in float64: what is left is the rounding of hidden's gradient.
    true = gradients((*leaves, mask), upstream, "reference", torch.float64)
    assert relative(found[1], true[1]) < 1e-2
    assert not torch.equal(leaves[1].grad, leaves[1].grad.to(dtype).float())
