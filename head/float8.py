"""The fused head in 8-bit floats, for packed documents on a Hopper GPU, whose products then take half the time.

Each term's weights have a scale, but all hidden states share one, a constant of the model: a document's weights are
then the same whatever it is encoded with, and the maximum over its tokens is taken before anything is multiplied by a
scale. float8_e4m3fn has 3 bits behind the first from 2^-6 to 448, whichever the scale, so one that leaves room above
the hidden states that were seen costs nothing there; what is larger still becomes 448 times the scale.
"""

import math
from dataclasses import dataclass, replace

import torch
import triton
import triton.language as tl

from .configs import shipped_config
from .inputs import HeadInputs
from .reference import reference_head
from .triton_head import run_config, why_not_hopper

FLOAT8 = torch.float8_e4m3fn
_LARGEST = torch.finfo(FLOAT8).max
# The largest hidden state that has room, in those of the largest seen.
_ROOM = 4
_BLOCK = 4_096
_TERMS = 2**14


@dataclass(frozen=True, slots=True, eq=False)
class Float8Weight:
    """The output embedding. values: float8 [V, D]. scales: float32 [V]; a weight is value × scale. hidden_scale: the
    same of all hidden states."""

    values: torch.Tensor
    scales: torch.Tensor
    hidden_scale: float

    @classmethod
    def of(cls, weight: torch.Tensor, largest: float) -> "Float8Weight":
        """A weight [V, D] of floats, rounded. largest: the largest absolute hidden state that was seen."""
        scale = hidden_scale(largest)
        weight = weight.detach()
        values = torch.empty_like(weight, dtype=FLOAT8, memory_format=torch.contiguous_format)
        scales = torch.empty(len(weight), device=weight.device)
        # In float32 a large vocabulary's would fill gigabytes.
        for start in range(0, len(weight), _TERMS):
            exact = weight[start : start + _TERMS].float()
            largest_of = exact.abs().amax(1)
            part = torch.where(largest_of > 0, largest_of / _LARGEST, 1)
            scales[start : start + _TERMS] = part
            values[start : start + _TERMS] = (exact / part[:, None]).to(FLOAT8)
        return cls(values, scales, scale)


def hidden_scale(largest: float) -> float:
    """A power of 2: to multiply by it rounds nothing, and another GPU, whose largest is a little different, has the
    same. Raises ValueError if `largest` is no positive number."""
    if not 0 < largest < math.inf:
        raise ValueError(f"the largest hidden state is {largest}; expected a number above 0")
    return float(2.0 ** math.ceil(math.log2(largest * _ROOM / _LARGEST)))


def float8_head(
    hidden: torch.Tensor, weight: Float8Weight, bias: torch.Tensor | None, cu_seqlens: torch.Tensor
) -> torch.Tensor:
    """Weights, float32 [B, V]: the maximum over a document's tokens of log1p(relu(logit)).

    hidden: [T, D] floating, documents end to end. bias: [V] or None. cu_seqlens: int32 [B + 1], as splade_head has it.
    Not differentiable. Raises RuntimeError where the kernel cannot run here, with the reason, and HopperError where it
    fails.
    """
    inputs = float8_inputs(hidden, weight, bias, cu_seqlens)
    if reason := why_not_hopper(inputs):
        raise RuntimeError(f"the head in 8-bit floats cannot run: {reason}")
    # Triton launches on the current device, which need not be that of the tensors.
    with torch.cuda.device_of(hidden):
        return run_config(inputs, shipped_config(inputs, ("hopper",)))[0]


def float8_inputs(
    hidden: torch.Tensor, weight: Float8Weight, bias: torch.Tensor | None, cu_seqlens: torch.Tensor
) -> HeadInputs:
    """What the kernel is given, of the arguments of `float8_head`."""
    return HeadInputs(
        to_float8(hidden, weight.hidden_scale),
        weight.values,
        bias,
        cu_seqlens=cu_seqlens,
        scales=weight.scales * weight.hidden_scale,
    )


def float8_reference(inputs: HeadInputs) -> torch.Tensor:
    """The definition: float32 [B, V] of what the 8-bit floats of `float8_inputs` stand for. Holds the logits."""
    assert inputs.scales is not None
    weight = inputs.weight.float() * inputs.scales[:, None]
    return reference_head(replace(inputs, hidden=inputs.hidden.float(), weight=weight, scales=None).of_one_dtype())


def to_float8(hidden: torch.Tensor, scale: float) -> torch.Tensor:
    """float8 of hidden / scale, with ±448 for what is beyond, in one pass."""
    if not hidden.is_cuda:
        return (hidden.float() / scale).clamp(-_LARGEST, _LARGEST).to(FLOAT8)
    hidden = hidden.contiguous()
    values = torch.empty_like(hidden, dtype=FLOAT8)
    if hidden.numel():
        with torch.cuda.device_of(hidden):
            _to_float8[(triton.cdiv(hidden.numel(), _BLOCK),)](
                hidden, values, 1 / scale, hidden.numel(), LARGEST=_LARGEST, BLOCK=_BLOCK
            )
    return values


@triton.jit
def _to_float8(hidden, values, by, count, LARGEST: tl.constexpr, BLOCK: tl.constexpr):
    """One program for each BLOCK numbers."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    scaled = tl.load(hidden + at, mask=at < count, other=0.0).to(tl.float32) * by
    scaled = tl.clamp(scaled, -LARGEST, LARGEST, propagate_nan=tl.PropagateNan.ALL)
    tl.store(values + at, scaled.to(values.dtype.element_ty), mask=at < count)
