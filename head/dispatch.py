"""One function for the fused head: check the arguments, choose an implementation, call it."""

import importlib.util
import os

import torch

from .inputs import HeadInputs, check_inputs
from .reference import reference_head
from .torch_max import tiled_head
from .torch_sum import summed_head

IMPLEMENTATIONS = ("auto", "triton", "torch", "reference")
POOLINGS = ("max", "sum")
ACTIVATIONS = ("log1p_relu", "log1p_log1p_relu")


def splade_head(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    attention_mask: torch.Tensor | None = None,
    *,
    cu_seqlens: torch.Tensor | None = None,
    impl: str = "auto",
    pooling: str = "max",
    activation: str = "log1p_relu",
) -> torch.Tensor:
    """SPLADE weights: float32 [B, V], the maximum over positions of log1p(relu(logit)) unless told otherwise.

    hidden: [B, S, D] floating, after the model's own head transform; or [T, D], documents end to end, with
    `cu_seqlens`. weight: [V, D], same dtype and device. bias: [V] or None. attention_mask: [B, S], non-zero where a
    position counts, or None for all; a row of zeros gives zeros. cu_seqlens: integers [B + 1], ascending; document i
    is rows cu_seqlens[i] to cu_seqlens[i + 1], and one without rows gives zeros; on a GPU nobody checks
    that they ascend. Differentiable, without keeping logits; under autocast products are in its dtype, and weight and
    bias may stay float32, whose gradients are then not rounded. impl: "triton", "torch" (tiled over
    the vocabulary), "reference" (materializes the logits), or "auto": triton on a GPU where it can run, else torch.
    pooling: "max", or "sum" of all positions, which the Triton kernels do not know. activation: "log1p_relu", or
    "log1p_log1p_relu", which takes the logarithm once more; log1p is monotone and its slope at most 1, so that after
    the maximum it costs one pass over the result and adds no more than a rounding.

    Raises ValueError for shapes, dtypes or an `impl` that do not fit; RuntimeError when `impl="triton"` cannot run
    here, with the reason.
    """
    autocast = torch.is_autocast_enabled(hidden.device.type)
    if autocast and hidden.is_floating_point() and hidden.dtype != torch.float64:
        hidden = hidden.to(torch.get_autocast_dtype(hidden.device.type))
    inputs = check_inputs(hidden, weight, bias, attention_mask, cu_seqlens, mixed=autocast)
    for name, value, choices in (("pooling", pooling, POOLINGS), ("activation", activation, ACTIVATIONS)):
        if value not in choices:
            raise ValueError(f"{name} is {value!r}; expected one of {', '.join(choices)}")
    learning = torch.is_grad_enabled() and inputs.requires_grad
    if not learning or pooling == "sum" or impl == "reference":
        # The gradients of a rounded weight would be rounded too: only where nobody asked for that is it done here.
        inputs = inputs.of_one_dtype()
    if impl == "reference":
        return reference_head(inputs, pooling, activation)
    if pooling == "sum":
        if impl == "triton":
            raise RuntimeError("impl='triton' cannot run: its kernels take maxima, and pooling is 'sum'")
        if impl in IMPLEMENTATIONS:
            return summed_head(inputs, activation)
    weights = _maxima(inputs, impl, learning)
    return weights if activation == "log1p_relu" else weights.log1p()


def _maxima(inputs: HeadInputs, impl: str, learning: bool) -> torch.Tensor:
    """float32 [B, V], the maximum over positions of log1p(relu(logit))."""
    if impl not in IMPLEMENTATIONS:
        raise ValueError(f"impl is {impl!r}; expected one of {', '.join(IMPLEMENTATIONS)}")
    reason = why_no_triton(inputs) if impl != "torch" else None
    if impl == "triton" and reason:
        raise RuntimeError(f"impl='triton' cannot run: {reason}")
    with_triton = impl != "torch" and reason is None
    if learning:
        from .autograd import differentiable_maxima

        return differentiable_maxima(inputs, triton=with_triton).float()
    if with_triton:
        from .triton_head import triton_head

        return triton_head(inputs)[0]
    return tiled_head(inputs)[0].float()


def why_no_triton(inputs: HeadInputs) -> str | None:
    """Why the Triton kernels cannot take these inputs, or None if they can."""
    if inputs.hidden.dtype not in (torch.bfloat16, torch.float16, torch.float32):
        return f"it multiplies bfloat16, float16 and float32, and the tensors are {inputs.hidden.dtype}"
    if not inputs.hidden.is_cuda and os.environ.get("TRITON_INTERPRET") != "1":
        return f"it needs a GPU and the tensors are on {inputs.hidden.device} (TRITON_INTERPRET=1 interprets it there)"
    # Looked for last: it takes longer than a small head on a CPU.
    return None if importlib.util.find_spec("triton") else "the package triton is not installed"
