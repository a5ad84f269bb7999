"""Weights to impacts: scale, round, keep what is positive."""

import importlib.util
import os
from collections.abc import Callable

import torch

from ...errors import Parameter, SpartonError
from .impacts import LARGEST, Impacts, heaviest_terms, offsets_of


def quantize(weights: torch.Tensor, scale: float, top_terms: int | None = None) -> Impacts:
    """Round weights to impacts and keep the positive ones.

    weights: floating [n, V], none negative. An impact is round(weight * scale), halves to even. With `top_terms`,
    only that many of a row's heaviest are kept, the lower term id first among equals. Weights on a GPU are compacted
    there, if Triton is installed, to the same impacts.
    Raises SpartonError if a weight is not finite or an impact is above 2^31 - 1.
    """
    return begin_quantize(weights, scale, top_terms)()


def begin_quantize(weights: torch.Tensor, scale: float, top_terms: int | None = None) -> Callable[[], Impacts]:
    """The same in two steps where the weights are on a GPU: what it returns waits for it, and may be called once."""
    if _triton_takes(weights):
        from .quantize_triton import begin_compact

        return begin_compact(weights, scale, top_terms)
    impacts = _quantize(weights, scale, top_terms)
    return lambda: impacts


def _quantize(weights: torch.Tensor, scale: float, top_terms: int | None) -> Impacts:
    rounded = (weights.float() * scale).round_()
    check_heaviest(float(rounded.amax()) if rounded.numel() else 0.0, scale)
    rows, terms = torch.nonzero(rounded, as_tuple=True)
    values = rounded[rows, terms].to(torch.int32).cpu().numpy()
    counts = torch.bincount(rows, minlength=len(rounded)).cpu().numpy()
    impacts = Impacts(offsets_of(counts), terms.to(torch.int32).cpu().numpy(), values)
    return impacts if top_terms is None else heaviest_terms(impacts, top_terms)


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
