"""The head's gradients from what its forward kept: the weights y and, of each, the position of its maximum.

With g = dL/dy · exp(-y) where y > 0, else 0 (the slopes of ReLU and log1p at the largest logit), and s the position:

    d_bias[v] = Σ_b g[b, v]      d_weight[v, :] = Σ_b g[b, v] · hidden[b, s(b, v), :]
    d_hidden[b, s(b, v), :] += g[b, v] · weight[v, :]

Nothing else has a gradient, because only the largest logit of a document moves its weight. Of equal ones a single one
counts. Sums are float32 (float64 of float64), no logit is computed again, and nothing is of size S x V.
"""

import torch

from .torch_backward import tiled_gradients

Gradients = tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]


def head_gradients(
    grad: torch.Tensor,
    weights: torch.Tensor,
    positions: torch.Tensor,
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias_dtype: torch.dtype | None,
    needed: tuple[bool, bool, bool],
    *,
    triton: bool,
) -> Gradients:
    """d_hidden, d_weight and d_bias, or None where not needed, in the dtypes of `hidden`, `weight` and the bias.

    grad and weights: [B, V], dL/dy and y. positions: int16 or int32 [B, V], where in its document each maximum is
    where hidden is [B, S, D], and the row of hidden where that is [T, D]; anything where y is 0. weight: [V, D], of any
    floating dtype: it is rounded to that of `hidden` as it was for the product, but its gradient is not. triton: which
    implementation; both give the same bits every time on their devices (see `tiled_gradients` for PyTorch on a GPU).
    """
    length = hidden.shape[1] if hidden.dim() == 3 else 0
    rows = hidden.reshape(-1, hidden.shape[-1])
    grad, weights, positions = grad.contiguous(), weights.contiguous(), positions.contiguous()
    rounded = weight.to(hidden.dtype) if needed[0] else weight
    if not triton:
        d_hidden, d_weight, d_bias = tiled_gradients(grad, weights, positions, rows, rounded, length, needed)
    else:
        d_hidden, d_weight, d_bias = _triton_gradients(
            grad, weights, positions, rows.contiguous(), rounded.contiguous(), length, weight.dtype, bias_dtype, needed
        )
    return (
        None if d_hidden is None else d_hidden.view(hidden.shape).to(hidden.dtype),
        None if d_weight is None else d_weight.to(weight.dtype),
        None if d_bias is None else d_bias.to(bias_dtype),
    )


def _triton_gradients(
    grad: torch.Tensor,
    weights: torch.Tensor,
    positions: torch.Tensor,
    rows: torch.Tensor,
    weight: torch.Tensor,
    length: int,
    dtype: torch.dtype,
    bias_dtype: torch.dtype | None,
    needed: tuple[bool, bool, bool],
) -> Gradients:
    from .triton_grad_hidden import hidden_gradient
    from .triton_grad_weight import weight_gradient

    d_hidden = d_weight = d_bias = None
    # Triton launches on the current device, which need not be that of the tensors.
    with torch.cuda.device_of(rows):  # type: ignore[no-untyped-call]
        if needed[0]:
            d_hidden = hidden_gradient(grad, weights, positions, weight, rows.shape, length)
        if needed[1] or needed[2]:
            d_weight, d_bias = weight_gradient(
                grad, weights, positions, rows, length, dtype, bias_dtype if needed[2] else None
            )
    return d_hidden, d_weight if needed[1] else None, d_bias
