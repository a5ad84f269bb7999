"""The identity trick: any masked LM gives its hidden states, and the fused head then gives the plain model's result."""

import pytest
import torch
from support.masked_lms import MODELS, SMALL, build

from sparton.errors import SpartonError
from sparton.head import splade_head
from sparton.pipeline.model.language_model import split_head


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
    from transformers import BertConfig, BertModel

    with pytest.raises(SpartonError, match="BertModel has no output embedding to take the LM head from"):
        split_head(BertModel(BertConfig(**SMALL, intermediate_size=96)))
