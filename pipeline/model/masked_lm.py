"""Any Hugging Face masked LM, split into a backbone that gives hidden states and the LM head's weight and bias."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from ...errors import SpartonError
from .checkpoint import load_checkpoint
from .forward_check import check_head, probe
from .lm_head import find_head, refuse_by_name
from .spec import EncoderFiles


@dataclass(frozen=True)
class MaskedLM:
    """A language model without its output embedding, masked or causal.

    weight: [V, D] and bias: [V] or None, of the output embedding, in the head's dtype. vocabulary: the term of each of
    the V ids. longest: the most tokens the model takes. soft_cap: c where the model makes c·tanh(x / c) of a logit x.
    ignores_padding: whether a text's hidden states are the same with padding behind it; else only texts of one length
    may share a batch.
    """

    backbone: Any
    weight: torch.Tensor
    bias: torch.Tensor | None
    tokenizer: Any
    vocabulary: tuple[str, ...]
    longest: int
    soft_cap: float | None = None
    ignores_padding: bool = True

    def hidden_states(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """[B, S, D] in the head's dtype, after the model's own head transform, from int64 [B, S] ids and mask."""
        hidden: torch.Tensor = self.backbone(input_ids=input_ids, attention_mask=attention_mask).logits
        return hidden.to(self.weight.dtype)


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

    Raises SpartonError when it is no masked LM, or lacks a tokenizer or the weights of its head, or if its logits are
    not the product of hidden states and its output embedding.
    """
    folder = files.base or files.folder
    refuse_by_name(folder)
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
    size = len(find_head(checkpoint.model).weight)
    vocabulary = checkpoint.vocabulary(size)
    whole = probe(folder, checkpoint.model, checkpoint.tokenizer, checkpoint.longest)
    weight, bias = split_head(checkpoint.model)
    plain = MaskedLM(checkpoint.model, weight, bias, checkpoint.tokenizer, vocabulary, checkpoint.longest)
    padding = checkpoint.tokenizer.pad_token_id or 0
    ignores_padding = check_head(whole, plain.hidden_states, weight, bias, padding)
    return replace(
        plain,
        weight=weight.to(head_dtype),
        bias=None if bias is None else bias.to(head_dtype),
        ignores_padding=ignores_padding,
    )


def split_head(model: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Replace a masked LM's output embedding by the identity, so that its `.logits` are the hidden states [B, S, D].

    Returns the output embedding's weight [V, D] and bias [V] or None, with all that the model adds behind it. Raises
    SpartonError if the model has none.
    """
    head = find_head(model)
    head.take_off()
    return head.weight, head.bias
