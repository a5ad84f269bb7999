"""MiniLM as a masked language model with a new head, and as the dense teacher that it was trained to be."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from token_lists import TokenLists
from torch import nn
from transformers import BertConfig, BertForMaskedLM, BertModel

# A bias that no logit outweighs: documents never have the terms that nobody can search for.
NEVER = -100.0


def load_bert(folder: Path) -> BertModel:
    """The encoder, in float32 and without dropout.

    cuDNN's attention plans anew for each shape, which takes longer than the attention of a batch, so it is turned off.
    """
    torch.backends.cuda.enable_cudnn_sdp(False)
    config = BertConfig.from_pretrained(folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    model = BertModel(config, add_pooling_layer=False)
    weights = load_file(folder / "model.safetensors")
    kept = {name: weights[name].float() for name in model.state_dict() if name in weights}
    model.load_state_dict(kept)
    return model


def masked_lm(folder: Path, unsearchable: np.ndarray, seed: int) -> BertForMaskedLM:
    """The encoder under a new transform (dense, GELU, LayerNorm), with a decoder that is tied to the embeddings.

    unsearchable: token ids that never become terms. A sparse model needs no dropout: the maximum over tokens would
    take whatever dropout makes large.
    """
    torch.manual_seed(seed)
    encoder = load_bert(folder)
    lm = BertForMaskedLM(encoder.config)
    lm.bert.load_state_dict(encoder.state_dict())
    lm.tie_weights()
    decoder = lm.get_output_embeddings()
    assert decoder.weight is lm.get_input_embeddings().weight
    with torch.no_grad():
        decoder.bias.zero_()
        decoder.bias[torch.from_numpy(unsearchable)] = NEVER
    return lm


def compile_layers(lm: BertForMaskedLM) -> None:
    """Have PyTorch compile the layers, for all shapes at once. It takes a minute, and a step then half of the time."""
    for layer in lm.bert.encoder.layer:
        layer.compile(dynamic=True)


class DenseTeacher(nn.Module):
    """MiniLM's vectors of texts: the mean of the last hidden states, of length 1."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.bert = load_bert(folder).eval()

    @torch.inference_mode()
    def vectors(self, texts: TokenLists, numbers: np.ndarray | None = None, tokens: int = 2**17) -> torch.Tensor:
        """float16 [N, D] on the texts' device. numbers: of some texts, None for all. tokens: of a batch, padding
        included."""
        device = texts.flat.device
        chosen = np.arange(len(texts)) if numbers is None else numbers
        found = torch.empty(len(chosen), self.bert.config.hidden_size, dtype=torch.float16, device=device)
        for group in texts.groups(chosen, tokens):
            ids, mask = texts.rows(chosen[group])
            with torch.autocast(device.type, torch.float16, enabled=device.type == "cuda"):
                hidden = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
            mean = (hidden.float() * mask[:, :, None]).sum(dim=1)
            found[torch.from_numpy(group).to(device)] = nn.functional.normalize(mean, dim=1).half()
        return found
