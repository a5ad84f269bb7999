"""The head in 8-bit floats: its rounding, and on a Hopper GPU its kernel against the definition."""

import pytest
import torch
from support.head_inputs import make_packed, some_documents, weights_of
from support.triton_devices import on_gpu

from sparton.head import splade_head
from sparton.head.inputs import check_inputs

float8 = pytest.importorskip("sparton.head.float8", reason="needs Triton", exc_type=ImportError)

hopper = [
    pytest.mark.gpu,
    on_gpu,
    pytest.mark.skipif(
        torch.cuda.is_available() and torch.cuda.get_device_capability() != (9, 0), reason="needs a Hopper GPU"
    ),
]
# Documents within a tile of 256 tokens, as long as one, over many, and without tokens, alone and side by side.
LENGTHS = [
    [10, 1, 289, 1, 511, 288, 400],
    [7] * 300,
    [256, 256, 512],
    [0, 0, 3, 0, 1, 0],
    [0] * 300 + [700, 0],
    [75, 60, 90] * 40,
    [1],
    [0],
]


def made(lengths, width=768, vocabulary=1_030, device="cpu", dtype=torch.bfloat16, biased=True):
    """hidden, weight, bias, cu_seqlens, and the weight in 8-bit floats; terms' weights are of very different sizes."""
    hidden, weight, bias, cu_seqlens = make_packed(lengths, width, vocabulary, dtype, device)
    weight *= torch.logspace(-2, 1, vocabulary, device=device).to(dtype)[:, None]
    largest = float(hidden.abs().max()) if hidden.numel() else 1.0
    return hidden, weight, bias if biased else None, cu_seqlens.int(), float8.Float8Weight.of(weight, largest)


def exact(inputs):
    """The same numbers in float32."""
    weight = inputs.weight.float() * inputs.scales[:, None]
    bias = None if inputs.bias is None else inputs.bias.float()
    return check_inputs(inputs.hidden.float(), weight, bias, None, inputs.cu_seqlens)


def assert_as_defined(found, inputs):
    """Logits are within what fast accumulation loses: at each step the last of some 14 bits of the largest summand."""
    plain = exact(inputs)
    assert found.dtype == torch.float32
    assert found.shape == (inputs.documents, inputs.vocabulary)
    # The sum of the products' sizes, of which partial sums stay a part.
    sizes = plain.weight.abs().sum(1) * (plain.hidden.abs().mean() if len(plain.hidden) else 0)
    for document in some_documents(plain):
        truth = weights_of(plain, document, torch.float64).double()
        error = (found[document].double().expm1() - truth.expm1()).abs()
        assert (error <= 2e-3 * sizes + 1e-5 * (1 + truth.expm1())).all()


def test_a_hidden_state_is_rounded_as_all_are():
    hidden, *_, weight = made([9, 40])
    whole = float8.to_float8(hidden, weight.hidden_scale)
    alone = float8.to_float8(hidden[5:9], weight.hidden_scale)
    assert torch.equal(whole[5:9].view(torch.uint8), alone.view(torch.uint8))
    back = whole.float() * weight.hidden_scale
    # Half of the last of 4 bits, or of what the smallest numbers have.
    assert ((back - hidden.float()).abs() <= (hidden.float().abs() / 16).clamp(min=weight.hidden_scale * 2**-10)).all()
    assert (back != hidden.float()).any()


def test_what_is_too_large_becomes_the_largest():
    hidden = torch.tensor([[448.0, 449.0, 1e30, -1e30, -470.0, float("inf"), 447.9, float("nan")]])
    found = float8.to_float8(hidden * 4, 4.0).float()
    assert found[0, :7].tolist() == [448, 448, 448, -448, -448, 448, 448]
    assert found[0, 7].isnan()


@pytest.mark.parametrize("largest", [0.01, 1.0, 7.3, 112.0, 5_000.0])
def test_hidden_states_have_room_for_four_times_the_largest(largest):
    scale = float8.hidden_scale(largest)
    assert 224 < largest * 4 / scale <= 448
    assert torch.tensor(scale).frexp().mantissa == 0.5
    assert float8.hidden_scale(largest * 0.999) in (scale, scale / 2)


@pytest.mark.parametrize("largest", [0.0, float("nan"), float("inf")])
def test_a_model_without_hidden_states_has_no_scale(largest):
    with pytest.raises(ValueError, match="expected a number above 0"):
        float8.hidden_scale(largest)


def test_a_term_without_weights_has_its_bias():
    hidden, weight, bias, cu_seqlens, _ = made([3, 5], 64, 40)
    weight[7] = 0
    scaled = float8.Float8Weight.of(weight, 4.0)
    found = float8.float8_reference(float8.float8_inputs(hidden, scaled, bias, cu_seqlens))
    torch.testing.assert_close(found[:, 7], bias[7].float().relu().log1p().expand(2))


def test_the_whole_is_near_the_head_in_float32():
    hidden, weight, bias, cu_seqlens, scaled = made([10, 75, 0, 300], 384, 1_030, dtype=torch.float32)
    expected = splade_head(hidden, weight, bias, cu_seqlens=cu_seqlens)
    inputs = float8.float8_inputs(hidden, scaled, bias, cu_seqlens)
    found = float8.float8_reference(inputs)
    assert_as_defined(found, inputs)
    error = (found - expected).norm(dim=1) / expected.norm(dim=1).clamp(min=1e-9)
    assert 0 < error.max() < 0.05
    assert not found[2].any()


def test_elsewhere_it_is_refused():
    hidden, _, bias, cu_seqlens, scaled = made([3, 5], 64, 40)
    with pytest.raises(RuntimeError, match=r"head in 8-bit floats cannot run: it needs a GPU of .* 9\.0"):
        float8.float8_head(hidden, scaled, bias, cu_seqlens)


class TestOnHopper:
    pytestmark = hopper

    @pytest.mark.parametrize("biased", [True, False])
    @pytest.mark.parametrize(("width", "vocabulary"), [(768, 1_030), (384, 30_522), (128, 97), (80, 128), (1024, 1)])
    @pytest.mark.parametrize("lengths", LENGTHS, ids=lambda lengths: f"{len(lengths)} of {max(lengths)}")
    def test_gpu_kernel_matches_the_definition(self, lengths, width, vocabulary, biased):
        hidden, _, bias, cu_seqlens, scaled = made(lengths, width, vocabulary, "cuda", biased=biased)
        found = float8.float8_head(hidden, scaled, bias, cu_seqlens)
        assert_as_defined(found, float8.float8_inputs(hidden, scaled, bias, cu_seqlens))

    def test_gpu_sums_of_whole_numbers_are_exact(self):
        lengths = [10, 1, 289, 0, 511, 75, 80]
        hidden, weight, _, cu_seqlens, _ = made(lengths, 768, 1_030, "cuda")
        hidden = hidden.sign() * (hidden.abs() > 1)
        scales = torch.linspace(0.01, 2, 1_030, device="cuda")
        scaled = float8.Float8Weight(weight.sign().to(float8.FLOAT8), scales, 1.0)
        inputs = float8.float8_inputs(hidden, scaled, None, cu_seqlens)
        found = float8.float8_head(hidden, scaled, None, cu_seqlens)
        torch.testing.assert_close(found, float8.float8_reference(inputs), atol=1e-5, rtol=1e-5)

    def test_gpu_large_vocabulary(self):
        hidden, _, bias, cu_seqlens, scaled = made([75, 130, 1, 300], 768, 250_002, "cuda")
        found = float8.float8_head(hidden, scaled, bias, cu_seqlens)
        assert_as_defined(found, float8.float8_inputs(hidden, scaled, bias, cu_seqlens))

    def test_gpu_is_near_the_head_in_bfloat16(self):
        hidden, weight, bias, cu_seqlens, scaled = made([75, 60, 90] * 40, 768, 30_522, "cuda")
        expected = splade_head(hidden, weight, bias, cu_seqlens=cu_seqlens, impl="triton")
        found = float8.float8_head(hidden, scaled, bias, cu_seqlens)
        error = (found - expected).norm(dim=1) / expected.norm(dim=1)
        assert 0 < error.max() < 0.05

    def test_gpu_weights_do_not_depend_on_the_batch(self):
        lengths = [75, 1, 300, 60, 17, 512, 0, 90]
        hidden, _, bias, cu_seqlens, scaled = made(lengths, 768, 30_522, "cuda")
        together = float8.float8_head(hidden, scaled, bias, cu_seqlens)
        assert together.any(dim=1).tolist() == [length > 0 for length in lengths]
        for row, (start, length) in enumerate(zip(cu_seqlens.tolist()[:-1], lengths, strict=True)):
            ends = torch.tensor([0, length], device="cuda", dtype=torch.int32)
            alone = float8.float8_head(hidden[start : start + length], scaled, bias, ends)
            assert torch.equal(alone[0], together[row])

    def test_gpu_rounds_as_the_definition(self):
        hidden = torch.randn(300, 768, device="cuda").bfloat16() * 40
        hidden[0, :5] = torch.tensor([1e30, -1e30, float("inf"), float("nan"), 449.0])
        for rows in (hidden, hidden.T.contiguous().T, hidden[:0], hidden.float()):
            found = float8.to_float8(rows, 0.25)
            expected = float8.to_float8(rows.cpu(), 0.25)
            assert torch.equal(found.cpu().float().nan_to_num(1e6), expected.float().nan_to_num(1e6))

    def test_gpu_does_not_hide_nan(self):
        hidden, _, bias, cu_seqlens, scaled = made([40, 40], 768, 300, "cuda")
        hidden[50, 3] = float("nan")
        found = float8.float8_head(hidden, scaled, bias, cu_seqlens)
        assert found[0].isfinite().all()
        assert found[1].isnan().all()
