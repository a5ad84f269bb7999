"""What a language model multiplies its hidden states by, and how that is taken off.

Whether the model's logits are that product is not known here; forward_check.py finds out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...errors import SpartonError
from .layout import read_object

# What may not even be loaded, by model_type: some of it fetches code, and some of it errs for longer texts alone.
_REFUSED = {
    "mra": "whose attention is a CUDA kernel that transformers fetches from the hub, and which is zero without it",
    "yoso": "whose attention is a CUDA kernel that transformers fetches from the hub",
    "reformer": "which hashes a long text's tokens at random, so that it would have other weights each time",
}


@dataclass(frozen=True)
class LMHead:
    """The last product of a language model: logits = hidden states · weightᵀ + bias.

    weight: [V, D]. bias: [V] or None. take_off: changes the model so that its `.logits` are hidden states [B, S, D].
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    take_off: Callable[[], None]


class _Identity(nn.Module):
    """Stands where the output embedding was. BERT's setter also takes `.bias` from what it is given."""

    def __init__(self, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.bias = bias

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden


class _Transform(nn.Module):
    """A head of DeBERTa up to its product with the input embedding."""

    def __init__(self, head: Any) -> None:
        super().__init__()
        self.dense, self.activation, self.norm = head.dense, head.transform_act_fn, head.LayerNorm

    def forward(self, hidden: torch.Tensor, word_embeddings: nn.Module) -> torch.Tensor:
        transformed: torch.Tensor = self.norm(self.activation(self.dense(hidden)))
        return transformed


def refuse_by_name(folder: Path) -> None:
    """Raise SpartonError for an architecture that must not be loaded."""
    model_type = read_object(folder / "config.json").get("model_type")
    if isinstance(model_type, str) and model_type in _REFUSED:
        raise SpartonError(
            f"{folder} is of the architecture {model_type}, {_REFUSED[model_type]}; use a model of another architecture"
        )


def find_head(model: Any) -> LMHead:
    """The LM head of a model, which stays on it for now. Raises SpartonError if the model has none."""
    return _of_two_matrices(model) or _with_the_input_embedding(model) or _of_an_output_embedding(model)


def _of_two_matrices(model: Any) -> LMHead | None:
    """MobileBERT's: a row is that of the input embedding, and more columns behind it."""
    if type(model).__name__ != "MobileBertForMaskedLM":
        return None
    predictions = model.cls.predictions
    weight = torch.cat([predictions.decoder.weight.detach(), predictions.dense.weight.detach().t()], dim=1)

    def take_off() -> None:
        model.cls.predictions = predictions.transform

    return LMHead(weight, predictions.decoder.bias.detach(), take_off)


def _with_the_input_embedding(model: Any) -> LMHead | None:
    """DeBERTa's own (`legacy: false`), which is given the input embedding and has only a bias."""
    head = getattr(getattr(model, "lm_predictions", None), "lm_head", None)
    if head is None or not hasattr(head, "transform_act_fn"):
        return None

    def take_off() -> None:
        model.lm_predictions.lm_head = _Transform(head)

    return LMHead(model.get_input_embeddings().weight.detach(), head.bias.detach(), take_off)


def _of_an_output_embedding(model: Any) -> LMHead:
    try:
        decoder = model.get_output_embeddings()
    except (AttributeError, NotImplementedError):
        decoder = None
    weight = getattr(decoder, "weight", None)
    if decoder is None or weight is None or weight.ndim != 2:
        raise SpartonError(f"{type(model).__name__} has no output embedding to take the LM head from")
    bias = getattr(decoder, "bias", None)
    owner, name = _added_behind(model, decoder, len(weight))
    added = getattr(owner, name) if owner is not None else None
    total = bias if added is None else added.view(-1) if bias is None else bias + added.view(-1)

    def take_off() -> None:
        model.set_output_embeddings(_Identity(bias))
        if added is not None:
            zero = torch.zeros_like(added.view(-1)[:1])
            setattr(owner, name, nn.Parameter(zero, requires_grad=False) if name == "bias" else zero)

    return LMHead(weight.detach(), None if total is None else total.detach(), take_off)


def _added_behind(model: Any, decoder: Any, size: int) -> tuple[Any, str]:
    """Where a bias is that a model adds to what the output embedding gives, or None: BART and its kin, and ESM."""
    buffer = getattr(model, "final_logits_bias", None)
    if isinstance(buffer, torch.Tensor) and buffer.numel() == size:
        return model, "final_logits_bias"
    if getattr(decoder, "bias", None) is None:
        for module in model.modules():
            beside = getattr(module, "bias", None)
            if decoder in module.children() and isinstance(beside, torch.Tensor) and beside.shape == (size,):
                return module, "bias"
    return None, ""
