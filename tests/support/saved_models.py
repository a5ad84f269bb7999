"""Small models with random weights, saved by sentence-transformers itself."""

from importlib.util import find_spec

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertTokenizer

# Not pytest.importorskip, which imports it, for seconds, wherever the tests are only collected.
needs_sentence_transformers = pytest.mark.skipif(
    find_spec("sentence_transformers") is None, reason="sentence-transformers is not installed (extra test)"
)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_WORDS = """
black red tan brown leather bag bags suede clutch evening small large shoulder strap gold brass buckle
query document passage search text find for the a of in with and : , . - ##s ##ed ##ing 1 2 3 4 5 6 7
"""
WORDS = [*_WORDS.split(), *(f"word{i}" for i in range(150))]
TEXTS = [
    "small black leather bag",
    "bag",
    "brown suede clutch with brass buckle, and gold straps",
    "black black bag and a zzz bag",
    " ".join(f"word{i}" for i in range(0, 150, 3)),
]


def save_masked_lm(folder, seed=0, **tokenizer_options):
    """A masked LM of two layers, saved as transformers saves it."""
    torch.manual_seed(seed)
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *WORDS])}
    model = BertForMaskedLM(
        BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=48,
            max_position_embeddings=96,
        )
    )
    # Untrained logits are near 0; these spread, as those of a trained model do.
    model.get_output_embeddings().weight.data.normal_(std=0.4)
    model.get_output_embeddings().bias.data.normal_(mean=-1.0, std=0.5)
    model.save_pretrained(folder)
    BertTokenizer(vocab=vocabulary, **{"model_max_length": 96, **tokenizer_options}).save_pretrained(folder)
    return folder


def transformer(folder, **options):
    from sentence_transformers.base.modules import Transformer

    return Transformer(str(folder), transformer_task="fill-mask", **options)


def splade(folder, pooling="max", activation="relu", **options):
    """Transformer and SpladePooling."""
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    return [transformer(folder, **options), SpladePooling(pooling, activation_function=activation)]


def static(folder, weight=None):
    """A SparseStaticEmbedding with random weights, some of them 0."""
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding

    tokenizer = BertTokenizer.from_pretrained(folder)
    if weight is None:
        weight = torch.rand(len(tokenizer), generator=torch.Generator().manual_seed(5)) * 5
        weight[::7] = 0
    return SparseStaticEmbedding(tokenizer, weight=weight)


def save(modules, folder, **options):
    """Save modules as a SparseEncoder, and load it again from there."""
    from sentence_transformers import SparseEncoder

    SparseEncoder(modules=modules, device="cpu", **options).save(str(folder), create_model_card=False)
    return SparseEncoder(str(folder), device="cpu")
