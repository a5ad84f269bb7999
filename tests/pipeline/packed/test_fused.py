"""A backbone's operations, traced and fused: the hidden states of the model itself."""

import pytest
import torch
from support import decoders
from support.masked_lms import build
from support.packed_texts import attend, end_to_end
from support.triton_devices import DEVICES, on_gpu
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    AttentionInterface,
    AttentionMaskInterface,
    ElectraConfig,
    ElectraForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
)

from sparton.pipeline.model.language_model import LanguageModel, split_head
from sparton.pipeline.packed.activations import Activation
from sparton.pipeline.packed.attentions import as_transformers_calls_it, no_mask
from sparton.pipeline.packed.backbone import PackedBackbone, _first_position, pack, probe
from sparton.pipeline.packed.float8 import Float8Product
from sparton.pipeline.packed.fused import fuse_graph
from sparton.pipeline.packed.graph import NotTraceableError, module_of, recording_attention, trace
from sparton.pipeline.packed.norms import AddNorm
from sparton.pipeline.packed.products import Product

SMALL = {
    "vocab_size": 1_200,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 600,
}
LENGTHS = [31, 1, 64, 5, 17]
MODELS = {
    "bert": lambda: build("bert"),
    "roberta": lambda: build("roberta"),
    "distilbert": lambda: build("distilbert"),
    "albert": lambda: AlbertForMaskedLM(AlbertConfig(**SMALL, embedding_size=32)),
    "electra": lambda: ElectraForMaskedLM(ElectraConfig(**SMALL, embedding_size=32)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=1_200, n_embd=48, n_layer=2, n_head=4, n_positions=600)),
    "qwen3": lambda: decoders.build("qwen3"),
    "llama": lambda: decoders.build("llama"),
    "gemma3": lambda: decoders.build("gemma3"),
    "gated gelu": lambda: decoders.build("llama", mlp_bias=True, hidden_act="gelu"),
}


AttentionInterface.register("traced", as_transformers_calls_it(recording_attention))
AttentionMaskInterface.register("traced", no_mask)


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


def language_model(name, device):
    torch.manual_seed(7)
    model = MODELS[name]().eval().requires_grad_(False).to(device)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    vocabulary = model.config.vocab_size
    weight, bias = split_head(model)
    return LanguageModel(model, weight, bias, None, tuple(map(str, range(vocabulary))), 64)


def traced(lm, device):
    lm.backbone.set_attn_implementation("traced")
    try:
        return trace(PackedBackbone(lm, _first_position(lm.backbone)).hidden_states, torch.device(device), attend)
    finally:
        lm.backbone.set_attn_implementation("eager")


def modules_of(graph, kind):
    return [module for module in map(module_of, graph.module.graph.nodes) if isinstance(module, kind)]


@pytest.mark.parametrize("name", list(MODELS))
@torch.inference_mode()
def test_fused_operations_give_the_models_own_hidden_states(device, name):
    lm = language_model(name, device)
    generator = torch.Generator().manual_seed(11)
    most = len(lm.vocabulary)
    texts = [torch.randint(5, most, (length,), generator=generator).to(device) for length in LENGTHS]
    expected = torch.cat([lm.hidden_states(text[None], torch.ones_like(text[None]))[0] for text in texts])
    fused = fuse_graph(traced(lm, device))
    assert expected.std() > 0.1
    # On a GPU GELU is its approximation by tanh.
    atol = 2e-3 if device == "cuda" else 5e-5
    torch.testing.assert_close(fused.hidden_states(*end_to_end(texts)), expected, atol=atol, rtol=1e-3)
    # Of one text too, and of weights of which some are now views of others.
    torch.testing.assert_close(fused.hidden_states(*end_to_end(texts[2:3])), expected[32:96], atol=atol, rtol=1e-3)
    again = torch.cat([lm.hidden_states(text[None], torch.ones_like(text[None]))[0] for text in texts])
    torch.testing.assert_close(again, expected, atol=2e-5, rtol=2e-5)


@torch.inference_mode()
def test_what_belongs_together_is_one_operation(device):
    """Of a layer of BERT: products of queries, keys and values together, of attention's output, and two of the MLP."""
    lm = language_model("bert", device)
    layers = lm.backbone.config.num_hidden_layers
    fused = fuse_graph(traced(lm, device))
    products = modules_of(fused, Product)
    assert len(products) == 4 * layers + 1
    assert [product.activation for product in products] == ["none", "none", "gelu", "none"] * layers + ["gelu"]
    assert len(modules_of(fused, AddNorm)) == 2 * layers + 2
    left = {str(node.target) for node in fused.module.graph.nodes if node.op == "call_function"}
    assert not {name for name in left if any(word in name for word in ("norm", "gelu", "addmm", "clone"))}
    # All weights are in memory once.
    query = lm.backbone.bert.encoder.layer[0].attention.self.query.weight
    assert query.untyped_storage().data_ptr() == products[0].weight.untyped_storage().data_ptr()


@torch.inference_mode()
def test_gates_are_one_operation(device):
    fused = fuse_graph(traced(language_model("qwen3", device), device))
    assert [gate.activation for gate in modules_of(fused, Activation)] == ["silu"] * 2
    assert len(modules_of(fused, Product)) == 4 * 2


class Squares(torch.nn.Module):
    """Multiplies an activation by itself, and shows a part of joined products by heads."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(100, 32)
        self.first, self.second = torch.nn.Linear(32, 32, bias=False), torch.nn.Linear(32, 32, bias=False)

    def forward(self, ids, positions, offsets, longest):
        hidden = self.embedding(ids)
        active = torch.relu(self.first(hidden))
        heads = self.second(hidden).view(-1, 8)
        return active * active + torch.nn.functional.silu(heads).view(-1, 32) + hidden.t().contiguous().t()


@torch.inference_mode()
def test_what_only_looks_like_a_pattern_stays_right(device):
    torch.manual_seed(3)
    model = Squares().eval().requires_grad_(False).to(device)
    ids = torch.randint(5, 100, (33,), device=device)
    expected = model(ids, None, None, 33)
    fused = fuse_graph(trace(model, torch.device(device), attend))
    torch.testing.assert_close(fused.hidden_states(ids, ids, ids, 33), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.gpu
@on_gpu
@torch.inference_mode()
def test_a_rewrite_that_fails_leaves_a_model_its_own_operations(monkeypatch):
    lm = language_model("bert", "cuda")
    lm.backbone.to(torch.bfloat16)
    monkeypatch.setattr("sparton.pipeline.packed.fused.REWRITES", (lambda graph: 1 / 0,))
    backbone = pack(LanguageModel(lm.backbone, lm.weight.bfloat16(), None, None, lm.vocabulary, 64))
    assert backbone is not None
    assert backbone.layers is None


class InPlace(torch.nn.Module):
    """Changes what it was given."""

    def forward(self, ids, positions, offsets, longest):
        return (ids.float()[:, None] * torch.ones(3)).add_(1.0)


class Looks(torch.nn.Module):
    """Does something else for other texts."""

    def forward(self, ids, positions, offsets, longest):
        return ids.float()[:, None] * (2.0 if bool((ids > 50).any()) else 3.0)


def test_what_no_list_of_operations_says_is_not_traced():
    with pytest.raises(NotTraceableError, match="in place"):
        trace(InPlace(), torch.device("cpu"), attend)
    with pytest.raises(RuntimeError, match="data-dependent"):
        trace(Looks(), torch.device("cpu"), attend)


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert", "qwen3"])
@torch.inference_mode()
def test_products_of_8_bit_floats_are_near_those_of_the_model(name):
    if torch.cuda.get_device_capability() < (8, 9):
        pytest.skip("needs 8-bit floats")
    lm = language_model(name, "cuda")
    lm.backbone.to(torch.bfloat16)
    fused = fuse_graph(traced(lm, "cuda"), float8=True)
    assert len(modules_of(fused, Float8Product)) > 4
    truth, texts = probe(lm)
    found = fused.hidden_states(*texts).float()
    difference = ((found - truth.float()).norm(dim=-1) / truth.float().norm(dim=-1)).mean()
    assert 0.005 < difference < 0.15


@pytest.mark.gpu
@on_gpu
@torch.inference_mode()
def test_a_model_that_is_fused_wrongly_keeps_its_own_operations(monkeypatch):
    """As if a rewrite erred."""
    lm = language_model("bert", "cuda")
    lm.backbone.to(torch.bfloat16)
    forward = AddNorm.forward
    monkeypatch.setattr(
        AddNorm, "forward", lambda self, *given: tuple(part and part * 1.2 for part in forward(self, *given))
    )
    backbone = pack(LanguageModel(lm.backbone, lm.weight.bfloat16(), None, None, lm.vocabulary, 64))
    assert backbone is not None
    assert backbone.layers is None
