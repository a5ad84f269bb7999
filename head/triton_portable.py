"""The fused head in portable Triton: nothing of one vendor, and no atomics.

One program makes one document's weights for one tile of the vocabulary. It walks the document's positions in blocks,
multiplies each with the tile on the matrix units, keeps the running maximum of each term, and stores [BLOCK_V]
numbers at the end. The product is turned round, logits^T = weight x hidden^T: the maximum then runs along what a
thread holds, and costs little.
"""

import torch
import triton
import triton.language as tl

from .configs import PortableConfig
from .inputs import HeadInputs


def portable_head(
    inputs: HeadInputs, config: PortableConfig, *, with_positions: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Weights float32 [B, V], and with them, if asked for, positions int32 [B, V]; see `triton_head`.

    Products accumulate in float32. float32 inputs are multiplied as such, as TF32 only where PyTorch was told to
    (`torch.set_float32_matmul_precision`). Needs no memory but for the result.
    """
    hidden, weight, bias, mask = inputs.hidden, inputs.weight, inputs.bias, inputs.mask
    documents, vocabulary = inputs.documents, inputs.vocabulary
    out = torch.empty((documents, vocabulary), dtype=torch.float32, device=hidden.device)
    positions = (
        torch.empty((documents, vocabulary), dtype=torch.int32, device=hidden.device) if with_positions else None
    )
    if out.numel():
        packed = inputs.cu_seqlens is not None
        head_kernel[(documents * triton.cdiv(vocabulary, config.block_v),)](
            hidden,
            weight,
            bias,
            None if mask is None else mask.contiguous().view(torch.uint8),
            inputs.cu_seqlens,
            out,
            positions,
            documents,
            0 if packed else hidden.shape[1],
            inputs.tokens,
            vocabulary,
            weight.shape[1],
            0 if packed else hidden.stride(0),
            *hidden.stride()[-2:],
            *weight.stride(),
            0 if bias is None else bias.stride(0),
            PRECISION="tf32" if _tf32_asked_for() else "ieee",
            BLOCK_V=config.block_v,
            BLOCK_T=config.block_t,
            BLOCK_D=config.block_d,
            num_warps=config.warps,
            num_stages=config.stages,
            enable_fp_fusion=True,  # Triton 3.10 changes the default, of which 3.9 warns
        )
    return out, positions


def _tf32_asked_for() -> bool:
    """Whether PyTorch was told to multiply float32 as TF32; of halves it makes no difference. AMD's GPUs lack it."""
    matmul = torch.backends.cuda.matmul
    precision = getattr(matmul, "fp32_precision", None) or ("tf32" if matmul.allow_tf32 else "ieee")
    return precision == "tf32" and torch.version.hip is None


# No new compilation for another batch.
@triton.jit(do_not_specialize=["documents", "length", "tokens", "vocabulary"])
def head_kernel(
    hidden,
    weight,
    bias,
    mask,
    cu_seqlens,
    out,
    positions,
    documents,
    length,
    tokens,
    vocabulary,
    hidden_size,
    hidden_stride_b,
    hidden_stride_t,
    hidden_stride_d,
    weight_stride_v,
    weight_stride_d,
    bias_stride,
    PRECISION: tl.constexpr,
    BLOCK_V: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    # Documents run fastest, so that programs in flight together share a tile of the weight in L2.
    program = tl.program_id(0)
    document = (program % documents).to(tl.int64)
    terms = (program // documents).to(tl.int64) * BLOCK_V + tl.arange(0, BLOCK_V)
    in_range = terms < vocabulary
    columns = tl.arange(0, BLOCK_D)
    if cu_seqlens is None:
        begin = document * length
        hidden += document * hidden_stride_b
    else:
        begin = tl.load(cu_seqlens + document).to(tl.int64)
        # Not beyond what there is, whatever cu_seqlens says.
        length = (tl.minimum(tl.load(cu_seqlens + document + 1).to(tl.int64), tokens) - begin).to(tl.int32)
        hidden += begin * hidden_stride_t
    best = tl.full((BLOCK_V,), float("-inf"), dtype=tl.float32)
    position = tl.zeros((BLOCK_V,), dtype=tl.int32)
    for first in range(0, length, BLOCK_T):
        steps = first + tl.arange(0, BLOCK_T)
        kept = steps < length
        if mask is not None:
            kept = tl.load(mask + begin + steps, mask=kept, other=0) != 0
        # A block that is all padding costs one load.
        if tl.max(kept.to(tl.int32), axis=0) > 0:
            tile = weight + terms[:, None] * weight_stride_v
            rows = hidden + steps[None, :].to(tl.int64) * hidden_stride_t
            logits = tl.zeros((BLOCK_V, BLOCK_T), dtype=tl.float32)
            for start in range(0, hidden_size, BLOCK_D):
                inner = start + columns
                in_row = inner < hidden_size
                left = tl.load(
                    tile + inner[None, :] * weight_stride_d, mask=in_range[:, None] & in_row[None, :], other=0.0
                )
                right = tl.load(
                    rows + inner[:, None] * hidden_stride_d, mask=kept[None, :] & in_row[:, None], other=0.0
                )
                logits = tl.dot(left, right, logits, input_precision=PRECISION)
            # A maximum would pass over NaN; infinity reaches whoever checks the weights.
            logits = tl.where(logits == logits, logits, float("inf"))
            logits = tl.where(kept[None, :], logits, float("-inf"))
            largest = tl.max(logits, axis=1)
            if positions is not None:
                at = tl.max(tl.where(logits == largest[:, None], steps[None, :], 0), axis=1)
                position = tl.where(largest >= best, at, position)
            best = tl.maximum(best, largest)
    if bias is not None:
        # Not where there was no position, whatever the bias is.
        term_bias = tl.load(bias + terms * bias_stride, mask=in_range, other=0.0).to(tl.float32)
        best = tl.where(best == float("-inf"), best, best + term_bias)
    target = document * vocabulary + terms
    tl.store(out + target, _weight(best), mask=in_range)
    if positions is not None:
        tl.store(positions + target, begin.to(tl.int32) + position, mask=in_range)


@triton.jit
def _weight(logits):
    """log1p(relu(logits)) by the identity log(1 + x) * x / ((1 + x) - 1), accurate for small x too (Kahan)."""
    positive = tl.maximum(logits, 0.0, propagate_nan=tl.PropagateNan.ALL)
    shifted = 1.0 + positive
    ratio = positive / tl.where(shifted == 1.0, 1.0, shifted - 1.0)
    whole = (shifted == 1.0) | (positive == float("inf"))
    return tl.where(whole, positive, tl.log(shifted) * ratio)
