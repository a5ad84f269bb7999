"""The gradient of the head's weight and bias, in Triton: one program owns a tile and goes through the documents.

No atomics: what a term's row of the gradient gets, its own program adds up, in float32 and in the documents' order.
"""

import torch
import triton
import triton.language as tl

# A program's registers hold the sums of [BLOCK_V, BLOCK_D]; a row of hidden states is read in stretches of BLOCK_D. Of
# one warp: asking whether any of its terms has a gradient then waits for nobody.
BLOCK_V, BLOCK_D, WARPS = 4, 256, 1


def weight_gradient(
    grad: torch.Tensor,
    weights: torch.Tensor,
    positions: torch.Tensor,
    hidden: torch.Tensor,
    length: int,
    dtype: torch.dtype,
    bias_dtype: torch.dtype | None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """d_weight [V, D] of `dtype`, and d_bias [V] of `bias_dtype` unless that is None.

    grad and weights: float32 [B, V], contiguous. positions: integers [B, V], contiguous; see `backward.py`. hidden:
    [T, D], contiguous. length: rows from one document's first to the next one's; 0 where positions are rows of
    `hidden`.
    """
    (documents, vocabulary), hidden_size = grad.shape, hidden.shape[1]
    d_weight = torch.empty((vocabulary, hidden_size), dtype=dtype, device=hidden.device)
    d_bias = None if bias_dtype is None else torch.empty(vocabulary, dtype=bias_dtype, device=hidden.device)
    if vocabulary:
        programs = triton.cdiv(vocabulary, BLOCK_V) * triton.cdiv(hidden_size, BLOCK_D)
        weight_gradient_kernel[(programs,)](
            grad,
            weights,
            positions,
            hidden,
            d_weight,
            d_bias,
            documents,
            length,
            vocabulary,
            hidden_size,
            BLOCK_V=BLOCK_V,
            BLOCK_D=BLOCK_D,
            num_warps=WARPS,
            enable_fp_fusion=True,
        )
    return d_weight, d_bias


# No new compilation for another batch.
@triton.jit(do_not_specialize=["documents", "length", "vocabulary"])
def weight_gradient_kernel(
    grad,
    weights,
    positions,
    hidden,
    d_weight,
    d_bias,
    documents,
    length,
    vocabulary,
    hidden_size,
    BLOCK_V: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    # All programs of a stretch run before those of the next. Those in flight are at about the same document, and this
    # stretch of its hidden states then lies in L1 and L2.
    tiles = tl.cdiv(vocabulary, BLOCK_V)
    stretch = tl.program_id(0) // tiles
    terms = (tl.program_id(0) % tiles).to(tl.int64) * BLOCK_V + tl.arange(0, BLOCK_V)
    columns = stretch * BLOCK_D + tl.arange(0, BLOCK_D)
    in_range, in_row = terms < vocabulary, columns < hidden_size
    total = tl.zeros((BLOCK_V, BLOCK_D), dtype=tl.float32)
    bias_grad = tl.zeros((BLOCK_V,), dtype=tl.float32)
    at = terms
    kept = in_range & (documents > 0)
    value = tl.load(weights + at, mask=kept, other=0.0)
    upstream = tl.load(grad + at, mask=kept, other=0.0)
    position = tl.load(positions + at, mask=kept, other=0)
    for document in range(documents):
        grad_logit = grad_logits(upstream, value)
        row = position.to(tl.int64) + tl.cast(document, tl.int64) * length
        # The next document's, while this one's hidden states are on their way.
        at += vocabulary
        kept = in_range & (document + 1 < documents)
        value = tl.load(weights + at, mask=kept, other=0.0)
        upstream = tl.load(grad + at, mask=kept, other=0.0)
        position = tl.load(positions + at, mask=kept, other=0)
        bias_grad += grad_logit
        # Of real representations most tiles are empty.
        if tl.max((grad_logit != 0).to(tl.int32), axis=0) > 0:
            has_grad = (grad_logit != 0)[:, None] & in_row[None, :]
            states = tl.load(hidden + row[:, None] * hidden_size + columns[None, :], mask=has_grad, other=0.0)
            total += grad_logit[:, None] * states.to(tl.float32)
    tl.store(
        d_weight + terms[:, None] * hidden_size + columns[None, :], total, mask=in_range[:, None] & in_row[None, :]
    )
    if d_bias is not None:
        tl.store(d_bias + terms, bias_grad, mask=in_range & (stretch == 0))


@triton.jit
def grad_logits(grad, weight):
    """dL/dlogit of the largest logits: grad · exp(-weight), since log1p(x)' = 1 / (1 + x); 0 where ReLU cut off."""
    return tl.where(weight == 0, 0.0, grad * tl.exp(-weight))
