"""One function for the fused head: check the arguments, choose an implementation, call it."""

import importlib.util
import os

import torch

from .reference import reference_head
from .tiled import tiled_head

IMPLEMENTATIONS = ("auto", "triton", "torch", "reference")


def splade_head(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    attention_mask: torch.Tensor | None = None,
    *,
    impl: str = "auto",
) -> torch.Tensor:
    """Max-pooled SPLADE weights: float32 [B, V].

    hidden: [B, S, D] floating, after the model's own head transform. weight: [V, D], same dtype and device.
    bias: [V] or None. attention_mask: [B, S], non-zero where a position counts, or None for all; a row of zeros
    gives zeros. impl: "triton", "torch" (tiled over the vocabulary), "reference" (materializes the logits), or
    "auto": triton on a GPU where it can run, else torch.

    Raises ValueError for shapes, dtypes or an `impl` that do not fit; RuntimeError when `impl="triton"` cannot run
    here, with the reason.
    """
    _check(hidden, weight, bias, attention_mask)
    mask = None if attention_mask is None else attention_mask.to(hidden.device) != 0
    if impl == "auto":
        impl = "torch" if why_no_triton(hidden, weight, bias) else "triton"
    if impl == "torch":
        return tiled_head(hidden, weight, bias, mask)
    if impl == "reference":
        return reference_head(hidden, weight, bias, mask)
    if impl == "triton":
        reason = why_no_triton(hidden, weight, bias)
        if reason:
            raise RuntimeError(f"impl='triton' cannot run: {reason}")
        from .triton_kernel import triton_head

        return triton_head(hidden, weight, bias, mask)
    raise ValueError(f"impl is {impl!r}; expected one of {', '.join(IMPLEMENTATIONS)}")


def why_no_triton(*tensors: torch.Tensor | None) -> str | None:
    """Why the Triton kernel cannot take these tensors, or None if it can."""
    present = [tensor for tensor in tensors if tensor is not None]
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in present):
        return "the Triton head has no backward yet; train with impl='torch'"
    if importlib.util.find_spec("triton") is None:
        return "the package triton is not installed"
    if present[0].device.type == "cuda":
        return None
    if os.environ.get("TRITON_INTERPRET") == "1":
        return None
    return f"it needs a GPU and the tensors are on {present[0].device} (TRITON_INTERPRET=1 interprets it on a CPU)"


def _check(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, attention_mask: torch.Tensor | None
) -> None:
    if hidden.dim() != 3 or weight.dim() != 2 or hidden.shape[2] != weight.shape[1]:
        raise ValueError(
            f"hidden is {list(hidden.shape)} and weight {list(weight.shape)}; expected [B, S, D] and [V, D]"
        )
    if not hidden.is_floating_point() or hidden.dtype != weight.dtype:
        raise ValueError(f"hidden is {hidden.dtype} and weight {weight.dtype}; expected one floating dtype for both")
    if hidden.shape[1] == 0:
        raise ValueError("hidden has no positions (S = 0); expected at least one")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias is {list(bias.shape)}; expected [{weight.shape[0]}]")
    if attention_mask is not None and attention_mask.shape != hidden.shape[:2]:
        raise ValueError(f"attention_mask is {list(attention_mask.shape)}; expected {list(hidden.shape[:2])}")
