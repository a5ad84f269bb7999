"""Small decoders with random weights, and folders of them as transformers, peft and sentence-transformers save them."""

import json

import torch
from support.saved_models import WORDS
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

TOKENS = ["<pad>", "<unk>", "<bos>", "<eos>", *WORDS]
SMALL = {
    "vocab_size": len(TOKENS),
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 1_024,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 3,
}
# Gemma's windows are shorter than texts here, and their caps near the logits.
GEMMA = {"sliding_window": 6, "query_pre_attn_scalar": 16, "final_logit_softcapping": 5.0}
MODELS = {
    "qwen3": lambda **more: Qwen3ForCausalLM(Qwen3Config(**SMALL, tie_word_embeddings=True, **more)),
    "llama": lambda **more: LlamaForCausalLM(LlamaConfig(**SMALL, **more)),
    "mistral": lambda **more: MistralForCausalLM(MistralConfig(**SMALL, sliding_window=6, **more)),
    "gemma2": lambda **more: Gemma2ForCausalLM(Gemma2Config(**SMALL, **GEMMA, attn_logit_softcapping=5.0, **more)),
    "gemma3": lambda **more: Gemma3ForCausalLM(
        Gemma3TextConfig(**SMALL, **GEMMA, layer_types=["sliding_attention", "full_attention"], **more)
    ),
}


def build(name, seed=0, std=0.25, **more):
    """A decoder whose logits spread as those of a trained one do. std: of weights. more: of its configuration."""
    torch.manual_seed(seed)
    model = MODELS[name](**more).eval().requires_grad_(False)
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.normal_(std=std)
        else:
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def save_tokenizer(folder, **options):
    """A tokenizer of whole words that puts <bos> before a text, as Llama's does."""
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(TOKENS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    names = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, padding_side="left", **names, **options).save_pretrained(folder)


def save_decoder(folder, name="qwen3", seed=0, changes=None, **more):
    """A decoder as transformers saves it. changes: to its config.json then."""
    build(name, seed, **more).save_pretrained(folder)
    save_tokenizer(folder)
    change_config(folder, **(changes or {}))
    return folder


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
