"""One function for the fused head: check the arguments, choose an implementation, call it."""

import importlib.util
import os

import torch

from .inputs import HeadInputs, check_inputs
from .reference import reference_head
from .summed import summed_head
from .tiled import tiled_head

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
    that they ascend. impl: "triton", "torch" (tiled over
    the vocabulary), "reference" (materializes the logits), or "auto": triton on a GPU where it can run, else torch.
    pooling: "max", or "sum" of all positions, which the Triton kernels do not know. activation: "log1p_relu", or
    "log1p_log1p_relu", which takes the logarithm once more; log1p is monotone and its slope at most 1, so that after
    the maximum it costs one pass over the result and adds no more than a rounding.

    Raises ValueError for shapes, dtypes or an `impl` that do not fit; RuntimeError when `impl="triton"` cannot run
    here, with the reason.
    """
    inputs = check_inputs(hidden, weight, bias, attention_mask, cu_seqlens)
    for name, value, known in (("pooling", pooling, POOLINGS), ("activation", activation, ACTIVATIONS)):
        if value not in known:
            raise ValueError(f"{name} is {value!r}; expected one of {', '.join(known)}")
    if impl == "reference":
        return reference_head(inputs, pooling, activation)
    if pooling == "sum":
        if impl == "triton":
            raise RuntimeError("impl='triton' cannot run: its kernels take maxima, and pooling is 'sum'")
        if impl in IMPLEMENTATIONS:
            return summed_head(inputs, activation)
    weights = _maxima(inputs, impl)
    return weights if activation == "log1p_relu" else weights.log1p()


def _maxima(inputs: HeadInputs, impl: str) -> torch.Tensor:
    """float32 [B, V], the maximum over positions of log1p(relu(logit))."""
    if impl == "auto":
        impl = "torch" if why_no_triton(inputs) else "triton"
    if impl == "torch":
        return tiled_head(inputs)
    if impl == "triton":
        reason = why_no_triton(inputs)
        if reason:
            raise RuntimeError(f"impl='triton' cannot run: {reason}")
        from .triton_head import triton_head

        weights, _ = triton_head(inputs)
        return weights
    raise ValueError(f"impl is {impl!r}; expected one of {', '.join(IMPLEMENTATIONS)}")


def why_no_triton(inputs: HeadInputs) -> str | None:
    """Why the Triton kernels cannot take these inputs, or None if they can."""
    tensors = (inputs.hidden, inputs.weight, inputs.bias)
    if torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors):
        return "the Triton head has no backward yet; train with impl='torch'"
    if inputs.hidden.dtype not in (torch.bfloat16, torch.float16, torch.float32):
        return f"it multiplies bfloat16, float16 and float32, and the tensors are {inputs.hidden.dtype}"
    if not inputs.hidden.is_cuda and os.environ.get("TRITON_INTERPRET") != "1":
        return f"it needs a GPU and the tensors are on {inputs.hidden.device} (TRITON_INTERPRET=1 interprets it there)"
    # Looked for last: it takes longer than a small head on a CPU.
    return None if importlib.util.find_spec("triton") else "the package triton is not installed"
