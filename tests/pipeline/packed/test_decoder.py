"""A decoder's layers with fused kernels between the products: the hidden states of transformers' own layers."""

import subprocess
import sys

import pytest
import torch
from support.decoders import SMALL, build
from support.triton_devices import DEVICES
from torch.nn.functional import scaled_dot_product_attention
from transformers import Qwen2Config, Qwen2ForCausalLM

from sparton.pipeline.model.language_model import split_head
from sparton.pipeline.packed.decoder import fuse_decoder

LENGTHS = [5, 1, 13]


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


def attend(query, key, value, offsets, longest, scale, causal, window=None):
    """Each text alone, by PyTorch."""
    parts = []
    for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        one = (tensor[start:stop].transpose(0, 1)[None] for tensor in (query, key, value))
        attended = scaled_dot_product_attention(*one, is_causal=causal, scale=scale, enable_gqa=True)
        parts.append(attended[0].transpose(0, 1))
    return torch.cat(parts)


def qwen2():
    torch.manual_seed(5)
    more = {name: value for name, value in SMALL.items() if name != "head_dim"}
    model = Qwen2ForCausalLM(Qwen2Config(**more)).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        parameter.normal_(mean=float("norm" in name), std=0.25)
    return model


@pytest.mark.parametrize("attention", [attend, None], ids=["attention of PyTorch", "own attention"])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("name", ["qwen3", "llama", "qwen2"])
@torch.inference_mode()
def test_fused_layers_give_the_models_own_hidden_states(device, name, causal, attention):
    model = (qwen2() if name == "qwen2" else build(name)).to(device)
    if not causal:
        model.config.is_causal = False
        for layer in model.model.layers:
            layer.self_attn.is_causal = False
    split_head(model)
    texts = [torch.randint(5, 100, (length,), device=device) for length in LENGTHS]
    expected = torch.cat([model(input_ids=text[None]).logits[0] for text in texts])
    offsets = torch.tensor([0, *LENGTHS], device=device).cumsum(0).int()
    positions = torch.cat([torch.arange(length, device=device) for length in LENGTHS])
    layers = fuse_decoder(model, attention)
    found = layers.hidden_states(torch.cat(texts), positions, offsets, max(LENGTHS))
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=2e-5)
    # Its own weights, of which some are now views of others, are what they were.
    again = torch.cat([model(input_ids=text[None]).logits[0] for text in texts])
    torch.testing.assert_close(again, expected, atol=2e-6, rtol=2e-6)


def test_layers_that_are_others_are_not_fused():
    assert fuse_decoder(build("gemma3"), attend) is None
    assert fuse_decoder(build("mistral"), attend) is None  # which has a window
    assert fuse_decoder(build("llama", hidden_act="gelu"), attend) is None


COMPILE = '''
import torch
import triton
from triton.backends.compiler import GPUTarget

from sparton.pipeline.packed.decoder_kernels import _add_and_norm, _gated, _rotate


class Ampere:
    """A driver that knows what to compile for, and launches nothing."""

    def get_current_target(self):
        return GPUTarget("cuda", 80, 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device=None):
        return 0


triton.runtime.driver.set_active(Ampere())
for kind in (torch.bfloat16, torch.float16):
    for adds in (True, False):
        _add_and_norm.warmup(kind, kind, kind, kind, 1024, 1e-6, ADDS=adds, BLOCK=1024, num_warps=4, grid=(1,))
        _rotate.warmup(
            kind, 4096, kind, kind, kind, kind, 16, 24, 128, 64, 1e-6, HAS_NORM=adds, HEADS=32, HALF=64, num_warps=4,
            grid=(1,),
        )
    _gated.warmup(kind, kind, 3072, BLOCK=4096, num_warps=16, grid=(1,))
    print("compiled")
'''


@pytest.mark.slow
def test_kernels_compile_without_a_gpu():
    pytest.importorskip("triton")
    done = subprocess.run([sys.executable, "-c", COMPILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert done.stdout.split() == ["compiled"] * 2
