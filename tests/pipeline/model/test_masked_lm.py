"""The identity trick: any masked LM gives its hidden states, and the fused head then gives the plain model's result."""

import pytest
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    RobertaConfig,
    RobertaForMaskedLM,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from sparton.errors import SpartonError
from sparton.head import splade_head
from sparton.pipeline.model.masked_lm import split_head

SMALL = {"vocab_size": 1_200, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
MODELS = {
    "bert": lambda: BertForMaskedLM(BertConfig(**SMALL, intermediate_size=96)),
    "distilbert": lambda: DistilBertForMaskedLM(
        DistilBertConfig(vocab_size=1_200, dim=64, n_layers=2, n_heads=2, hidden_dim=96)
    ),
    "roberta": lambda: RobertaForMaskedLM(RobertaConfig(**SMALL, intermediate_size=96, max_position_embeddings=66)),
    "xlm-roberta": lambda: XLMRobertaForMaskedLM(
        XLMRobertaConfig(**SMALL, intermediate_size=96, max_position_embeddings=66)
    ),
    "modernbert": lambda: ModernBertForMaskedLM(
        ModernBertConfig(
            **SMALL,
            intermediate_size=96,
            pad_token_id=0,
            cls_token_id=1,
            sep_token_id=2,
            bos_token_id=1,
            eos_token_id=2,
        )
    ),
}


def build(name):
    torch.manual_seed(7)
    model = MODELS[name]().eval().requires_grad_(False)
    # A decoder bias of zero, as models are born with, would not show that the bias was lost.
    model.get_output_embeddings().bias.normal_(std=0.3)
    return model


def padded_batch(padding):
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(5, 1_200, (4, 24), generator=generator)
    lengths = torch.tensor([[24], [17], [9], [2]])
    steps = torch.arange(24)[None, :]
    mask = (steps < lengths if padding == "right" else steps >= 24 - lengths).long()
    return torch.where(mask == 1, ids, 1), mask


@pytest.mark.parametrize("padding", ["right", "left"])
@pytest.mark.parametrize("name", MODELS)
def test_the_split_model_gives_the_plain_models_weights(name, padding):
    ids, mask = padded_batch(padding)
    model = build(name)
    logits = model(input_ids=ids, attention_mask=mask).logits
    kept = logits.masked_fill(mask[:, :, None] == 0, float("-inf"))
    expected = torch.log1p(torch.relu(kept.amax(dim=1)))
    assert (expected > 0).float().mean() > 0.05

    weight, bias = split_head(model)
    hidden = model(input_ids=ids, attention_mask=mask).logits
    assert hidden.shape == (4, 24, 64)
    for impl in ("torch", "reference"):
        torch.testing.assert_close(splade_head(hidden, weight, bias, mask, impl=impl), expected, atol=2e-6, rtol=1e-5)


def test_a_model_without_an_output_embedding_is_refused():
    from transformers import BertModel

    with pytest.raises(SpartonError, match="BertModel has no output embedding to take the LM head from"):
        split_head(BertModel(BertConfig(**SMALL, intermediate_size=96)))
