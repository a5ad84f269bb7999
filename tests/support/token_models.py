"""Small models whose tokens are weighed by a scalar, with random weights, laid out as their publishers do; and what
each one's definition makes of a text, with transformers alone."""

import json

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertModel,
    BertTokenizer,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from .saved_models import SPECIAL, WORDS

WIDTH = 32
SMALL = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}


def scalar(seed=3):
    """w and b, by which three of four tokens weigh more than nothing."""
    generator = torch.Generator().manual_seed(seed)
    return {"weight": torch.randn(1, WIDTH, generator=generator) * 0.5, "bias": torch.tensor([2.0])}


def save_xlm_roberta(folder, seed=0):
    """A backbone as BGE-M3's: ids of XLM-RoBERTa, positions from behind the padding's."""
    torch.manual_seed(seed)
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *(f"▁{word}" for word in WORDS), "<mask>"]
    model = XLMRobertaModel(
        XLMRobertaConfig(
            **SMALL,
            vocab_size=len(tokens),
            max_position_embeddings=98,
            type_vocab_size=1,
            pad_token_id=1,
            bos_token_id=0,
            eos_token_id=2,
        )
    )
    spread(model).save_pretrained(folder)
    save_roberta_tokenizer(folder, tokens)
    return folder


def save_roberta_tokenizer(folder, tokens):
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=96, **{f"{name}_token": token for name, token in names.items()}
    ).save_pretrained(folder)


def spread(model):
    """The same model with embeddings that differ as those of a trained one."""
    model.get_input_embeddings().weight.data.normal_()
    return model.eval()


def save_bge_m3(folder, *, pickled=True):
    """As BAAI/bge-m3, but for safetensors: a dense model's modules, and the other heads beside it."""
    save_xlm_roberta(folder)
    heads = {"sparse_linear": scalar(), "colbert_linear": {"weight": torch.randn(WIDTH, WIDTH)}}
    for name, tensors in heads.items():
        if pickled:
            torch.save(tensors, folder / f"{name}.pt")
        else:
            save_file(tensors, folder / f"{name}.safetensors")
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    (folder / "modules.json").write_text(
        json.dumps(
            [
                {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{name}"}
                for i, (path, name) in enumerate(modules)
            ]
        )
    )
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": WIDTH}))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 96, "do_lower_case": False}))
    return folder


def save_bert(folder, names):
    """A BERT and a scalar in one file. names: gives the stored name of a weight of the backbone, or of the scalar."""
    torch.manual_seed(1)
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *WORDS])}
    model = spread(BertModel(BertConfig(**SMALL, vocab_size=len(vocabulary), max_position_embeddings=96)))
    model.save_pretrained(folder)
    BertTokenizer(vocab=vocabulary, model_max_length=96).save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    tensors = {names(f"bert.{name}"): tensor for name, tensor in weights.items()}
    tensors |= {names(f"tok_proj.{name}"): tensor for name, tensor in scalar().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder, model


def save_unicoil(folder):
    return save_bert(folder, lambda name: f"coil_encoder.{name}")


def save_tildev2(folder):
    return save_bert(folder, lambda name: name)


@torch.no_grad()
def token_scores(folder, texts, model=None):
    """Of each text its token ids and relu(w·h + b) of each, run alone in float32, and the tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval() if model is None else model
    linear = torch.nn.Linear(WIDTH, 1)
    linear.load_state_dict(scalar())
    found = []
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=96)
        found.append((inputs.input_ids[0].tolist(), torch.relu(linear(model(**inputs)[0]))[0, :, 0].tolist()))
    return tokenizer, found


def lexical_weights(folder, texts, model=None):
    """What the definition of BGE-M3, and gte's, makes of texts: {token: weight}, the highest of equal tokens."""
    tokenizer, scored = token_scores(folder, texts, model)
    unused = {tokenizer.cls_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id}
    return [by_token(tokenizer, ids, weights, unused, max) for ids, weights in scored]


def by_token(tokenizer, ids, weights, unused, pool):
    """{token: weight} of a text. pool: makes one weight of those of equal tokens."""
    every = {}
    for token, weight in zip(ids, weights, strict=True):
        if token not in unused:
            every.setdefault(token, []).append(weight)
    pooled = {tokenizer.convert_ids_to_tokens(token): pool(weights) for token, weights in every.items()}
    return {token: weight for token, weight in pooled.items() if weight > 0}


def rounded(vector, scale=100):
    """{term: impact}, of those that have one."""
    found = {
        term: int(torch.round(torch.tensor(weight, dtype=torch.float32) * scale)) for term, weight in vector.items()
    }
    return {term: impact for term, impact in found.items() if impact}
