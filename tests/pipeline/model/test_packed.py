"""Documents end to end through a backbone: the same hidden states as one by one."""

import pytest
import torch
from support.masked_lms import build
from support.triton_devices import on_gpu

from sparton.pipeline.model.masked_lm import MaskedLM, split_head
from sparton.pipeline.model.packed import pack

LENGTHS = [31, 1, 64, 5, 17]


def masked_lm(name, device, dtype):
    model = build(name).to(device, dtype)
    weight, bias = split_head(model)
    return MaskedLM(model, weight, bias, None, tuple(map(str, range(1_200))), 64)


def documents(device):
    generator = torch.Generator().manual_seed(11)
    return [torch.randint(5, 1_200, (length,), generator=generator).to(device) for length in LENGTHS]


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
    assert found.shape == expected.shape
    difference = (found - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert difference.max() < (0.03 if dtype == torch.bfloat16 else 0.005)


def test_documents_stay_padded_without_a_gpu():
    assert pack(masked_lm("bert", "cpu", torch.bfloat16)) is None


@pytest.mark.gpu
@on_gpu
def test_documents_stay_padded_in_float32():
    assert pack(masked_lm("bert", "cuda", torch.float32)) is None
