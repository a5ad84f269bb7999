"""The head with a sum over positions, and with a second logarithm, against SpladePooling's definition in float64."""

import pytest
import torch
from support.head_inputs import MASKS, SMALL, make_inputs, make_packed
from torch.utils._python_dispatch import TorchDispatchMode

from sparton.head import ACTIVATIONS, splade_head

PAIRS = [("sum", "log1p_relu"), ("sum", "log1p_log1p_relu"), ("max", "log1p_log1p_relu")]


def truth(hidden, weight, bias, mask, pooling, activation):
    """Masked logits count as zeros, and zeros add nothing and are no maximum."""
    logits = hidden.double() @ weight.double().T + bias.double()
    if mask is not None:
        logits = logits * mask[:, :, None]
    weights = logits.relu().log1p()
    if activation == "log1p_log1p_relu":
        weights = weights.log1p()
    return (weights.sum(dim=1) if pooling == "sum" else weights.amax(dim=1)).float()


@pytest.mark.parametrize(("pooling", "activation"), PAIRS)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("shape", SMALL)
@pytest.mark.parametrize("impl", ["torch", "reference"])  # auto is the former here, and what packed ones take
def test_every_implementation_matches_the_definition(shape, mask, pooling, activation, impl):
    inputs = make_inputs(*shape, mask)
    found = splade_head(*inputs, impl=impl, pooling=pooling, activation=activation)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, truth(*inputs, pooling, activation), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("pooling", "activation"), PAIRS)
def test_packed_documents_give_what_each_gives_alone(pooling, activation):
    lengths = [3, 0, 9, 70]
    hidden, weight, bias, cu_seqlens = make_packed(lengths, 64, 700, before=2, after=3)
    how = {"pooling": pooling, "activation": activation}
    found = splade_head(hidden, weight, bias, cu_seqlens=cu_seqlens, **how)
    for row, start, stop in zip(found, cu_seqlens[:-1], cu_seqlens[1:], strict=True):
        alone = splade_head(hidden[None, start:stop], weight, bias, **how)[0] if start < stop else torch.zeros(700)
        torch.testing.assert_close(row, alone, atol=1e-5, rtol=1e-5)


def test_a_sum_in_half_precision_adds_up_in_float32():
    hidden, weight, bias, mask = make_inputs(2, 400, 64, 600, "holes", torch.bfloat16)
    found = splade_head(hidden, weight, bias, mask, pooling="sum")
    expected = truth(hidden, weight, bias, mask, "sum", "log1p_relu")
    # Each of some 200 logits is rounded to 8 bits; their errors differ in sign, and the sum loses nothing more.
    assert ((found - expected).abs() <= 0.01 * expected + 0.05).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_sum_has_gradients(activation):
    inputs = [tensor.double().requires_grad_() for tensor in make_inputs(2, 5, 6, 9, "none")[:3]]
    mask = torch.tensor([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1]])
    splade_head(*inputs, mask, pooling="sum", activation=activation).square().sum().backward()
    plain = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    truth(*plain, mask, "sum", activation).square().sum().backward()
    for found, expected in zip(inputs, plain, strict=True):
        torch.testing.assert_close(found.grad, expected.grad, atol=1e-5, rtol=1e-4)


class _Largest(TorchDispatchMode):
    """Notes the most elements of any tensor that is made."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.elements = max(self.elements, result.numel())
        return result


def test_a_sum_never_holds_the_logits():
    inputs = make_inputs(2, 60, 32, 20_000, "right")
    with _Largest() as largest:
        splade_head(*inputs, pooling="sum")
    assert largest.elements <= max(2 * 60 * 512, inputs[1].numel())


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"pooling": "mean"}, ValueError, "pooling is 'mean'; expected one of max, sum"),
        ({"activation": "relu"}, ValueError, "activation is 'relu'; expected one of log1p_relu, log1p_log1p_relu"),
        ({"pooling": "sum", "impl": "magic"}, ValueError, "impl is 'magic'; expected one of"),
        ({"pooling": "sum", "impl": "triton"}, RuntimeError, "its kernels take maxima, and pooling is 'sum'"),
    ],
)
def test_what_is_not_known_is_refused(options, error, sentence):
    with pytest.raises(error, match=sentence):
        splade_head(*make_inputs(*SMALL[0], "none"), **options)
