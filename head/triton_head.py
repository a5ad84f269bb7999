"""The fused head in Triton: which kernel, with which blocks."""

import functools

import torch
import triton

from . import autotune
from .configs import Config, HopperConfig, shipped_config
from .inputs import HeadInputs
from .triton_portable import portable_head

# Gluon's warp specialization and layouts are what the Hopper kernel was written for from 3.6 on.
_HAS_GLUON = tuple(int(part) for part in triton.__version__.split(".")[:2]) >= (3, 6)


def triton_head(inputs: HeadInputs, *, with_positions: bool = False) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Weights float32 [B, V], and with them, if asked for, positions int32 [B, V], which may be strided.

    A position is the row of `hidden`, seen as [B * S, D] or [T, D], where the maximum is, within the weight's
    rounding; the last among equals. Where the weight is 0 it means nothing. The gradient needs no more than the two.
    """
    run = functools.partial(run_config, inputs, with_positions=with_positions)
    kernels = kernels_for(inputs)
    # Triton launches on the current device, which need not be that of the tensors.
    with torch.cuda.device_of(inputs.hidden):  # type: ignore[no-untyped-call]
        if autotune.asked_for() and inputs.hidden.is_cuda:
            return run(autotune.tuned_config(inputs, kernels, run))
        return run(shipped_config(inputs, kernels))


def run_config(
    inputs: HeadInputs, config: Config, *, with_positions: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Compute with the kernel that the config is for."""
    if isinstance(config, HopperConfig):
        from .hopper_head import hopper_head

        return hopper_head(inputs, config, with_positions=with_positions)
    return portable_head(inputs, config, with_positions=with_positions)


def kernels_for(inputs: HeadInputs) -> tuple[str, ...]:
    """The kernels that can take these inputs, the better first."""
    return ("portable",) if why_not_hopper(inputs) else ("hopper", "portable")


def why_not_hopper(inputs: HeadInputs) -> str | None:
    """Why the Hopper kernel cannot take these inputs, or None if it can."""
    hidden = inputs.hidden
    if not hidden.is_cuda or torch.version.hip is not None or torch.cuda.get_device_capability(hidden.device) != (9, 0):
        return "it needs a GPU of compute capability 9.0"
    if not _HAS_GLUON:
        return f"it needs Triton 3.6, and {triton.__version__} is installed"
    if hidden.dtype not in (torch.bfloat16, torch.float16):
        return f"it multiplies bfloat16 and float16, not {hidden.dtype}"
    if hidden.shape[-1] % 8:
        return "TMA loads rows of a multiple of 16 bytes"
    # With a mask, slots come in windows of 8.
    slots = inputs.tokens if inputs.mask is None else len(hidden) * (-(-hidden.shape[1] // 8) * 8)
    if slots >= 2**30 or slots // 256 * (inputs.vocabulary // 128) >= 2**30:
        return "it counts slots and tiles in 32 bits"
    return None
