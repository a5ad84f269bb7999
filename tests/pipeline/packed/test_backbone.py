"""Documents end to end through a backbone: the same hidden states as one by one."""

import pytest
import torch
from support import decoders
from support.masked_lms import build
from support.packed_texts import attend, end_to_end
from support.triton_devices import on_gpu

from sparton.pipeline.model.echo import second_copies, second_only, twice
from sparton.pipeline.model.language_model import LanguageModel, split_head
from sparton.pipeline.packed.backbone import _rounding, pack, packed_by_attention, probe
from sparton.pipeline.packed.decoder import FusedDecoder
from sparton.pipeline.packed.fused import FusedGraph

LENGTHS = [31, 1, 64, 5, 17]


def masked_lm(name, device, dtype):
    model = build(name).to(device, dtype)
    weight, bias = split_head(model)
    return LanguageModel(model, weight, bias, None, tuple(map(str, range(1_200))), 64)


def documents(device):
    generator = torch.Generator().manual_seed(11)
    return [torch.randint(5, 1_200, (length,), generator=generator).to(device) for length in LENGTHS]


def decoder(name, device, dtype, both_ways, **more):
    model = decoders.build(name, **more).to(device, dtype)
    if both_ways:
        model.config.is_causal = False
        for layer in model.model.layers:
            layer.self_attn.is_causal = False
    weight, bias = split_head(model)
    return LanguageModel(model, weight, bias, None, tuple(decoders.TOKENS), 64)


def hidden_states_alone(lm, texts):
    return torch.cat([lm.hidden_states(text[None], torch.ones_like(text[None]))[0] for text in texts])


@pytest.mark.parametrize(
    ("name", "both_ways", "packs"),
    [
        ("qwen3", False, True),
        ("qwen3", True, True),
        ("llama", False, True),
        ("mistral", False, True),  # with a window, as gemma3
        ("mistral", True, False),
        ("gemma3", False, True),
        ("gemma3", True, False),
        ("gemma2", False, False),  # which caps what softmax is of
    ],
)
@torch.inference_mode()
def test_decoders_are_packed_by_transformers_own_layers(name, both_ways, packs):
    """Grouped queries, causal masks, windows and scales, with another attention in the place of the GPU's."""
    lm = decoder(name, "cpu", torch.float32, both_ways)
    texts = [text % 100 for text in documents("cpu")]
    expected = hidden_states_alone(lm, texts)
    backbone = packed_by_attention(lm, attend, *probe(lm))
    assert (backbone is not None) is packs
    if backbone is None:
        assert torch.equal(hidden_states_alone(lm, texts), expected)
    else:
        torch.testing.assert_close(backbone.hidden_states(*end_to_end(texts)), expected, atol=2e-5, rtol=2e-5)


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("name", ["qwen3", "llama", "mistral", "gemma3"])
@torch.inference_mode()
def test_packed_decoders_give_the_hidden_states_of_single_documents(name, both_ways, dtype):
    lm = decoder(name, "cuda", dtype, both_ways, std=0.08)  # with larger weights half precision rounds too much
    texts = [text % 100 for text in documents("cuda")]
    expected = hidden_states_alone(lm, texts).float()
    backbone = pack(lm)
    if backbone is None:
        assert both_ways
        assert name in ("mistral", "gemma3")  # whose windows look one way alone
        return
    assert isinstance(backbone.layers, FusedDecoder if name in ("qwen3", "llama") else FusedGraph)
    found = backbone.hidden_states(*end_to_end(texts)).float()
    difference = (found - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert difference.max() < (0.05 if dtype == torch.bfloat16 else 0.01)


def test_second_copies_of_packed_texts_are_those_of_padded_ones():
    texts = [torch.arange(length).numpy() for length in LENGTHS]
    batch = twice(texts)
    rows = [torch.arange(2 * length) + 1_000 * row for row, length in enumerate(LENGTHS)]
    packed, starts = second_copies(torch.cat(rows)[:, None], torch.tensor([0, *(2 * n for n in LENGTHS)]).cumsum(0))
    mask = second_only(batch, 2 * max(LENGTHS) + 6)
    for row, length in enumerate(LENGTHS):
        assert mask[row].nonzero().flatten().tolist() == list(range(length, 2 * length))
        expected = list(range(1_000 * row + length, 1_000 * row + 2 * length))
        assert packed[starts[row] : starts[row + 1], 0].tolist() == expected


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["bert", "roberta", "xlm-roberta", "distilbert", "modernbert"])
@torch.inference_mode()
def test_packed_documents_give_the_hidden_states_of_single_ones(name, dtype):
    lm = masked_lm(name, "cuda", dtype)
    texts = documents("cuda")
    expected = torch.cat([lm.hidden_states(text[None], torch.ones_like(text[None]))[0] for text in texts]).float()
    backbone = pack(lm)
    if backbone is None:
        assert name in ("distilbert", "modernbert")  # found out, and left as they are
        again = torch.cat([lm.hidden_states(text[None], torch.ones_like(text[None]))[0] for text in texts])
        assert torch.equal(again.float(), expected)
        return
    offsets = torch.tensor([0, *LENGTHS], device="cuda").cumsum(0).int()
    positions = torch.cat([torch.arange(length, device="cuda") for length in LENGTHS])
    found = backbone.hidden_states(torch.cat(texts), positions, offsets, max(LENGTHS)).float()
    assert isinstance(backbone.layers, FusedGraph)
    assert found.shape == expected.shape
    difference = (found - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert difference.max() < (0.03 if dtype == torch.bfloat16 else 0.005)


@torch.inference_mode()
def test_rounding_is_what_padding_a_batch_changes():
    lm = decoder("qwen3", "cpu", torch.bfloat16, False)
    truth, texts = probe(lm)
    assert 0 < _rounding(lm, texts, truth) < 0.3
    lm = decoder("qwen3", "cpu", torch.float32, False)
    truth, texts = probe(lm)
    assert _rounding(lm, texts, truth) < 1e-5


def test_documents_stay_padded_without_a_gpu():
    assert pack(masked_lm("bert", "cpu", torch.bfloat16)) is None


@pytest.mark.gpu
@on_gpu
def test_documents_stay_padded_in_float32():
    assert pack(masked_lm("bert", "cuda", torch.float32)) is None
