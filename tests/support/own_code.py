"""A small model that brings its own code, as models written for transformers 4 do: rotary tables and position ids are
buffers that no checkpoint holds."""

import importlib.util
import json

import torch
from safetensors.torch import save_file

from .saved_models import WORDS
from .token_models import save_roberta_tokenizer, scalar

SOURCE = """
import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, MaskedLMOutput, TokenClassifierOutput


class OwnConfig(PretrainedConfig):
    model_type = "own"

    def __init__(self, vocab_size=8, hidden_size=32, heads=2, max_position_embeddings=96, **rest):
        super().__init__(**{"tie_word_embeddings": True, **rest})
        self.vocab_size, self.hidden_size, self.heads = vocab_size, hidden_size, heads
        self.max_position_embeddings = max_position_embeddings


class Rotary(nn.Module):
    def __init__(self, size, longest):
        super().__init__()
        self.register_buffer("inv_freq", 1 / 100 ** (torch.arange(0, size, 2) / size), persistent=False)
        self.fill(longest)

    def fill(self, longest):
        angles = torch.outer(torch.arange(longest).float(), self.inv_freq).repeat(1, 2)
        self.register_buffer("cos_cached", angles.cos(), persistent=False)
        self.register_buffer("sin_cached", angles.sin(), persistent=False)

    def forward(self, states, positions):
        half = torch.cat([-states[..., states.shape[-1] // 2 :], states[..., : states.shape[-1] // 2]], -1)
        cos, sin = self.cos_cached[positions][:, None], self.sin_cached[positions][:, None]
        return states * cos.to(states.dtype) + half * sin.to(states.dtype)


class OwnPreTrainedModel(PreTrainedModel):
    config_class = OwnConfig
    base_model_prefix = "new"

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            module.weight.data.normal_(std=0.02)


class OwnModel(OwnPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.words = nn.Embedding(config.vocab_size, config.hidden_size)
        self.rotary = Rotary(config.hidden_size // config.heads, config.max_position_embeddings)
        self.slope = torch.tensor(1.5)
        self.mix = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size)
        self.register_buffer("position_ids", torch.arange(config.max_position_embeddings), persistent=False)
        self.post_init()

    def get_input_embeddings(self):
        return self.words

    def set_input_embeddings(self, value):
        self.words = value

    def forward(self, input_ids, attention_mask=None, position_ids=None):
        states = self.words(input_ids)
        if position_ids is None:
            position_ids = self.position_ids[: input_ids.shape[1]].expand(input_ids.shape)
        split = [part.unflatten(-1, (self.config.heads, -1)).transpose(1, 2) for part in self.mix(states).chunk(3, -1)]
        query, key = (self.rotary(part, position_ids) for part in split[:2])
        mask = None if attention_mask is None else attention_mask[:, None, None].bool()
        mixed = nn.functional.scaled_dot_product_attention(query * self.slope, key, split[2], attn_mask=mask)
        return BaseModelOutput(self.norm(states + mixed.transpose(1, 2).flatten(2)))


class Head(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(self, states):
        return self.decoder(states)


class OwnForMaskedLM(OwnPreTrainedModel):
    _tied_weights_keys = TIED

    def __init__(self, config):
        super().__init__(config)
        self.new = OwnModel(config)
        self.lm_head = Head(config)
        self.post_init()

    def get_output_embeddings(self):
        return self.lm_head.decoder

    def set_output_embeddings(self, value):
        self.lm_head.decoder = value

    def forward(self, input_ids, attention_mask=None, position_ids=None):
        return MaskedLMOutput(logits=self.lm_head(self.new(input_ids, attention_mask, position_ids)[0]))


class OwnForTokenClassification(OwnPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.new = OwnModel(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, position_ids=None):
        return TokenClassifierOutput(logits=self.classifier(self.new(input_ids, attention_mask, position_ids)[0]))
"""
CLASSES = {"AutoModel": "OwnModel", "AutoModelForMaskedLM": "OwnForMaskedLM"}
CLASSES |= {"AutoModelForTokenClassification": "OwnForTokenClassification"}
AS_A_MAPPING = {"lm_head.decoder.weight": "new.words.weight"}
AS_A_LIST = ["lm_head.decoder.bias", "lm_head.decoder.weight"]  # as transformers 4 had it


def save_own_code(folder, task, tied=AS_A_MAPPING):
    """Save such a model, and return it as its own code builds it. task: MaskedLM, or TokenClassification."""
    folder.mkdir()
    (folder / "modeling.py").write_text(SOURCE.replace("TIED", repr(tied)))
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *(f"▁{word}" for word in WORDS), "<mask>"]
    save_roberta_tokenizer(folder, tokens)
    code = imported(SOURCE.replace("TIED", repr(AS_A_MAPPING)), folder)
    torch.manual_seed(2)
    config = code.OwnConfig(vocab_size=len(tokens), pad_token_id=1, num_labels=1)
    model = getattr(code, f"OwnFor{task}")(config).eval().requires_grad_(False)
    model.new.words.weight.data.normal_()
    model.new.mix.weight.data.normal_(std=0.3)
    if task == "MaskedLM":
        model.lm_head.decoder.bias.data.normal_(mean=-1)
    else:
        model.classifier.load_state_dict(scalar())
    stored = {name: tensor for name, tensor in model.state_dict().items() if name != "lm_head.decoder.weight"}
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    content = {**config.to_diff_dict(), "architectures": ["OwnModel", f"OwnFor{task}"], "id2label": {"0": "LABEL_0"}}
    content["auto_map"] = {"AutoConfig": "modeling.OwnConfig", **{k: f"modeling.{v}" for k, v in CLASSES.items()}}
    (folder / "config.json").write_text(json.dumps(content))
    return model


def imported(source, folder):
    """The module that a source is."""
    path = folder.parent / f"{folder.name}_built.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
