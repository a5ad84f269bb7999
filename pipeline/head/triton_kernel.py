"""The fused head in Triton: portable (nothing of one vendor), forward only.

One program makes one document's weights for one tile of the vocabulary. It walks the document's positions in
blocks, multiplies each block with the tile on the matrix units, keeps the running maximum a term, and stores
[BLOCK_V] numbers at the end: no logits in memory, no atomics, the same result on every run.
"""

import torch
import triton
import triton.language as tl


def triton_head(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, mask: torch.Tensor | None
) -> torch.Tensor:
    """float32 [B, V] from hidden [B, S, D], weight [V, D], bias [V], mask bool [B, S]; arguments already checked.

    Products accumulate in float32; float32 inputs are multiplied as such, not as TF32.
    """
    batch, length, width = hidden.shape
    vocabulary = weight.shape[0]
    out = torch.empty((batch, vocabulary), dtype=torch.float32, device=hidden.device)
    if out.numel() == 0:
        return out
    wide = hidden.dtype == torch.float32
    block_s = max(16, min(64 if wide else 128, triton.next_power_of_2(length)))
    block_v = 64 if wide else 128
    block_d = 32 if wide else 64
    marks = None if mask is None else mask.contiguous().view(torch.uint8)
    grid = (batch * triton.cdiv(vocabulary, block_v),)
    _splade_head_kernel[grid](
        hidden,
        weight,
        bias,
        marks,
        out,
        batch,
        length,
        width,
        vocabulary,
        *hidden.stride(),
        *weight.stride(),
        bias.stride(0) if bias is not None else 0,
        HAS_BIAS=bias is not None,
        HAS_MASK=mask is not None,
        BLOCK_S=block_s,
        BLOCK_V=block_v,
        BLOCK_D=block_d,
        num_warps=8 if block_s == 128 else 4,
        num_stages=3,
    )
    return out


@triton.jit
def _splade_head_kernel(
    hidden,
    weight,
    bias,
    marks,
    out,
    batch,
    length,
    width,
    vocabulary,
    hidden_stride_b,
    hidden_stride_s,
    hidden_stride_d,
    weight_stride_v,
    weight_stride_d,
    bias_stride,
    HAS_BIAS: tl.constexpr,
    HAS_MASK: tl.constexpr,
    BLOCK_S: tl.constexpr,
    BLOCK_V: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    # Documents run fastest, so that programs in flight together share a tile of the weight in L2.
    program = tl.program_id(0)
    document = (program % batch).to(tl.int64)
    terms = (program // batch).to(tl.int64) * BLOCK_V + tl.arange(0, BLOCK_V)
    known = terms < vocabulary
    columns = tl.arange(0, BLOCK_D)
    best = tl.full((BLOCK_V,), float("-inf"), dtype=tl.float32)
    for first in range(0, length, BLOCK_S):
        positions = first + tl.arange(0, BLOCK_S)
        inside = positions < length
        kept = inside
        if HAS_MASK:
            kept = tl.load(marks + document * length + positions, mask=inside, other=0) != 0
        # A block that is all padding costs one load.
        if tl.max(kept.to(tl.int32), axis=0) > 0:
            rows = hidden + document * hidden_stride_b + positions[:, None].to(tl.int64) * hidden_stride_s
            tile = weight + terms[None, :] * weight_stride_v
            logits = tl.zeros((BLOCK_S, BLOCK_V), dtype=tl.float32)
            for start in range(0, width, BLOCK_D):
                depth = start + columns
                deep = depth < width
                left = tl.load(rows + depth[None, :] * hidden_stride_d, mask=kept[:, None] & deep[None, :], other=0.0)
                right = tl.load(tile + depth[:, None] * weight_stride_d, mask=known[None, :] & deep[:, None], other=0.0)
                logits = tl.dot(left, right, logits, input_precision="ieee")
            # A maximum would pass over NaN; as infinity it reaches whoever checks the weights.
            logits = tl.where(logits == logits, logits, float("inf"))
            best = tl.maximum(best, tl.max(tl.where(kept[:, None], logits, float("-inf")), axis=0))
    if HAS_BIAS:
        best += tl.load(bias + terms * bias_stride, mask=known, other=0.0).to(tl.float32)
    positive = tl.maximum(best, 0.0)
    # log1p by the identity log(1 + x) * x / ((1 + x) - 1), which keeps small x accurate (Kahan); Triton has no log1p.
    shifted = 1.0 + positive
    slope = positive / tl.where(shifted == 1.0, 1.0, shifted - 1.0)
    weights = tl.where(shifted == 1.0, positive, tl.log(shifted) * slope)
    tl.store(out + document * vocabulary + terms, weights, mask=known)
