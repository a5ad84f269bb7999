"""A tiny model with random weights of every architecture that AutoModelForMaskedLM knows."""

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import CONFIG_MAPPING, AutoModelForMaskedLM, PreTrainedTokenizerFast

SIZE = 160
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_LETTERS = (*_SPECIAL, *"abcdefghijklmnopqrstuvwxyz0123456789.,()'-")
WORDS = (*_LETTERS, *(f"w{number}" for number in range(SIZE - len(_LETTERS))))
# Sizes by the names that configurations give them.
_TINY = {
    **dict.fromkeys(("vocab_size", "n_words"), SIZE),
    **dict.fromkeys(("hidden_size", "d_model", "emb_dim", "dim"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layers"), 2),
    **dict.fromkeys(("encoder_layers", "decoder_layers", "num_decoder_layers"), 1),
    **dict.fromkeys(("num_attention_heads", "n_heads", "n_head", "num_key_value_heads"), 2),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "encoder_ffn_dim", "decoder_ffn_dim", "d_inner"), 48),
    **dict.fromkeys(("head_dim", "d_head", "embedding_size", "embedding_rank", "embedding_dim"), 16),
    **dict.fromkeys(("input_embedding_size", "output_embedding_size", "entity_emb_size"), 16),
    **dict.fromkeys(("shape_embed_dim", "pronunciation_embed_dim", "intra_bottleneck_size"), 16),
    **dict.fromkeys(("entity_vocab_size", "shape_vocab_size", "pronunciation_vocab_size"), 20),
    **dict.fromkeys(("max_2d_position_embeddings", "max_position_embeddings"), 80),
    "attention_window": 8,
    "pad_token_id": 0,
    "image_token_id": SIZE - 1,
    **dict.fromkeys(("bos_token_id", "cls_token_id"), 2),
    **dict.fromkeys(("eos_token_id", "sep_token_id", "decoder_start_token_id"), 3),
}
_VISION = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "image_size": 8,
    "patch_size": 4,
}
# What those sizes leave impossible, or large.
_MORE = {
    "funnel": {"block_sizes": [1, 1]},
    "layoutlm": {"max_2d_position_embeddings": 1024},
    "mobilebert": {"intra_bottleneck_size": 16, "num_feedforward_networks": 1},
    "modernvbert": {"vision_config": _VISION},
    "perceiver": {"d_latents": 16, "num_latents": 4, "num_self_attends_per_block": 1},
    "reformer": {"axial_pos_embds_dim": [16, 16], "axial_pos_shape": [8, 10], "attn_layers": ["local", "lsh"]},
    "squeezebert": {"embedding_size": 32},
    "ultravbert": {"vision_config": _VISION},
    "xlm": {"bos_index": 2, "eos_index": 3, "pad_index": 0},
    "xmod": {"default_language": "en_XX"},
}


def save_tiny(name, folder, **options):
    """Save a model of one architecture with a tokenizer of WORDS. options: of its configuration, beside the sizes."""
    torch.manual_seed(1)
    model = AutoModelForMaskedLM.from_config(_config(name, options)).eval().requires_grad_(False)
    # Biases of zero and norms of one, as models are born with, would not show that one was lost.
    for parameter in model.parameters():
        parameter += torch.randn_like(parameter) * 0.1
    if hasattr(model, "final_logits_bias"):
        model.final_logits_bias.normal_()
    model.save_pretrained(folder)
    save_words(folder)
    return model


def save_words(folder):
    """Save a fast tokenizer of WORDS."""
    tokenizer = Tokenizer(
        models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]", continuing_subword_prefix="")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), _SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)


def _config(name, options):
    of_its_own = CONFIG_MAPPING[name]()
    sizes = {key: value for key, value in _TINY.items() if hasattr(of_its_own, key)} | _MORE.get(name, {})
    if name == "funnel":
        del sizes["num_hidden_layers"]
    if "vision_config" in sizes:
        text = of_its_own.text_config
        sizes["text_config"] = {key: value for key, value in _TINY.items() if hasattr(text, key)} | {
            "model_type": text.model_type
        }
    return CONFIG_MAPPING[name](**sizes | options)
