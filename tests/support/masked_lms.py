"""Small masked language models of five architectures, with random weights."""

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
    """A model of one architecture, the same weights every time."""
    torch.manual_seed(7)
    model = MODELS[name]().eval().requires_grad_(False)
    # A decoder bias of zero, as models are born with, would not show that the bias was lost.
    model.get_output_embeddings().bias.normal_(std=0.3)
    return model
