"""A language model of transformers, masked or causal, split into a backbone that gives hidden states and the LM head's
weight and bias."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn import functional

from .checkpoint import Checkpoint
from .forward_check import Claim, check_parts, probe
from .lm_head import find_head


@dataclass(frozen=True)
class LanguageModel:
    """A language model without its output embedding.

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


def split(checkpoint: Checkpoint, needed: str, head_dtype: torch.dtype, scale: float = 1.0) -> LanguageModel:
    """Take the LM head off a model. needed: by Sparton, in a sentence. head_dtype: of the copy of it, if that is
    another. scale: multiplies logits.

    Raises SpartonError if it has none, or if its logits are not the product of hidden states and output embedding.
    """
    model = checkpoint.model
    vocabulary = checkpoint.vocabulary(len(find_head(model).weight))
    claim = Claim(
        "whose hidden states before the LM head cannot be had",
        "whose logits of a tokenized text are not its hidden states, of token ids alone, times its output embedding",
        needed,
    )
    whole = probe(checkpoint, claim, lambda output: output.logits)
    weight, bias = split_head(model)
    cap = getattr(model.config, "final_logit_softcapping", None)
    if cap is not None:
        model.config.final_logit_softcapping = None

    def logits(hidden: torch.Tensor) -> torch.Tensor:
        found = functional.linear(hidden, weight, bias)
        return found if cap is None else (found / cap).tanh() * cap

    plain = LanguageModel(model, weight, bias, checkpoint.tokenizer, vocabulary, checkpoint.longest, cap)
    padding = checkpoint.tokenizer.pad_token_id or 0
    ignores_padding = check_parts(whole, plain.hidden_states, weight.shape[1], logits, padding)
    return replace(
        plain,
        weight=(weight if scale == 1 else weight * scale).to(head_dtype),
        bias=None if bias is None else (bias * scale).to(head_dtype),
        ignores_padding=ignores_padding,
    )


def split_head(model: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Replace a language model's output embedding by the identity, so that its `.logits` are the hidden states
    [B, S, D].

    Returns the output embedding's weight [V, D] and bias [V] or None, with all that the model adds behind it. Raises
    SpartonError if the model has none.
    """
    head = find_head(model)
    head.take_off()
    return head.weight, head.bias
