"""Whether a language model without its head still says what it said with it: tried on two texts when it is loaded.

The whole model is run as transformers runs it, each text alone, with all that its tokenizer gives. So whatever an
architecture does that is not a product of hidden states and an output embedding, or whatever it needs beside token
ids, shows in the values, and no list of architectures has to be right.
"""

import inspect
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import Parameter, SpartonError
from .checkpoint import reason
from .padded import pad

log = logging.getLogger("sparton")

# Of different lengths, and short: a search loads a model too.
_TEXTS = ("a", "red bag")
_PADDING = 1  # token behind the longest
# Logits of a token that differ by more than this share of their norm are not the same. The head alone is the same
# product again; behind a batch of another shape half precision gives 0.01.
_HEAD = {torch.float32: 1e-4, torch.float64: 1e-4}
_HEAD_IN_HALF = 0.01
_BATCH = {torch.float32: 1e-3, torch.float64: 1e-3}
_BATCH_IN_HALF = 0.05
_NEEDED = "Sparton needs a masked language model as BERT's, whose logits are hidden states times its output embedding"


@dataclass(frozen=True)
class Probe:
    """Texts and what the whole model gave for each. name: of its class. texts: int32 [S]. logits: [S, V]. longest: the
    most tokens that it takes."""

    folder: Path
    name: str
    texts: tuple[np.ndarray, ...]
    logits: tuple[torch.Tensor, ...]
    longest: int


@torch.inference_mode()
def probe(folder: Path, model: Any, tokenizer: Any, longest: int) -> Probe:
    """Run a few texts through a whole model, each alone. folder: it is from. longest: the most tokens that it takes.

    Raises SpartonError for a model that cannot be run on a text.
    """
    name = type(model).__name__
    accepted = inspect.signature(model.forward).parameters

    def run(text: str) -> tuple[np.ndarray, torch.Tensor]:
        given = {key: values[:longest] for key, values in tokenizer(text).items()}
        if not given["input_ids"]:
            given = {"input_ids": [0], "attention_mask": [1]}
        inputs = {key: torch.tensor([values], device=model.device) for key, values in given.items() if key in accepted}
        return np.array(given["input_ids"], np.int32), model(**inputs).logits[0]

    try:
        found = [_told(folder, name, "which cannot be run on a text", partial(run, text)) for text in _TEXTS]
    except SpartonError as error:
        if model.dtype == torch.float32 or error.__cause__ is None:
            raise
        dtype = str(model.dtype).removeprefix("torch.")
        raise SpartonError(
            f"{folder} is a {name}, which cannot be run in {dtype} ({reason(error.__cause__)}); use ",
            Parameter("dtype", "float32"),
        ) from error
    texts, logits = zip(*found, strict=True)
    return Probe(folder, name, texts, logits, longest)


@torch.inference_mode()
def check_head(
    whole: Probe,
    hidden_states: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    padding: int,
) -> bool:
    """Whether texts of different lengths may share a batch, padded on the right with the id `padding`.

    whole: what the model gave with its head. hidden_states: of ids and mask, int64 [B, S], without it.
    Raises SpartonError where the head's product is not what the whole model gave.
    """

    def logits(batch: Sequence[np.ndarray], length: int | None = None) -> torch.Tensor:
        padded = pad(batch, padding, length)
        hidden = hidden_states(padded.ids.to(weight.device), padded.mask.to(weight.device))
        expected = (*padded.ids.shape, weight.shape[1])
        if tuple(hidden.shape) != expected:
            raise ValueError(f"they have the shape {tuple(hidden.shape)}; expected {expected}")
        return torch.nn.functional.linear(hidden.to(weight.dtype), weight, bias)

    def check_alone(row: int) -> None:
        (found,) = _told(
            whole.folder,
            whole.name,
            "whose hidden states before the LM head cannot be had",
            lambda: logits([whole.texts[row]]),
        )
        difference = _difference(found, whole.logits[row])
        if not difference <= _HEAD.get(weight.dtype, _HEAD_IN_HALF):
            raise SpartonError(
                f"{whole.folder} is a {whole.name}, whose logits of a tokenized text are not its hidden states, of "
                f"token ids alone, times its output embedding (they differ by {difference:.2g} of their norm); "
                f"{_NEEDED}"
            )

    check_alone(0)
    length = min(max(map(len, whole.texts)) + _PADDING, whole.longest)
    try:
        together = logits(whole.texts, length)
        if all(
            _difference(found[: len(truth)], truth) <= _BATCH.get(weight.dtype, _BATCH_IN_HALF)
            for found, truth in zip(together, whole.logits, strict=True)
        ):
            return True
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # as of a model that takes no mask
        log.debug("texts of different lengths do not share a batch: %s", error)
    for row in range(1, len(whole.texts)):
        check_alone(row)
    return False


def _told(folder: Path, name: str, what: str, run: Callable[[], Any]) -> Any:
    try:
        return run()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever its code met
        raise SpartonError(f"{folder} is a {name}, {what} ({reason(error)}); {_NEEDED}") from error


def _difference(found: torch.Tensor, truth: torch.Tensor) -> float:
    """The largest difference of a token's logits, as a share of their norm. What is no number must be none in both."""
    if found.shape != truth.shape or not torch.equal(found.isfinite(), truth.isfinite()):
        return float("inf")
    found, truth = (torch.nan_to_num(logits.float(), posinf=0, neginf=0) for logits in (found, truth))
    norm = truth.norm(dim=-1).clamp(min=torch.finfo(torch.float32).tiny)
    return float(((found - truth).norm(dim=-1) / norm).max())
