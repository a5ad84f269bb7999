"""The fused head: every implementation against the definition in float32 or float64."""

import pytest
import torch
from support.head_inputs import MASKS, SMALL, assert_no_worse_than_pytorch, make_inputs, make_packed
from torch import nn

from sparton.head import SpartonHead, splade_head
from sparton.head.inputs import check_inputs

PACKED = [[3, 1, 9, 200], [5], [0, 4, 0, 0, 7, 0], [0]]


def check(arguments, impl, **more):
    """The implementation's result against the truth."""
    result = splade_head(*arguments, impl=impl, **more)
    assert_no_worse_than_pytorch(result, check_inputs(*arguments, more.get("cu_seqlens")))


def truth(hidden, weight, bias, mask):
    bias = None if bias is None else bias.double()
    return splade_head(hidden.double(), weight.double(), bias, mask, impl="reference")


def test_the_definition_is_log1p_relu_max_over_kept_positions():
    hidden = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]]])
    weight = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    bias = torch.tensor([0.0, 1.0, 0.5])
    mask = torch.tensor([[1, 1, 0]])
    expected = torch.log1p(torch.tensor([[1.0, 3.0, 0.0]]))
    for impl in ("reference", "torch"):
        torch.testing.assert_close(splade_head(hidden, weight, bias, mask, impl=impl), expected)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("shape", SMALL)
def test_tiled_head_matches_the_definition(shape, mask):
    check(make_inputs(*shape, mask), "torch")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_tiled_head_in_half_precision(dtype):
    check(make_inputs(3, 20, 64, 700, "holes", dtype), "torch")


@pytest.mark.parametrize("impl", ["torch", "reference"])
@pytest.mark.parametrize("lengths", PACKED)
def test_packed_documents_give_what_each_gives_alone(lengths, impl):
    hidden, weight, bias, cu_seqlens = make_packed(lengths, 64, 700, before=2, after=3)
    result = splade_head(hidden, weight, bias, cu_seqlens=cu_seqlens, impl=impl)
    assert result.shape == (len(lengths), 700)
    for row, start, stop in zip(result, cu_seqlens[:-1], cu_seqlens[1:], strict=True):
        if start == stop:
            assert (row == 0).all()
        else:
            alone = splade_head(hidden[None, start:stop], weight, bias, impl=impl)
            torch.testing.assert_close(row, alone[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_packed_documents_of_either_integer_type(dtype):
    hidden, weight, bias, cu_seqlens = make_packed([4, 6], 64, 50)
    expected = splade_head(hidden, weight, bias, cu_seqlens=cu_seqlens)
    assert torch.equal(splade_head(hidden, weight, bias, cu_seqlens=cu_seqlens.to(dtype)), expected)


def test_no_packed_documents_give_no_rows():
    hidden, weight, bias, _ = make_packed([4], 64, 50)
    assert splade_head(hidden, weight, bias, cu_seqlens=torch.zeros(1, dtype=torch.int32)).shape == (0, 50)


def test_packed_documents_have_the_gradients_of_padded_ones():
    hidden, weight, bias, cu_seqlens = make_packed([2, 0, 5], 8, 1030, torch.float64)
    gradients = []
    for padded in (False, True):
        leaves = [tensor.clone().requires_grad_() for tensor in (hidden, weight, bias)]
        if padded:
            rows = torch.tensor([[0, 1, 0, 0, 0], [0] * 5, [2, 3, 4, 5, 6]])
            mask = torch.tensor([[1, 1, 0, 0, 0], [0] * 5, [1] * 5])
            result = splade_head(leaves[0][rows], *leaves[1:], mask, impl="reference")
        else:
            result = splade_head(*leaves, cu_seqlens=cu_seqlens, impl="torch")
        result.pow(2).sum().backward()
        gradients.append([leaf.grad for leaf in leaves])
    for found, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("impl", ["torch", "reference"])
def test_rows_without_a_kept_position_are_zero(impl):
    hidden, weight, bias, mask = make_inputs(3, 8, 64, 50, "one row of zeros")
    result = splade_head(hidden, weight, bias.abs() + 1, mask, impl=impl)
    assert (result[0] == 0).all()
    assert (result[1:] > 0).any()


def test_no_bias_and_strided_inputs():
    hidden, weight, _, mask = make_inputs(4, 9, 64, 300, "right")
    strided = hidden.transpose(0, 1).contiguous().transpose(0, 1)
    assert not strided.is_contiguous()
    expected = truth(hidden, weight, None, mask)
    result = splade_head(strided, weight.T.contiguous().T, None, mask, impl="torch")
    torch.testing.assert_close(result, expected.float(), atol=1e-5, rtol=0)


def test_tiled_head_has_the_gradients_of_the_definition():
    hidden, weight, bias, mask = make_inputs(2, 6, 8, 1030, "one row of zeros", torch.float64)
    gradients = []
    for impl in ("reference", "torch"):
        leaves = [tensor.clone().requires_grad_() for tensor in (hidden, weight, bias)]
        splade_head(*leaves, mask, impl=impl).pow(2).sum().backward()
        gradients.append([leaf.grad for leaf in leaves])
    for expected, found in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_module_shares_the_weights_of_a_decoder():
    decoder = nn.Linear(64, 300)
    head = SpartonHead(300, 64)
    head.tie_weights(decoder)
    assert head.weight is decoder.weight
    assert head.bias is decoder.bias
    hidden, _, _, mask = make_inputs(2, 7, 64, 300, "right")
    expected = splade_head(hidden, decoder.weight, decoder.bias, mask, impl="reference")
    torch.testing.assert_close(head(hidden, mask), expected, atol=1e-5, rtol=0)


def test_module_refuses_a_decoder_of_another_shape():
    with pytest.raises(ValueError, match=r"decoder is \[30, 64\]; expected \[300, 64\]"):
        SpartonHead(300, 64).tie_weights(nn.Linear(64, 30))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": torch.zeros(2, 3, 5)}, r"hidden is \[2, 3, 5\] and weight \[7, 4\]; expected"),
        ({"hidden": torch.zeros(2, 3, 4, dtype=torch.float64)}, "expected one floating dtype for both"),
        ({"hidden": torch.zeros(2, 0, 4)}, "no positions"),
        ({"bias": torch.zeros(7, dtype=torch.float64)}, r"bias is torch.float64 \[7\]; expected torch.float32 \[7\]"),
        ({"weight": torch.zeros(7, 4, device="meta")}, "hidden is on cpu and weight on meta; expected one device"),
        ({"bias": torch.zeros(6)}, r"bias is torch.float32 \[6\]; expected torch.float32 \[7\]"),
        ({"attention_mask": torch.ones(3, 2)}, r"attention_mask is \[3, 2\]; expected \[2, 3\]"),
        ({"cu_seqlens": torch.tensor([0, 2])}, r"hidden is \[2, 3, 4\] and weight \[7, 4\]; expected \[T, D\]"),
        (
            {"hidden": torch.zeros(5, 4), "cu_seqlens": torch.zeros(2)},
            r"cu_seqlens is torch.float32 \[2\]; expected int32 or",
        ),
        (
            {"hidden": torch.zeros(5, 4), "cu_seqlens": torch.tensor([], dtype=torch.int32)},
            r"expected int32 or int64 \[B",
        ),
        (
            {"hidden": torch.zeros(5, 4), "cu_seqlens": torch.tensor([0, 5]), "attention_mask": torch.ones(1, 5)},
            "attention_mask and cu_seqlens were both given",
        ),
        ({"impl": "fast"}, "impl is 'fast'; expected one of auto, triton, torch, reference"),
    ],
)
def test_arguments_that_do_not_fit_are_named(change, message):
    arguments = {"hidden": torch.zeros(2, 3, 4), "weight": torch.zeros(7, 4), **change}
    with pytest.raises(ValueError, match=message):
        splade_head(**arguments)


def test_triton_on_a_cpu_says_why_not(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(RuntimeError, match="impl='triton' cannot run: "):
        splade_head(torch.zeros(1, 2, 4), torch.zeros(3, 4), impl="triton")
