"""Any Hugging Face masked LM, split into a backbone that gives hidden states and the LM head's weight and bias."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...errors import SpartonError
from .checkpoint import load_checkpoint, reason
from .spec import EncoderFiles


@dataclass(frozen=True)
class MaskedLM:
    """A language model without its output embedding, masked or causal.

    weight: [V, D] and bias: [V] or None, of the output embedding, in the head's dtype. vocabulary: the term of each of
    the V ids. longest: the most tokens the model takes. soft_cap: c where the model makes c·tanh(x / c) of a logit x.
    """

    backbone: Any
    weight: torch.Tensor
    bias: torch.Tensor | None
    tokenizer: Any
    vocabulary: tuple[str, ...]
    longest: int
    soft_cap: float | None = None

    def hidden_states(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """[B, S, D] in the head's dtype, after the model's own head transform, from int64 [B, S] ids and mask."""
        hidden: torch.Tensor = self.backbone(input_ids=input_ids, attention_mask=attention_mask).logits
        return hidden.to(self.weight.dtype)


class _Identity(nn.Module):
    """Stands where the output embedding was. BERT's setter also takes `.bias` from what it is given."""

    def __init__(self, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.bias = bias

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden


def load_masked_lm(
    files: EncoderFiles,
    *,
    device: torch.device,
    dtype: torch.dtype,
    head_dtype: torch.dtype,
    trust_remote_code: bool = False,
) -> MaskedLM:
    """Load a model (config, safetensors, tokenizer) for inference: the backbone in `dtype`, and of the output embedding
    a copy in `head_dtype` if that is another.

    Raises SpartonError when it is no masked LM, or lacks a fast tokenizer or the weights of its head.
    """
    folder = files.base or files.folder
    checkpoint = load_checkpoint(
        folder,
        "AutoModelForMaskedLM",
        "masked language model",
        device=device,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
        adapter=files.folder if files.base else None,
    )
    if names := checkpoint.missing:
        raise SpartonError(
            f"{folder} lacks the weights {', '.join(names[:3])}{' …' if len(names) > 3 else ''}; "
            "Sparton needs a model trained with its masked-LM head"
        )
    weight, bias = split_head(checkpoint.model)
    weight, bias = weight.to(head_dtype), None if bias is None else bias.to(head_dtype)
    lm = MaskedLM(
        checkpoint.model, weight, bias, checkpoint.tokenizer, checkpoint.vocabulary(len(weight)), checkpoint.longest
    )
    _check_forward(folder, lm)
    return lm


@torch.inference_mode()
def _check_forward(folder: Path, lm: MaskedLM) -> None:
    """Raise SpartonError for a model that gives no hidden states once its output embedding is taken out."""
    ids = torch.zeros(1, 1, dtype=torch.int64, device=lm.weight.device)
    expected = (1, 1, lm.weight.shape[1])
    try:
        shape = tuple(lm.hidden_states(ids, torch.ones_like(ids)).shape)
        found = f"they have the shape {shape}; expected {expected}"
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever its code met
        shape, found = (), reason(error)
    if shape != expected:
        name = type(lm.backbone).__name__
        raise SpartonError(
            f"{folder} is a {name}, whose hidden states before the LM head cannot be had ({found}); Sparton needs a "
            "masked language model as BERT's, whose logits are hidden states times its output embedding"
        )


def split_head(model: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Replace a masked LM's output embedding by the identity, so that its `.logits` are the hidden states [B, S, D].

    Returns the output embedding's weight [V, D] and bias [V] or None. Raises SpartonError if the model has none.
    """
    decoder = model.get_output_embeddings()
    if decoder is None or getattr(decoder, "weight", None) is None:
        raise SpartonError(f"{type(model).__name__} has no output embedding to take the LM head from")
    weight, bias = decoder.weight, getattr(decoder, "bias", None)
    model.set_output_embeddings(_Identity(bias))
    return weight.detach(), None if bias is None else bias.detach()
