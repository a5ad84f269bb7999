"""Every kind of model that computes is tried when it is loaded: its parts say what the whole says, and a text what it
says alone, whatever else is in its batch."""

import numpy as np
import pytest
import torch
import transformers
from support.architectures import save_tiny
from support.decoders import save_decoder
from support.saved_models import TEXTS, save_masked_lm

import sparton
from sparton.errors import SpartonError
from sparton.pipeline.model.base import Runtime
from sparton.pipeline.model.kinds import KINDS, read_encoder
from sparton.pipeline.model.layout import DOCUMENT
from sparton.pipeline.tokens.tokenizer import Tokenizer

WORDS = ("a 1", "two small red bags, 3 each (or 12) for me and you", "w5", "w5 w7")
DECODER = "Sparton needs a decoder as Llama's, whose logits are hidden states times its output embedding"


def loaded(folder):
    """The model of a folder, and the kind that it is of."""
    files = read_encoder(folder, DOCUMENT)
    return KINDS[files.kind].load(files, Runtime(device="cpu", dtype="float32")), files.kind


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bert", "convbert", "fnet", "mobilebert", "nystromformer"])
def test_a_text_has_the_token_weights_that_it_has_alone(name, tmp_path):
    save_tiny(name, tmp_path)
    backbone = transformers.AutoModel.from_pretrained(tmp_path).eval()
    torch.manual_seed(3)
    linear = torch.nn.Linear(backbone.config.hidden_size, 1)
    torch.save(linear.state_dict(), tmp_path / "sparse_linear.pt")
    model, kind = loaded(tmp_path)
    assert kind == "token_weights"
    batch = [tokens.ids for tokens in Tokenizer(model.tokenization).tokenize(WORDS).each()]
    with torch.inference_mode():
        found = model.token_weights(batch)
        for row, ids in enumerate(batch):
            given = torch.from_numpy(ids.astype(np.int64))[None]
            hidden = backbone(input_ids=given, attention_mask=torch.ones_like(given))[0][0]
            expected = torch.relu(linear(hidden))[:, 0]
            expected[torch.from_numpy(ids <= 2)] = 0  # [PAD], [UNK] and [CLS]
            torch.testing.assert_close(found[row], expected, atol=1e-5, rtol=1e-4)
        assert (found.weights > 0).float().mean() > 0.2


def with_the_mean(forward):
    """A forward that adds to each token what the mean of all is, padding included."""

    def leaking(self, *arguments, **inputs):
        output = forward(self, *arguments, **inputs)
        hidden = output.last_hidden_state
        output.last_hidden_state = hidden + hidden.mean(1, keepdim=True)
        return output

    leaking.__wrapped__ = forward
    return leaking


@pytest.mark.parametrize(
    ("name", "save"),
    [("LlamaModel", lambda folder: save_decoder(folder, "llama")), ("BertModel", save_masked_lm)],
)
def test_where_padding_is_text_only_texts_of_one_length_share_a_batch(name, save, tmp_path, monkeypatch):
    save(tmp_path)
    family = getattr(transformers, name)
    monkeypatch.setattr(family, "forward", with_the_mean(family.forward))
    encoder = sparton.Encoder(str(tmp_path), device="cpu", dtype="float32", scale=100_000)
    texts = [*TEXTS, "bag", "red bag"]
    for (terms, impacts), text in zip(encoder.encode(texts), texts, strict=True):
        alone = dict(zip(*(row.tolist() for row in next(iter(encoder.encode([text])))), strict=True))
        together = dict(zip(terms.tolist(), impacts.tolist(), strict=True))
        assert together.keys() == alone.keys()
        assert all(abs(together[term] - alone[term]) <= 2 for term in alone)


def test_a_decoder_whose_logits_are_not_the_product_is_refused(tmp_path, monkeypatch):
    save_decoder(tmp_path, "llama")
    forward = transformers.LlamaForCausalLM.forward

    def other(self, *arguments, **inputs):
        output = forward(self, *arguments, **inputs)
        output.logits = 3 * torch.tanh(output.logits / 3)
        return output

    other.__wrapped__ = forward
    monkeypatch.setattr(transformers.LlamaForCausalLM, "forward", other)
    with pytest.raises(SpartonError) as refused:
        loaded(tmp_path)
    said, _, rest = str(refused.value).partition(" (they differ by ")
    assert said == (
        f"{tmp_path} is a LlamaForCausalLM, whose logits of a tokenized text are not its hidden states, of token ids "
        "alone, times its output embedding"
    )
    assert rest.partition("; ")[2] == DECODER


@pytest.mark.parametrize(
    ("name", "save"),
    [("LlamaModel", lambda folder: save_decoder(folder, "llama")), ("BertModel", save_masked_lm)],
)
def test_the_check_runs_a_model_twice(name, save, tmp_path, monkeypatch):
    """Once whole and once in parts: a cold search waits for it."""
    save(tmp_path)
    family, calls = getattr(transformers, name), []
    forward = family.forward

    def counted(self, *arguments, **inputs):
        calls.append(name)
        return forward(self, *arguments, **inputs)

    monkeypatch.setattr(family, "forward", counted)
    loaded(tmp_path)
    assert calls == [name] * 2


def test_a_narrow_window_that_looks_both_ways(tmp_path):
    """So narrow that the last of a few tokens does not reach the first."""
    changes = {"is_causal": False, "sliding_window": 2}
    folder = save_decoder(tmp_path, "mistral", changes=changes)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    ours, kind = loaded(folder)
    assert kind == "causal_lm"
    batch = [tokens.ids for tokens in Tokenizer(ours.tokenization).tokenize(TEXTS).each()]
    with torch.inference_mode():
        found = ours.weights(batch)
        for row, ids in enumerate(batch):
            logits = model(input_ids=torch.from_numpy(ids.astype(np.int64))[None]).logits[0]
            torch.testing.assert_close(found[row], logits.relu().log1p().amax(0), atol=1e-4, rtol=1e-4)
            causal = transformers.MistralForCausalLM.from_pretrained(folder, is_causal=True).eval()
            assert (causal(input_ids=torch.from_numpy(ids.astype(np.int64))[None]).logits[0] - logits).abs().max() > 0.1
