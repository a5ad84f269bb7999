"""The fused head in Triton: which kernel, with which blocks.

Gluon, in which the Hopper kernel is written, is experimental: any release of Triton may change it. Where that kernel
fails, the portable one takes over for the rest of the process, with one warning.
"""

import functools
import logging
import threading

import torch
import triton
from triton.runtime.errors import OutOfResources

from . import autotune
from .configs import Config, HopperConfig, shipped_config
from .inputs import HeadInputs
from .triton_portable import portable_head

log = logging.getLogger("sparton")
# Gluon's warp specialization and layouts are what the Hopper kernel was written for from 3.6 on.
_HAS_GLUON = tuple(int(part) for part in triton.__version__.split(".")[:2]) >= (3, 6)
TESTED = "3.6 to 3.9"
_lock = threading.Lock()
# What went wrong with the Hopper kernel in this process, once something has.
_hopper_failure: str | None = None


class HopperError(Exception):
    """The Hopper kernel was not imported, compiled or launched; the cause says why."""


def triton_head(inputs: HeadInputs, *, with_positions: bool = False) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Weights float32 [B, V], and with them, if asked for, positions int32 [B, V], which may be strided.

    A position is the row of `hidden`, seen as [B * S, D] or [T, D], where the maximum is, within the weight's
    rounding; the last among equals, unless their logits are negative and a bias lifts them. Where the weight is 0, or
    no number, it means nothing. The gradient needs no more than the two. With positions the Hopper kernel's weights
    have 16 bits of their logits, as accurate as a product of halves is, and an infinite logit gives a weight that is no
    number.
    """
    kernels = kernels_for(inputs)
    # Triton launches on the current device, which need not be that of the tensors.
    with torch.cuda.device_of(inputs.hidden):  # type: ignore[no-untyped-call]
        try:
            return _run(inputs, kernels, with_positions)
        except (HopperError, OutOfResources) as error:
            if "hopper" not in kernels:
                raise
            _leave_hopper(error)
        return _run(inputs, kernels_for(inputs), with_positions)


def _run(
    inputs: HeadInputs, kernels: tuple[str, ...], with_positions: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    run = functools.partial(run_config, inputs, with_positions=with_positions)
    if autotune.asked_for() and inputs.hidden.is_cuda:
        return run(autotune.tuned_config(inputs, kernels, run))
    return run(shipped_config(inputs, kernels))


def run_config(
    inputs: HeadInputs, config: Config, *, with_positions: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Compute with the kernel that the config is for.

    Raises HopperError where the Hopper kernel fails for another reason than too little memory or too large blocks.
    """
    if not isinstance(config, HopperConfig):
        return portable_head(inputs, config, with_positions=with_positions)
    try:
        # Within: another Gluon may lack a name that is imported.
        from .hopper_head import hopper_head

        return hopper_head(inputs, config, with_positions=with_positions)
    except (torch.OutOfMemoryError, OutOfResources):
        raise
    except Exception as error:
        raise HopperError(f"{type(error).__name__}: {error}") from error


def _leave_hopper(error: BaseException) -> None:
    """Take the portable kernel from now on, and say why, once."""
    global _hopper_failure
    # Triton wraps an error once for each function that it was compiling.
    first = error
    while first.__cause__ is not None:
        first = first.__cause__
    found = f"{type(first).__name__}: {' '.join(str(first).split())[-300:]}"
    with _lock:
        if _hopper_failure is not None:
            return
        _hopper_failure = f"it failed under Triton {triton.__version__} ({found})"
    log.warning(
        "the head's kernel for Hopper GPUs, which is tested with Triton %s, fails under Triton %s and torch %s (%s); "
        "the portable kernel takes over, which is slower",
        *(TESTED, triton.__version__, torch.__version__, found),
    )
    log.debug("how it failed", exc_info=error)


def kernels_for(inputs: HeadInputs) -> tuple[str, ...]:
    """The kernels that can take these inputs, the better first."""
    return ("portable",) if why_not_hopper(inputs) else ("hopper", "portable")


def why_not_hopper(inputs: HeadInputs) -> str | None:
    """Why the Hopper kernel cannot take these inputs, or None if it can."""
    hidden = inputs.hidden
    if not _is_hopper(hidden.device):
        return "it needs a GPU of compute capability 9.0"
    if not _HAS_GLUON:
        return f"it needs Triton 3.6, and {triton.__version__} is installed"
    if _hopper_failure is not None:
        return _hopper_failure
    if hidden.dtype not in (torch.bfloat16, torch.float16, torch.float8_e4m3fn):
        return f"it multiplies bfloat16, float16 and float8_e4m3fn, not {hidden.dtype}"
    if hidden.shape[-1] * hidden.element_size() % 16:
        return "TMA loads rows of a multiple of 16 bytes"
    # With a mask, slots come in windows of 8.
    slots = inputs.tokens if inputs.mask is None else len(hidden) * (-(-hidden.shape[1] // 8) * 8)
    if slots >= 2**30 or slots // 256 * (inputs.vocabulary // 128) >= 2**30:
        return "it counts slots and tiles in 32 bits"
    return None


def _is_hopper(device: torch.device) -> bool:
    return device.type == "cuda" and torch.version.hip is None and torch.cuda.get_device_capability(device) == (9, 0)
