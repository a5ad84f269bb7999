"""The head as an operator that PyTorch can differentiate: `sparton::head` and its backward, `sparton::head_backward`.

Operators rather than an autograd.Function, so that torch.compile keeps a surrounding model in one graph: it sees two
calls of known shapes. A second derivative is not there; asking for one raises RuntimeError.
"""

from typing import Any

import torch
from torch import Tensor

from .backward import head_gradients
from .inputs import HeadInputs
from .torch_max import tiled_head


def differentiable_maxima(inputs: HeadInputs, *, triton: bool) -> Tensor:
    """[B, V], the maximum over positions of log1p(relu(logit)), float32 (float64 of float64 inputs).

    inputs.weight and inputs.bias may be of another floating dtype than hidden, as float32 master weights under
    autocast: they are rounded to hidden's for the product, and their gradients, added up in float32, are not rounded.
    Kept for the backward: hidden, weight, the result, and its positions as int16 (int32 for packed documents and those
    longer than 32,768 tokens).
    """
    weights: Tensor
    weights, _ = _head(inputs.hidden, inputs.weight, inputs.bias, inputs.mask, inputs.cu_seqlens, triton)
    return weights


@torch.library.custom_op("sparton::head", mutates_args=())
def _head(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, mask: Tensor | None, cu_seqlens: Tensor | None, triton: bool
) -> tuple[Tensor, Tensor]:
    """The weights, and the positions that `head_gradients` takes."""
    rounded = weight.to(hidden.dtype)
    rounded_bias = None if bias is None else bias.to(hidden.dtype)
    inputs = HeadInputs(hidden, rounded, rounded_bias, mask=mask, cu_seqlens=cu_seqlens)
    if triton:
        from .triton_head import triton_head

        weights, rows = triton_head(inputs, with_positions=True)
    else:
        weights, rows = tiled_head(inputs, with_positions=True)
    assert rows is not None
    if cu_seqlens is None:
        first = torch.arange(inputs.documents, dtype=torch.int32, device=rows.device) * hidden.shape[1]
        # What stands where a weight is 0 may be too large for 16 bits, and means nothing there either.
        rows = rows - first[:, None]
    # Where a weight is not a number the position is none either, and the backward reads the row that it says.
    most = hidden.shape[1] if cu_seqlens is None else max(1, len(hidden))
    rows = rows.clamp(0, most - 1).to(_positions_dtype(hidden))
    # The kernels may give both as halves of one tensor; apart, the positions are half as large or less.
    return weights.contiguous(), rows.contiguous()


def _positions_dtype(hidden: Tensor) -> torch.dtype:
    return torch.int16 if hidden.dim() == 3 and hidden.shape[1] <= 2**15 else torch.int32


@_head.register_fake
def _head_shapes(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, mask: Tensor | None, cu_seqlens: Tensor | None, triton: bool
) -> tuple[Tensor, Tensor]:
    documents = len(hidden) if cu_seqlens is None else len(cu_seqlens) - 1
    dtype = torch.float64 if hidden.dtype == torch.float64 else torch.float32
    weights = hidden.new_empty((documents, len(weight)), dtype=dtype)
    return weights, torch.empty_like(weights, dtype=_positions_dtype(hidden))


@torch.library.custom_op("sparton::head_backward", mutates_args=())
def _head_backward(
    grad: Tensor,
    weights: Tensor,
    positions: Tensor,
    hidden: Tensor,
    weight: Tensor,
    bias_dtype: torch.dtype | None,
    needed: list[bool],
    triton: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of hidden, weight and bias; an operator gives tensors, so those not needed are empty."""
    wanted = (needed[0], needed[1], needed[2])
    found = head_gradients(grad, weights, positions, hidden, weight, bias_dtype, wanted, triton=triton)
    d_hidden, d_weight, d_bias = (grad.new_empty(0) if tensor is None else tensor for tensor in found)
    return d_hidden, d_weight, d_bias


@_head_backward.register_fake
def _head_backward_shapes(
    grad: Tensor,
    weights: Tensor,
    positions: Tensor,
    hidden: Tensor,
    weight: Tensor,
    bias_dtype: torch.dtype | None,
    needed: list[bool],
    triton: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    none = grad.new_empty(0)
    d_hidden = hidden.new_empty(hidden.shape) if needed[0] else none
    d_weight = weight.new_empty(weight.shape) if needed[1] else none.new_empty(0)
    d_bias = weight.new_empty(len(weight), dtype=bias_dtype) if needed[2] else none.new_empty(0)
    return d_hidden, d_weight, d_bias


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    hidden, weight, bias, _, _, ctx.triton = inputs
    ctx.bias_dtype = None if bias is None else bias.dtype
    ctx.save_for_backward(hidden, weight, *output)
    ctx.mark_non_differentiable(output[1])


def _differentiate(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    hidden, weight, weights, positions = ctx.saved_tensors
    needed = list(ctx.needs_input_grad[:3])
    found = _head_backward(grad, weights, positions, hidden, weight, ctx.bias_dtype, needed, ctx.triton)
    d_hidden, d_weight, d_bias = (tensor if wanted else None for tensor, wanted in zip(found, needed, strict=True))
    return d_hidden, d_weight, d_bias, None, None, None


_head.register_autograd(_differentiate, setup_context=_keep)
