"""Load a checkpoint of transformers, with its tokenizer, from a folder: from safetensors, quietly, asking no hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from ...errors import SpartonError

_USUAL_MAX_LENGTH = 512


@dataclass(frozen=True)
class Checkpoint:
    """A model of transformers, for inference. missing: names of its weights that the folder lacks."""

    model: Any
    tokenizer: Any
    missing: tuple[str, ...]

    @property
    def longest(self) -> int:
        """The most tokens that it takes."""
        config = self.model.config
        positions = getattr(config, "max_position_embeddings", None) or _USUAL_MAX_LENGTH
        # RoBERTa's positions start behind the padding id, so two of them are never used.
        padding = getattr(config, "pad_token_id", None) or 0
        if "roberta" in config.model_type:
            positions -= padding + 1
        return int(min(self.tokenizer.model_max_length, positions))

    def vocabulary(self, size: int) -> tuple[str, ...]:
        """The term of each of so many ids; one that the tokenizer does not know (padding of the embedding) gets a name
        of its own."""
        known = min(size, len(self.tokenizer))
        terms = self.tokenizer.convert_ids_to_tokens(list(range(known)))
        return tuple(term if term is not None else f"[id {i}]" for i, term in enumerate(terms)) + tuple(
            f"[id {i}]" for i in range(known, size)
        )


def load_checkpoint(
    folder: Path, auto_class: str, title: str, *, device: torch.device, dtype: torch.dtype, trust_remote_code: bool
) -> Checkpoint:
    """Load a model folder (config, safetensors, tokenizer). auto_class: of transformers, as "AutoModelForMaskedLM".
    title: of such models, in a sentence.

    Raises SpartonError when it is no such model, or lacks a fast tokenizer.
    """
    import transformers

    try:
        with _quiet_transformers():
            # Files may name others on the hub, as an adapter names its base; only trusted code is fetched so.
            local = not trust_remote_code
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                folder, trust_remote_code=trust_remote_code, local_files_only=local
            )
            model, report = getattr(transformers, auto_class).from_pretrained(
                folder,
                local_files_only=local,
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=trust_remote_code,
                output_loading_info=True,
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SpartonError(f"{folder} cannot be loaded as a {title}: {reason}") from error
    if not tokenizer.is_fast:
        raise SpartonError(f"{folder} has no fast tokenizer (tokenizer.json); save one beside the model")
    model = model.eval().requires_grad_(False).to(device)
    return Checkpoint(model, tokenizer, tuple(sorted(report["missing_keys"])))


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
