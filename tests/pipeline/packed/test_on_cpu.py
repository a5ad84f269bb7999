"""Documents end to end on a CPU, with products in bfloat16: near the model's own, and the same bits in any batch."""

import numpy as np
import pytest
import torch
from support import decoders
from support.architectures import save_tiny
from support.at_once import at_once
from support.masked_lms import build
from support.packed_texts import attend, end_to_end
from support.saved_models import save_masked_lm
from torch import nn

import sparton
from sparton.pipeline.model.base import Runtime
from sparton.pipeline.model.language_model import LanguageModel, split_head
from sparton.pipeline.model.precision import cpu_has_bfloat16, multiplies_int8
from sparton.pipeline.model.spec import EncoderFiles
from sparton.pipeline.model.splade_model import load_splade
from sparton.pipeline.packed.attentions import attend_each
from sparton.pipeline.packed.on_cpu import pack_on_cpu
from sparton.pipeline.packed.rounded import RoundedLinear

CPU = torch.device("cpu")
LENGTHS = [31, 1, 64, 5, 17]
DTYPES = [
    pytest.param("bfloat16", marks=pytest.mark.skipif(not cpu_has_bfloat16(), reason="needs AVX512-BF16")),
    pytest.param("int8", marks=pytest.mark.skipif(not multiplies_int8(CPU), reason="needs AVX512-VNNI")),
]
pytestmark = pytest.mark.fresh  # what is packed is another model than it was


@pytest.fixture(autouse=True)
def capable(monkeypatch):
    """Whether or not bfloat16 is sooner here, it is multiplied."""
    monkeypatch.setattr("sparton.pipeline.model.precision.cpu_multiplies_bfloat16", lambda: True)


def masked_lm(name):
    model = build(name).eval()
    weight, bias = split_head(model)
    return LanguageModel(model, weight, bias, None, tuple(map(str, range(1_200))), 64)


def decoder(name):
    model = decoders.build(name).eval()
    model.config.use_cache = False  # as Sparton loads it
    weight, bias = split_head(model)
    return LanguageModel(model, weight, bias, None, tuple(decoders.TOKENS), 64)


def documents(most=1_200):
    generator = torch.Generator().manual_seed(11)
    return [torch.randint(5, most, (length,), generator=generator) for length in LENGTHS]


def one_by_one(lm, texts):
    return torch.cat([lm.hidden_states(text[None], torch.ones_like(text[None]))[0] for text in texts])


def linears(lm):
    return [layer for layer in lm.backbone.modules() if type(layer) is nn.Linear]


@pytest.mark.parametrize("name", ["bert", "roberta", "xlm-roberta", "llama", "qwen3"])
@torch.inference_mode()
def test_rounded_products_give_nearly_the_models_hidden_states(name):
    lm, texts = decoder(name) if name in ("llama", "qwen3") else masked_lm(name), documents(100)
    expected = one_by_one(lm, texts)
    packed = pack_on_cpu(lm)
    assert packed is not None
    assert linears(lm) == []
    found = packed.hidden_states(*end_to_end(texts)).float()
    difference = (found - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert 0 < difference.max() < 0.05


@torch.inference_mode()
def test_what_rounds_too_much_stays_as_it_was():
    lm, texts = masked_lm("bert"), documents()
    # Behind a layer norm numbers sum to 0, and rounded ones do not.
    lm.backbone.cls.predictions.transform.dense.weight.add_(100)
    before, kept, way = one_by_one(lm, texts), linears(lm), lm.backbone.config._attn_implementation
    assert pack_on_cpu(lm) is None
    assert linears(lm) == kept
    assert lm.backbone.config._attn_implementation == way
    assert torch.equal(one_by_one(lm, texts), before)


@pytest.mark.parametrize("name", ["modernbert", "mistral"])
@torch.inference_mode()
def test_attention_within_a_window_stays_as_it_was(name):
    lm, texts = masked_lm(name) if name == "modernbert" else decoder(name), documents(100)
    before, kept = one_by_one(lm, texts), linears(lm)
    assert pack_on_cpu(lm) is None
    assert linears(lm) == kept
    assert torch.equal(one_by_one(lm, texts), before)


def test_a_layer_that_stands_in_two_places_is_one_still():
    lm = masked_lm("bert")
    first, second = (layer.output for layer in lm.backbone.bert.encoder.layer)
    second.dense = first.dense
    assert pack_on_cpu(lm) is not None
    assert isinstance(first.dense, RoundedLinear)
    assert second.dense is first.dense


def test_a_row_alone_has_the_bits_that_it_has_beside_others():
    generator = torch.Generator().manual_seed(4)
    for rows, columns in ((8192, 2048), (768, 3072), (1024, 4096)):
        linear = nn.Linear(columns, rows)
        layer, given = RoundedLinear(linear), torch.randn(5, columns, generator=generator)
        assert torch.equal(layer(given[:1]), layer(given)[:1])
        assert torch.equal(layer(given[None, :1]), layer(given)[None, :1])
        assert torch.equal(layer(given[0]), layer(given)[0])


@pytest.mark.parametrize("name", ["mpnet", "deberta-v2", "rembert"])
def test_attention_that_cannot_be_replaced_sees_no_other_document(name, tmp_path):
    """Which it would, over documents end to end."""
    save_tiny(name, tmp_path)
    model = load_splade(EncoderFiles("masked_lm", tmp_path), Runtime(device="cpu", dtype="bfloat16", rounds=True))
    texts = [text.numpy() % 150 for text in documents()]
    with torch.inference_mode():
        together = model.weights(texts, 64)
        assert torch.equal(torch.cat([model.weights([text], 64) for text in texts]), together)


@pytest.mark.parametrize("name", ["esm", "bert"])
def test_hidden_states_are_as_the_head_takes_them(name, tmp_path):
    """Also of a model whose last layer is a norm, in float32."""
    save_tiny(name, tmp_path)
    texts, weights = [5 + text.numpy() % 25 for text in documents()], []
    for rounds in (False, True):
        runtime = Runtime(device="cpu", dtype="bfloat16", rounds=rounds)
        with torch.inference_mode():
            weights.append(load_splade(EncoderFiles("masked_lm", tmp_path), runtime).weights(texts))
    assert (weights[0] - weights[1]).abs().max() < 0.1


@pytest.mark.parametrize(("causal", "heads", "scale"), [(False, 4, None), (True, 2, None), (True, 1, 0.3)])
def test_attention_to_each_text_is_that_of_the_definition(causal, heads, scale):
    generator = torch.Generator().manual_seed(5)
    offsets = torch.tensor([0, 7, 7, 8, 41])  # one text has no tokens
    query = torch.randn(41, 4, 16, generator=generator)
    key, value = (torch.randn(41, heads, 16, generator=generator) for _ in range(2))
    given = offsets, 33, scale, causal
    torch.testing.assert_close(attend_each(query, key, value, *given), attend(query, key, value, *given))


@pytest.fixture(scope="module")
def texts():
    """Of 3 to some 250 tokens, in no order."""
    words = [
        "black",
        "leather",
        "bag",
        "with",
        "a",
        "zip",
        "that",
        "sorting",
        "of",
        "binary",
        "trees",
        "overcomplicates",
    ]
    random = np.random.default_rng(2)
    return [" ".join(random.choice(words, length)) for length in random.permutation([1, 2, 3, 9, 30, 31, 64, 180, 230])]


def same(found, expected):
    return all(
        np.array_equal(one, other)
        for pair in zip(found, expected, strict=True)
        for one, other in zip(*pair, strict=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_document_has_the_same_impacts_in_any_batch(dtype, texts):
    encoder = sparton.Encoder("small", device="cpu", dtype=dtype)
    together = list(encoder.encode(texts))
    assert same([next(iter(encoder.encode(text))) for text in texts], together)
    assert same(encoder.encode_alone(texts), together)
    assert same(list(encoder.encode(texts[::-1]))[::-1], together)
    few = sparton.Encoder("small", device="cpu", dtype=dtype, batch_tokens=300)
    assert same(few.encode(texts), together)


@pytest.mark.slow
def test_a_model_that_encodes_queries_too_is_not_rounded(tmp_path):
    models = "small", str(save_masked_lm(tmp_path / "both"))
    documents, both = (sparton.Encoder(model, device="cpu", dtype="bfloat16")._model._lm for model in models)
    assert linears(documents) == []
    assert linears(both)
    assert not any(isinstance(layer, RoundedLinear) for layer in both.backbone.modules())


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_get_what_each_would_get_alone(dtype, texts):
    encoder = sparton.Encoder("small", device="cpu", dtype=dtype)
    alone = [next(iter(encoder.encode(text))) for text in texts]

    def act(seed):
        order = np.random.default_rng(seed).permutation(len(texts))
        return same(encoder.encode([texts[row] for row in order]), [alone[row] for row in order])

    assert all(at_once(act))
