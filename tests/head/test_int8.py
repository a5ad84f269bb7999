"""The head in 8-bit integers: exactly what its rounded operands give, and near what the head gives."""

import pytest
import torch

from sparton.head import splade_head
from sparton.head.torch_int8 import Int8Weight, int8_head


def inputs(batch=5, length=13, size=48, vocabulary=1_300, seed=0):
    generator = torch.Generator().manual_seed(seed)
    hidden = (
        torch.randn(batch, length, size, generator=generator) * torch.tensor([1.0, 3.0, 0.01, 50.0, 1.0])[:, None, None]
    )
    weight = torch.randn(vocabulary, size, generator=generator) * 0.3
    bias = torch.randn(vocabulary, generator=generator)
    mask = torch.rand(batch, length, generator=generator) < 0.6
    mask[:, 0] = True
    return hidden, weight, bias, mask


def by_definition(hidden, weight, bias, mask):
    """In float64, of hidden states and weights that are rounded one by one."""
    result = torch.zeros(len(hidden), len(weight), dtype=torch.float64)
    steps = weight.abs().amax(1, keepdim=True).double() / 127
    rounded = (weight.double() / steps).round() * steps
    for row, (states, kept) in enumerate(zip(hidden, mask, strict=True)):
        if kept.any():
            step = states[kept].abs().max().double() / 127
            logits = ((states[kept].double() / step).round() * step) @ rounded.T
            result[row] = (logits.amax(0) + bias).relu().log1p()
    return result


@pytest.mark.parametrize("masked", [True, False])
def test_weights_are_those_of_the_rounded_operands(masked):
    hidden, weight, bias, mask = inputs()
    given = mask if masked else None
    found = int8_head(hidden, Int8Weight.of(weight), bias, given)
    expected = by_definition(hidden, weight, bias, mask if masked else torch.ones_like(mask))
    assert found.dtype == torch.float32
    # A number between two steps may be rounded either way, in float32.
    torch.testing.assert_close(found.double(), expected, atol=2e-2, rtol=2e-3)
    assert ((found.double() - expected).abs() < 1e-5).double().mean() > 0.99


def test_weights_are_near_those_of_the_head():
    hidden, weight, bias, mask = inputs()
    expected = splade_head(hidden, weight, bias, mask)
    found = int8_head(hidden, Int8Weight.of(weight), bias, mask)
    error = (found - expected).norm(dim=1) / expected.norm(dim=1)
    assert 0 < error.max() < 0.03


def test_what_is_masked_changes_nothing():
    hidden, weight, bias, mask = inputs()
    other = torch.where(mask[:, :, None], hidden, 1e6)
    scaled = Int8Weight.of(weight)
    assert torch.equal(int8_head(other, scaled, bias, mask), int8_head(hidden, scaled, bias, mask))


def test_a_document_has_the_same_bits_alone():
    hidden, weight, bias, mask = inputs()
    scaled = Int8Weight.of(weight)
    together = int8_head(hidden, scaled, bias, mask)
    for row in range(len(hidden)):
        alone = int8_head(hidden[row : row + 1], scaled, bias, mask[row : row + 1])
        assert torch.equal(alone[0], together[row])


def test_special_documents():
    """One without a token, one of zeros, and one that is no numbers, which spoils no other."""
    hidden, weight, bias, mask = inputs()
    scaled = Int8Weight.of(weight)
    expected = int8_head(hidden, scaled, bias, mask)
    mask[0], hidden[1], hidden[2] = False, 0.0, float("nan")
    found = int8_head(hidden, scaled, bias, mask)
    assert torch.equal(found[0], torch.zeros(len(weight)))
    torch.testing.assert_close(found[1], bias.relu().log1p())
    assert found[2].isnan().all()
    assert torch.equal(found[3:], expected[3:])


def test_terms_without_weight_have_their_bias():
    hidden, weight, bias, mask = inputs()
    weight[7] = 0.0
    found = int8_head(hidden, Int8Weight.of(weight), bias, mask)
    torch.testing.assert_close(found[:, 7], bias[7].relu().log1p().expand(len(hidden)))


def test_documents_end_to_end_have_the_weights_of_padded_ones():
    generator = torch.Generator().manual_seed(8)
    lengths = [5, 0, 17, 1]
    hidden, weight = torch.randn(sum(lengths), 24, generator=generator), torch.randn(70, 24, generator=generator)
    bias, scaled = torch.randn(70, generator=generator), Int8Weight.of(weight)
    offsets = torch.tensor([0, *lengths]).cumsum(0).int()
    found = int8_head(hidden, scaled, bias, cu_seqlens=offsets)
    for row, text in enumerate(hidden.split(lengths)):
        alone = int8_head(text[None], scaled, bias)[0] if len(text) else torch.zeros(70)
        assert torch.equal(found[row], alone)
