"""Weights to impacts: scale, round, keep what is positive."""

import importlib.util
import os
from collections.abc import Callable

import numpy as np
import torch

from ...errors import Parameter, SpartonError
from .impacts import LARGEST, Impacts
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
    count, size = weights.shape
    places, values = _nonzero(weights.float().reshape(-1))
    with np.errstate(over="ignore"):  # infinity is told of below
        rounded = np.rint(values * np.float32(scale))
    check_heaviest(float(rounded.max(initial=0.0)), scale)
    kept = rounded > 0
    places = places[kept]
    offsets = np.searchsorted(places, np.arange(count + 1) * size)
    return Impacts(offsets, (places % max(1, size)).astype(np.int32), rounded[kept].astype(np.int32))


def _nonzero(weights: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Where weights [n] are not zero, as NaN is not, and those weights."""
    if weights.is_cuda:
        places = weights.nonzero()[:, 0]
        return places.cpu().numpy(), weights[places].cpu().numpy()
    values = weights.numpy()
    found = np.flatnonzero(values != 0)  # in a tenth of the time that PyTorch takes, or NumPy for floats
    return found, values[found]


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
