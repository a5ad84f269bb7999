"""Weights to impacts: scale, round, keep what is positive."""

import importlib.util
import os
from collections.abc import Callable

import torch

from ...errors import Parameter, SpartonError
from .impacts import LARGEST, Impacts, offsets_of
from .pruning import KEEP_ALL, Pruning


def quantize(weights: torch.Tensor, scale: float, pruning: Pruning = KEEP_ALL) -> Impacts:
    """Round weights to impacts and keep the positive ones that the pruning keeps.

    weights: floating [n, V], none negative. An impact is round(weight * scale), halves to even. Weights on a GPU are
    compacted there, if Triton is installed, to the same impacts.
    Raises SpartonError if a weight is not finite or an impact is above 2^31 - 1.
    """
    return begin_quantize(weights, scale, pruning)()


def begin_quantize(weights: torch.Tensor, scale: float, pruning: Pruning = KEEP_ALL) -> Callable[[], Impacts]:
    """The same in two steps where the weights are on a GPU: what it returns waits for it, and may be called once."""
    if _triton_takes(weights):
        from .quantize_triton import APPLIED, begin_compact

        if pruning.rules <= APPLIED:
            return begin_compact(weights, scale, pruning)
        compacted = begin_compact(weights, scale)  # each rule is asked of all terms
        return lambda: pruning.prune(compacted())
    impacts = pruning.prune(_quantize(weights, scale))
    return lambda: impacts


def _quantize(weights: torch.Tensor, scale: float) -> Impacts:
    rounded = (weights.float() * scale).round_()
    check_heaviest(float(rounded.amax()) if rounded.numel() else 0.0, scale)
    rows, terms = torch.nonzero(rounded, as_tuple=True)
    values = rounded[rows, terms].to(torch.int32).cpu().numpy()
    counts = torch.bincount(rows, minlength=len(rounded)).cpu().numpy()
    return Impacts(offsets_of(counts), terms.to(torch.int32).cpu().numpy(), values)


def check_heaviest(heaviest: float, scale: float) -> None:
    """Raise SpartonError if the heaviest impact of a batch is none, as NaN, infinity and 2^31 are not."""
    if not heaviest <= LARGEST:
        raise SpartonError(
            f"the model gave a weight of {heaviest / scale:g}, which at scale {scale:g} is no impact from 1 to "
            f"{LARGEST}; lower ",
            Parameter("scale"),
            ", or try ",
            Parameter("dtype", "float32"),
            " if the weight is not finite",
        )


def _triton_takes(weights: torch.Tensor) -> bool:
    reachable = weights.is_cuda or os.environ.get("TRITON_INTERPRET") == "1"
    return reachable and importlib.util.find_spec("triton") is not None
