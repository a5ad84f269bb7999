"""Any Hugging Face masked LM, split into a backbone that gives hidden states and the LM head's weight and bias."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from ...errors import SpartonError

_USUAL_MAX_LENGTH = 512


@dataclass(frozen=True)
class MaskedLM:
    """A masked LM without its output embedding.

    weight: [V, D] and bias: [V] or None, of the output embedding, in the head's dtype. vocabulary: the term of each of
    the V ids. longest: the most tokens the model takes.
    """

    backbone: Any
    weight: torch.Tensor
    bias: torch.Tensor | None
    tokenizer: Any
    vocabulary: tuple[str, ...]
    longest: int

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
    folder: Path, *, device: torch.device, dtype: torch.dtype, head_dtype: torch.dtype, trust_remote_code: bool = False
) -> MaskedLM:
    """Load a model folder (config, safetensors, tokenizer) for inference: the backbone in `dtype`, and of the output
    embedding a copy in `head_dtype` if that is another.

    Raises SpartonError when it is no masked LM, or lacks a fast tokenizer or the weights of its head.
    """
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    try:
        with _quiet_transformers():
            # Files may name others on the hub, as an adapter names its base; only trusted code is fetched so.
            local = not trust_remote_code
            tokenizer = AutoTokenizer.from_pretrained(
                folder, trust_remote_code=trust_remote_code, local_files_only=local
            )
            model, report = AutoModelForMaskedLM.from_pretrained(
                folder,
                local_files_only=local,
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=trust_remote_code,
                output_loading_info=True,
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SpartonError(f"{folder} cannot be loaded as a masked language model: {reason}") from error
    if report["missing_keys"]:
        names = sorted(report["missing_keys"])
        raise SpartonError(
            f"{folder} lacks the weights {', '.join(names[:3])}{' …' if len(names) > 3 else ''}; "
            "Sparton needs a model trained with its masked-LM head"
        )
    if not tokenizer.is_fast:
        raise SpartonError(f"{folder} has no fast tokenizer (tokenizer.json); save one beside the model")
    model = model.eval().requires_grad_(False).to(device)
    weight, bias = split_head(model)
    weight, bias = weight.to(head_dtype), None if bias is None else bias.to(head_dtype)
    return MaskedLM(model, weight, bias, tokenizer, _vocabulary(tokenizer, len(weight)), _longest(tokenizer, model))


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


def _vocabulary(tokenizer: Any, size: int) -> tuple[str, ...]:
    """The term of each id; ids that the tokenizer does not know (padding of the embedding) get a name of their own."""
    known = min(size, len(tokenizer))
    terms = tokenizer.convert_ids_to_tokens(list(range(known)))
    return tuple(term if term is not None else f"[id {i}]" for i, term in enumerate(terms)) + tuple(
        f"[id {i}]" for i in range(known, size)
    )


def _longest(tokenizer: Any, model: Any) -> int:
    positions = getattr(model.config, "max_position_embeddings", None) or _USUAL_MAX_LENGTH
    # RoBERTa's positions start behind the padding id, so two of them are never used.
    padding = getattr(model.config, "pad_token_id", None) or 0
    if "roberta" in model.config.model_type:
        positions -= padding + 1
    return int(min(tokenizer.model_max_length, positions))


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Loading prints bars and advice about unused weights; what matters of it is checked here."""
    from transformers.utils import logging

    hf_logging: Any = logging
    before, bars = hf_logging.get_verbosity(), hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        hf_logging.set_verbosity(before)
        if bars:
            hf_logging.enable_progress_bar()
