"""The gradient of the head's weight and bias, in Triton: one program owns a tile and goes through the documents.

No atomics: what a term's row of the gradient gets, its own program adds up, in float32 and in the documents' order.
"""

import torch
import triton
import triton.language as tl

# A program's registers hold the sums of [BLOCK_V, BLOCK_D]; a row of hidden states is read in stretches of BLOCK_D.
BLOCK_V, BLOCK_D, WARPS = 32, 256, 4


def weight_gradient(
    grad: torch.Tensor,
    weights: torch.Tensor,
    places: torch.Tensor,
    hidden: torch.Tensor,
    length: int,
    dtype: torch.dtype,
    bias_dtype: torch.dtype | None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """d_weight [V, D] of `dtype`, and d_bias [V] of `bias_dtype` unless that is None.

    grad and weights: float32 [B, V], contiguous. places: integers [B, V], contiguous; see `backward.py`. hidden:
    [T, D], contiguous. length: rows from one document's first to the next one's; 0 where places are rows of `hidden`.
    """
    (documents, vocabulary), depth = grad.shape, hidden.shape[1]
    d_weight = torch.empty((vocabulary, depth), dtype=dtype, device=hidden.device)
    d_bias = None if bias_dtype is None else torch.empty(vocabulary, dtype=bias_dtype, device=hidden.device)
    if vocabulary:
        programs = triton.cdiv(vocabulary, BLOCK_V) * triton.cdiv(depth, BLOCK_D)
        weight_gradient_kernel[(programs,)](
            grad,
            weights,
            places,
            hidden,
            d_weight,
            d_bias,
            documents,
            length,
            vocabulary,
            depth,
            BLOCK_V=BLOCK_V,
            BLOCK_D=BLOCK_D,
            num_warps=WARPS,
        )
    return d_weight, d_bias


# No new compilation for another batch.
@triton.jit(do_not_specialize=["documents", "length", "vocabulary"])
def weight_gradient_kernel(
    grad,
    weights,
    places,
    hidden,
    d_weight,
    d_bias,
    documents,
    length,
    vocabulary,
    depth,
    BLOCK_V: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    # The stretches of a row run next to each other, and share what is read of grad, weights and places.
    stretches = tl.cdiv(depth, BLOCK_D)
    stretch = tl.program_id(0) % stretches
    terms = (tl.program_id(0) // stretches).to(tl.int64) * BLOCK_V + tl.arange(0, BLOCK_V)
    columns = stretch * BLOCK_D + tl.arange(0, BLOCK_D)
    known, deep = terms < vocabulary, columns < depth
    total = tl.zeros((BLOCK_V, BLOCK_D), dtype=tl.float32)
    shift = tl.zeros((BLOCK_V,), dtype=tl.float32)
    # All programs in flight are at about the same document, whose hidden states then lie in L2.
    for document in range(documents):
        at = tl.cast(document, tl.int64) * vocabulary + terms
        value = tl.load(weights + at, mask=known, other=0.0)
        slope = slopes(tl.load(grad + at, mask=known, other=0.0), value)
        shift += slope
        # Of real representations most tiles are empty.
        if tl.max((slope != 0).to(tl.int32), axis=0) > 0:
            row = tl.load(places + at, mask=known, other=0).to(tl.int64) + tl.cast(document, tl.int64) * length
            live = (slope != 0)[:, None] & deep[None, :]
            states = tl.load(hidden + row[:, None] * depth + columns[None, :], mask=live, other=0.0)
            total += slope[:, None] * states.to(tl.float32)
    tl.store(d_weight + terms[:, None] * depth + columns[None, :], total, mask=known[:, None] & deep[None, :])
    if d_bias is not None:
        tl.store(d_bias + terms, shift, mask=known & (stretch == 0))


@triton.jit
def slopes(grad, weight):
    """dL/dlogit of the largest logits: grad · exp(-weight), since log1p(x)' = 1 / (1 + x); 0 where ReLU cut off."""
    return tl.where(weight == 0, 0.0, grad * tl.exp(-weight))
