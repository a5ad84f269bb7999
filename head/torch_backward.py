"""The head's gradients in PyTorch: a document at a time, and of it the terms that have a gradient."""

import torch

# Terms at a time: of 768 dimensions in float32 they are 24 MiB.
TERMS = 8_192


def tiled_gradients(
    grad: torch.Tensor,
    weights: torch.Tensor,
    positions: torch.Tensor,
    hidden: torch.Tensor,
    weight: torch.Tensor,
    length: int,
    needed: tuple[bool, bool, bool],
) -> tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]:
    """d_hidden [T, D], d_weight [V, D] and d_bias [V], those needed, in float32, or float64 if that was multiplied.

    Arguments as for the Triton kernels; see `backward.py`. On a CPU the same bits every time; a GPU adds up
    d_hidden in any order, unless `torch.use_deterministic_algorithms` says otherwise.
    """
    d_hidden = torch.zeros_like(hidden, dtype=weights.dtype) if needed[0] else None
    d_weight = torch.zeros_like(weight, dtype=weights.dtype) if needed[1] else None
    d_bias = weights.new_zeros(len(weight)) if needed[2] else None
    for document, (grad_logits, value) in enumerate(zip(grad, weights, strict=True)):
        has_grad = ((grad_logits != 0) & (value != 0)).nonzero()[:, 0]
        for terms in has_grad.split(TERMS):
            grad_logit = (grad_logits[terms] * torch.exp(-value[terms]))[:, None]
            rows = positions[document, terms].long() + document * length
            if d_hidden is not None:
                d_hidden.index_add_(0, rows, weight[terms].to(weights.dtype) * grad_logit)
            # A term stands once among them, so that nothing is added to the same row twice.
            if d_weight is not None:
                d_weight[terms] += hidden[rows].to(weights.dtype) * grad_logit
            if d_bias is not None:
                d_bias[terms] += grad_logit[:, 0]
    return d_hidden, d_weight, d_bias
