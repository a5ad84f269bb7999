"""Every architecture that AutoModelForMaskedLM knows gives transformers' own result, or is refused in a sentence."""

import json
import re

import pytest
import torch
import transformers
from support.architectures import SIZE, save_tiny
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from sparton.errors import SpartonError
from sparton.pipeline.model.base import Runtime
from sparton.pipeline.model.masked_lm import load_masked_lm
from sparton.pipeline.model.spec import EncoderFiles
from sparton.pipeline.model.splade_model import load_splade
from sparton.pipeline.tokens.tokenizer import Tokenizer

TEXTS = ("a 1", "two small red bags, 3 each (or 12) for me and you", "w5", "w5 w7")
_NEEDED = "Sparton needs a masked language model as BERT's, whose logits are hidden states times its output embedding"
_OTHER = "; use a model of another architecture"
REFUSED = {
    "mra": "DIR is of the architecture mra, whose attention is a CUDA kernel that transformers fetches from the hub, "
    "and which is zero without it" + _OTHER,
    "perceiver": "PerceiverForMaskedLM has no output embedding to take the LM head from",
    "reformer": "DIR is of the architecture reformer, which hashes a long text's tokens at random, so that it would "
    "have other weights each time" + _OTHER,
    "yoso": "DIR is of the architecture yoso, whose attention is a CUDA kernel that transformers fetches from the hub"
    + _OTHER,
}
# A text has other hidden states with padding behind it, in transformers too: Sparton pads none.
PADDING_IS_TEXT = {"convbert", "fnet", "funnel", "mobilebert", "nystromformer"}


def load(folder, dtype="float32"):
    return load_splade(EncoderFiles("masked_lm", folder), Runtime(device="cpu", dtype=dtype))


def expected_weights(folder):
    """[texts, V] as transformers has them, each text alone, with all that the tokenizer gives."""
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    rows = []
    with torch.inference_mode():
        for text in TEXTS:
            given = tokenizer(text, return_tensors="pt")
            logits = model(input_ids=given["input_ids"], attention_mask=given["attention_mask"]).logits[0]
            rows.append(torch.log1p(torch.relu(logits.amax(dim=0))))
    return torch.stack(rows)


def weights_of(model):
    """[texts, V] as we have them, of one batch."""
    with torch.inference_mode():
        return model.weights([tokens.ids for tokens in Tokenizer(model.tokenization).tokenize(TEXTS).each()])


@pytest.mark.slow
@pytest.mark.parametrize("name", MODEL_FOR_MASKED_LM_MAPPING_NAMES)
def test_it_gives_transformers_own_result_or_is_refused(name, tmp_path):
    save_tiny(name, tmp_path)
    if name in REFUSED:
        with pytest.raises(SpartonError) as refused:
            load(tmp_path)
        assert str(refused.value).replace(str(tmp_path), "DIR") == REFUSED[name]
        return
    expected = expected_weights(tmp_path)
    assert expected.shape == (len(TEXTS), SIZE)
    assert (expected > 0).float().mean() > 0.2
    assert (expected.std(dim=0) > 1e-3).any()
    model = load(tmp_path)
    torch.testing.assert_close(weights_of(model), expected, atol=1e-5, rtol=1e-4)
    assert model._lm.ignores_padding == (name not in PADDING_IS_TEXT)


@pytest.mark.parametrize("name", ["deberta", "deberta-v2"])
def test_debertas_own_head_multiplies_by_the_input_embedding(name, tmp_path):
    save_tiny(name, tmp_path, legacy=False)
    torch.testing.assert_close(weights_of(load(tmp_path)), expected_weights(tmp_path), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["bart", "convbert", "mobilebert"])
def test_the_check_allows_for_the_rounding_of_bfloat16(name, tmp_path):
    save_tiny(name, tmp_path)
    expected = expected_weights(tmp_path)
    found = weights_of(load(tmp_path, "bfloat16"))
    assert (found - expected).norm() < 0.03 * expected.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("changed", [lambda x: x * 0.97, lambda x: 30 * torch.tanh(x / 30), lambda x: x + 0.5])
def test_logits_that_are_not_the_product_are_refused(changed, dtype, tmp_path, monkeypatch):
    save_tiny("bert", tmp_path)
    forward = transformers.BertForMaskedLM.forward

    def other(self, *arguments, **inputs):
        output = forward(self, *arguments, **inputs)
        output.logits = changed(output.logits * 20)
        return output

    other.__wrapped__ = forward
    monkeypatch.setattr(transformers.BertForMaskedLM, "forward", other)
    with pytest.raises(SpartonError) as refused:
        load_masked_lm(EncoderFiles("masked_lm", tmp_path), device=torch.device("cpu"), dtype=dtype, head_dtype=dtype)
    assert re.sub(r"by \d\S* of", "by N of", str(refused.value).replace(str(tmp_path), "DIR")) == (
        "DIR is a BertForMaskedLM, whose logits of a tokenized text are not its hidden states, of token ids alone, "
        f"times its output embedding (they differ by N of their norm); {_NEEDED}"
    )


def test_a_model_that_needs_more_than_token_ids_is_refused(tmp_path):
    save_tiny("bert", tmp_path)
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text())
    content["post_processor"]["single"][0]["SpecialToken"]["type_id"] = 1  # as Funnel's
    path.write_text(json.dumps(content))
    path = tmp_path / "tokenizer_config.json"
    names = {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}
    path.write_text(json.dumps(json.loads(path.read_text()) | names))
    with pytest.raises(SpartonError, match="BertForMaskedLM, whose logits of a tokenized text are not its hidden stat"):
        load(tmp_path)


def test_a_model_that_no_text_can_be_run_through_is_refused(tmp_path):
    save_tiny("xmod", tmp_path, default_language=None)
    with pytest.raises(SpartonError) as refused:
        load(tmp_path)
    assert str(refused.value).replace(str(tmp_path), "DIR") == (
        "DIR is a XmodForMaskedLM, which cannot be run on a text (Input language unknown. Please call "
        f"`XmodPreTrainedModel.set_default_language()`); {_NEEDED}"
    )


def test_a_model_that_cannot_be_run_in_half_precision_says_so(tmp_path):
    save_tiny("deberta", tmp_path)
    half = torch.bfloat16
    with pytest.raises(SpartonError) as refused:
        load_masked_lm(EncoderFiles("masked_lm", tmp_path), device=torch.device("cpu"), dtype=half, head_dtype=half)
    assert str(refused.value).replace(str(tmp_path), "DIR") == (
        "DIR is a DebertaForMaskedLM, which cannot be run in bfloat16 (expected m1 and m2 to have the same "
        "dtype, but got: float != c10::BFloat16); use dtype='float32'"
    )


def test_an_adaptive_softmax_is_refused(tmp_path):
    save_tiny("xlm", tmp_path, asm=True, asm_cutoffs=[20, 60], asm_div_value=4.0)
    with pytest.raises(SpartonError, match="cannot be loaded as a masked language model: AttributeError: AdaptiveLog"):
        load(tmp_path)
