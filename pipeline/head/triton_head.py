"""The fused head in Triton: which kernel, with which blocks."""

import functools

import torch

from . import autotune
from .configs import Config, HopperConfig, shipped_config
from .inputs import HeadInputs
from .portable_kernel import portable_head


def triton_head(inputs: HeadInputs, *, with_positions: bool = False) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Weights float32 [B, V], and with them, if asked for, positions int32 [B, V].

    A position is the row of `hidden`, seen as [B * S, D] or [T, D], where the maximum stands; the last among equals.
    Where the weight is 0 it means nothing. The gradient needs no more than the two.
    """
    run = functools.partial(_run, inputs, with_positions=with_positions)
    kernels = ("portable",) if why_not_hopper(inputs) else ("hopper", "portable")
    # Triton launches on the current device, which need not be that of the tensors.
    with torch.cuda.device_of(inputs.hidden):  # type: ignore[no-untyped-call]
        if autotune.asked_for() and inputs.hidden.is_cuda:
            return run(autotune.tuned_config(inputs, kernels, run))
        return run(shipped_config(inputs, kernels))


def _run(
    inputs: HeadInputs, config: Config, *, with_positions: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Compute with the kernel that the config is for."""
    if isinstance(config, HopperConfig):
        from .hopper_head import hopper_head

        return hopper_head(inputs, config, with_positions=with_positions)
    return portable_head(inputs, config, with_positions=with_positions)


def why_not_hopper(inputs: HeadInputs) -> str | None:
    """Why the Hopper kernel cannot take these inputs, or None if it can."""
    hidden = inputs.hidden
    if not hidden.is_cuda or torch.version.hip is not None or torch.cuda.get_device_capability(hidden.device) != (9, 0):
        return "it needs a GPU of compute capability 9.0"
    if hidden.dtype not in (torch.bfloat16, torch.float16):
        return f"it multiplies bfloat16 and float16, not {hidden.dtype}"
    if hidden.shape[-1] % 8:
        return "TMA loads rows of a multiple of 16 bytes"
    if inputs.tokens >= 2**30:
        return "it counts tokens in 32 bits"
    return None
