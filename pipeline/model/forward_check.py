"""Whether a model that was taken apart still says what it said whole: tried on two short texts when it is loaded.

The whole model is run as transformers runs it, on one text alone, with all that its tokenizer gives. So whatever an
architecture does that is not a product of hidden states and an output embedding, or whatever it needs beside token
ids, shows in the values, and no list of architectures has to be right. Every kind of model that computes is tried so.
"""

import inspect
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import Parameter, SpartonError
from .checkpoint import Checkpoint, reason
from .padded import pad

log = logging.getLogger("sparton")

# Of different lengths, and short: a search loads a model too. The first is compared, alone and beside the other.
_TEXTS = ("red bag", "a")
_PADDING = 3  # tokens behind the longest
# What is said of a token that differs by more than this share of its norm is not the same. The same product again
# gives the same; behind a batch of another shape half precision gives 0.01, and in a deep model more: then up to so
# many times what another shape alone gives, and not more.
_SAME, _SAME_IN_HALF = 1e-4, 0.01
_BATCH, _BATCH_IN_HALF = 1e-3, 0.05
_TIMES, _UTMOST = 3, 0.15
_HALF = (torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Claim:
    """What has to be so of a model, in the words of a sentence that says it is not.

    unavailable: where its parts cannot be run. different: where they say something else. needed: what to use.
    """

    unavailable: str
    different: str
    needed: str


@dataclass(frozen=True)
class Probe:
    """Texts, and what the whole model said of the first, [S, N]. name: of its class. texts: int32 [S]. longest: the
    most tokens that it takes."""

    folder: Path
    name: str
    claim: Claim
    texts: tuple[np.ndarray, ...]
    said: torch.Tensor
    longest: int


@torch.inference_mode()
def probe(checkpoint: Checkpoint, claim: Claim, output: Callable[[Any], torch.Tensor]) -> Probe:
    """Run a text through a whole model. output: gives [1, S, N] of what that returns.

    Raises SpartonError for a model that cannot be run on a text.
    """
    model, folder = checkpoint.model, checkpoint.folder
    name = type(model).__name__
    accepted = inspect.signature(model.forward).parameters
    texts = [_tokenized(checkpoint, text) for text in _TEXTS]

    def run() -> torch.Tensor:
        given = {key: torch.tensor([values], device=model.device) for key, values in texts[0].items()}
        return output(model(**{key: values for key, values in given.items() if key in accepted}))[0]

    try:
        said = _told(folder, name, claim, "which cannot be run on a text", run)
    except SpartonError as error:
        if model.dtype == torch.float32 or error.__cause__ is None:
            raise
        dtype = str(model.dtype).removeprefix("torch.")
        raise SpartonError(
            f"{folder} is a {name}, which cannot be run in {dtype} ({reason(error.__cause__)}); use ",
            Parameter("dtype", "float32"),
        ) from error
    ids = tuple(np.array(given["input_ids"], np.int32) for given in texts)
    return Probe(folder, name, claim, ids, said, checkpoint.longest)


@torch.inference_mode()
def check_parts(
    whole: Probe,
    hidden_states: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    width: int,
    finish: Callable[[torch.Tensor], torch.Tensor],
    padding: int,
) -> bool:
    """Whether a text's hidden states are the same beside others and with padding behind it (the id `padding`), so that
    texts of different lengths may share a batch.

    hidden_states: [B, S, width] of ids and mask, int64 [B, S]. finish: makes what the whole model says, [S, N], of
    those of a text.
    Raises SpartonError where the parts say something else.
    """
    first, device, half = whole.texts[0], whole.said.device, whole.said.dtype in _HALF

    def difference(batch: Sequence[np.ndarray], length: int | None = None) -> float:
        padded = pad(batch, padding, length)
        hidden = hidden_states(padded.ids.to(device), padded.mask.to(device))
        expected = (*padded.ids.shape, width)
        if tuple(hidden.shape) != expected:
            raise ValueError(f"they have the shape {tuple(hidden.shape)}; expected {expected}")
        return _difference(finish(hidden[0, : len(first)]), whole.said)

    same = _SAME_IN_HALF if half else _SAME
    together = float("inf")
    try:
        together = difference(whole.texts, min(max(map(len, whole.texts)) + _PADDING, whole.longest))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # as of a model that takes no mask
        log.debug("texts of different lengths do not share a batch: %s", error)
    if together <= same:
        return True
    alone = _told(whole.folder, whole.name, whole.claim, whole.claim.unavailable, lambda: difference([first]))
    if not alone <= same:
        raise SpartonError(
            f"{whole.folder} is a {whole.name}, {whole.claim.different} (they differ by {alone:.2g} of their norm); "
            f"{whole.claim.needed}"
        )
    if half and _BATCH_IN_HALF < together <= _UTMOST:
        return together <= _TIMES * difference([first, first])
    return together <= (_BATCH_IN_HALF if half else _BATCH)


def _tokenized(checkpoint: Checkpoint, text: str) -> dict[str, list[int]]:
    """All that a tokenizer gives for a text, cut at what the model takes."""
    given = {key: values[: checkpoint.longest] for key, values in checkpoint.tokenizer(text).items()}
    return given if given["input_ids"] else {"input_ids": [0], "attention_mask": [1]}


def _told(folder: Path, name: str, claim: Claim, what: str, run: Callable[[], Any]) -> Any:
    try:
        return run()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever its code met
        raise SpartonError(f"{folder} is a {name}, {what} ({reason(error)}); {claim.needed}") from error


def _difference(found: torch.Tensor, truth: torch.Tensor) -> float:
    """The largest difference of a token, as a share of its norm. What is no number must be none in both."""
    if found.shape != truth.shape or not torch.equal(found.isfinite(), truth.isfinite()):
        return float("inf")
    found, truth = (torch.nan_to_num(values.float(), posinf=0, neginf=0) for values in (found, truth))
    norm = truth.norm(dim=-1).clamp(min=torch.finfo(torch.float32).tiny)
    return float(((found - truth).norm(dim=-1) / norm).max())
