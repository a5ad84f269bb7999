"""The fused head in portable Triton: nothing of one vendor, and no atomics.

One program has a tile of the vocabulary and some documents that follow each other. It walks their rows in blocks,
multiplies each block with the tile on the matrix units, keeps the running maximum of each term, and stores [BLOCK_V]
numbers where a document ends. A block may have several documents, or a part of one, and rows that a mask leaves out
are in no block: nothing is multiplied in vain but for the last block of a program.

The product is turned round, logits^T = weight x hidden^T: the maximum then runs along what a thread holds, and costs
little. Rows and terms beyond the last are loaded as the last, since a load without a mask is quicker.
"""

import torch
import triton
import triton.language as tl

from .configs import PortableConfig
from .inputs import HeadInputs

# Rows that a program walks: many, since its last block is half empty, but so that some groups of documents remain.
_MOST_ROWS, _GROUPS = 2_048, 8
# Vocabulary tiles that go over the documents together, so that their rows of the weight stay in L2.
_TOGETHER = tl.constexpr(16)


def portable_head(
    inputs: HeadInputs, config: PortableConfig, *, with_positions: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Weights float32 [B, V], and with them, if asked for, positions int32 [B, V]; see `triton_head`.

    Products accumulate in float32. float32 inputs are multiplied as such, as TF32 only where PyTorch was told to
    (`torch.set_float32_matmul_precision`). Hidden states that are not rows are copied; otherwise no memory is needed
    but for the result, and with a mask 24 bytes a row.
    """
    hidden = inputs.hidden.reshape(-1, inputs.hidden.shape[-1])
    weight, bias, shape = inputs.weight, inputs.bias, (inputs.documents, inputs.vocabulary)
    # Zeros: nobody writes a document beyond the rows.
    out = torch.zeros(shape, dtype=torch.float32, device=hidden.device)
    positions = torch.zeros(shape, dtype=torch.int32, device=hidden.device) if with_positions else None
    if out.numel() and len(hidden):
        starts, rows = _kept_rows(inputs)
        firsts = _groups(starts, len(hidden), config.block_t)
        groups = len(firsts) - 1
        head_kernel[(groups * triton.cdiv(inputs.vocabulary, config.block_v),)](
            hidden,
            weight,
            bias,
            rows,
            starts,
            firsts,
            out,
            positions,
            groups,
            len(hidden),
            *weight.shape,
            *hidden.stride(),
            *weight.stride(),
            0 if bias is None else bias.stride(0),
            PRECISION="tf32" if _tf32_asked_for() else "ieee",
            BLOCK_V=config.block_v,
            BLOCK_T=config.block_t,
            BLOCK_D=config.block_d,
            WHOLE=weight.shape[1] % config.block_d == 0,
            num_warps=config.warps,
            num_stages=config.stages,
            enable_fp_fusion=True,  # Triton 3.10 changes the default, of which 3.9 warns
        )
    return out, positions


def _kept_rows(inputs: HeadInputs) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Where each document starts among the rows that count, int32 [B + 1], and which these are, int32, or None for all.

    The host does not wait to learn how many they are: behind them is room for as many as a mask could keep.
    """
    mask, device = inputs.mask, inputs.hidden.device
    if inputs.cu_seqlens is not None:
        return inputs.cu_seqlens, None
    if mask is None:
        length = inputs.hidden.shape[1]
        return torch.arange(0, (inputs.documents + 1) * length, length, dtype=torch.int32, device=device), None
    starts = torch.zeros(inputs.documents + 1, dtype=torch.int32, device=device)
    torch.cumsum(mask.sum(1), 0, dtype=torch.int32, out=starts[1:])
    every = mask.flatten()
    # Those left out all go to one place, behind the rest.
    places = torch.where(every, every.cumsum(0) - 1, len(every))
    rows = torch.zeros(len(every) + 1, dtype=torch.int32, device=device)
    return starts, rows.scatter_(0, places, torch.arange(len(every), dtype=torch.int32, device=device))


def _groups(starts: torch.Tensor, rows: int, block_t: int) -> torch.Tensor:
    """The first document of each group of those that start in a stretch of rows, and B: int32 [groups + 1]."""
    stretch = max(block_t, min(_MOST_ROWS, rows // _GROUPS))
    begins = torch.arange(rows // stretch + 2, dtype=torch.int32, device=starts.device) * stretch
    firsts = torch.searchsorted(starts[:-1].contiguous(), begins, out_int32=True)
    firsts[-1:] = len(starts) - 1
    return firsts


def _tf32_asked_for() -> bool:
    """Whether PyTorch was told to multiply float32 as TF32; of halves it makes no difference. AMD's GPUs lack it."""
    matmul = torch.backends.cuda.matmul
    precision = getattr(matmul, "fp32_precision", None) or ("tf32" if matmul.allow_tf32 else "ieee")
    return precision == "tf32" and torch.version.hip is None


# No new compilation for another batch.
@triton.jit(do_not_specialize=["groups", "tokens", "vocabulary"])
def head_kernel(
    hidden,
    weight,
    bias,
    kept_rows,
    starts,
    firsts,
    out,
    positions,
    groups,
    tokens,
    vocabulary,
    hidden_size,
    hidden_stride_t,
    hidden_stride_d,
    weight_stride_v,
    weight_stride_d,
    bias_stride,
    PRECISION: tl.constexpr,
    BLOCK_V: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_D: tl.constexpr,
    WHOLE: tl.constexpr,
):
    """Documents firsts[group] to firsts[group + 1] and one vocabulary tile. WHOLE: BLOCK_D divides hidden_size."""
    tile, group = _place(tl.cdiv(vocabulary, BLOCK_V), groups)
    terms = tile * BLOCK_V + tl.arange(0, BLOCK_V)
    in_range = terms < vocabulary
    tile_at = weight + tl.minimum(terms, vocabulary - 1).to(tl.int64)[:, None] * weight_stride_v
    term_bias = tl.zeros((BLOCK_V,), dtype=tl.float32)
    if bias is not None:
        term_bias += tl.load(bias + terms * bias_stride, mask=in_range, other=0.0).to(tl.float32)
    document, last = tl.load(firsts + group), tl.load(firsts + group + 1)
    # Not beyond what there is, whatever cu_seqlens says.
    start, end = tl.minimum(tl.load(starts + document), tokens), tl.minimum(tl.load(starts + last), tokens)
    stop = tl.minimum(tl.load(starts + tl.minimum(document + 1, last)), tokens)
    columns = tl.arange(0, BLOCK_D)
    best = tl.full((BLOCK_V,), float("-inf"), dtype=tl.float32)
    position = tl.zeros((BLOCK_V,), dtype=tl.int32)
    for first in range(start, end, BLOCK_T):
        slots = first + tl.arange(0, BLOCK_T)
        rows = tl.minimum(slots, end - 1)
        if kept_rows is not None:
            rows = tl.load(kept_rows + rows)
        block_at = hidden + rows.to(tl.int64)[None, :] * hidden_stride_t
        logits = tl.zeros((BLOCK_V, BLOCK_T), dtype=tl.float32)
        for inner in range(0, hidden_size, BLOCK_D):
            left_at = tile_at + (inner + columns)[None, :] * weight_stride_d
            right_at = block_at + (inner + columns)[:, None] * hidden_stride_d
            if WHOLE:
                left, right = tl.load(left_at), tl.load(right_at)
            else:
                in_row = inner + columns < hidden_size
                left = tl.load(left_at, mask=in_row[None, :], other=0.0)
                right = tl.load(right_at, mask=in_row[:, None], other=0.0)
            logits = tl.dot(left, right, logits, input_precision=PRECISION)
        # A maximum would pass over NaN; infinity reaches whoever checks the weights.
        logits = tl.where(logits == logits, logits, float("inf"))
        until = tl.minimum(first + BLOCK_T, end)
        while (document < last) & (stop <= until):
            best, position = _take(logits, (slots >= start) & (slots < stop), rows, best, position, positions)
            target = document.to(tl.int64) * vocabulary + terms
            tl.store(out + target, _weight(best, term_bias), mask=in_range)
            if positions is not None:
                tl.store(positions + target, position, mask=in_range)
            best = tl.full((BLOCK_V,), float("-inf"), dtype=tl.float32)
            document += 1
            start = stop
            stop = tl.minimum(tl.load(starts + tl.minimum(document + 1, last)), tokens)
        if start < until:
            best, position = _take(logits, (slots >= start) & (slots < until), rows, best, position, positions)


@triton.jit
def _place(tiles, others):
    """The vocabulary tile of this program, and which of the `others` that each tile goes over, as int64."""
    program = tl.program_id(0)
    first = program // (_TOGETHER * others) * _TOGETHER
    together = tl.minimum(tiles - first, _TOGETHER)
    rest = program - first * others
    return first + rest % together, (rest // together).to(tl.int64)


@triton.jit
def _take(logits, inside, rows, best, position, positions):
    """The larger of `best` and the logits of each term inside, and, if asked for, in which row: the last of equals."""
    logits = tl.where(inside[None, :], logits, float("-inf"))
    largest = tl.max(logits, axis=1)
    if positions is not None:
        at = tl.max(tl.where(logits == largest[:, None], rows[None, :], 0), axis=1)
        position = tl.where(largest >= best, at, position)
    return tl.maximum(best, largest), position


@triton.jit
def _weight(logits, term_bias):
    """log1p(relu(logits + bias)) by the identity log(1 + x) * x / ((1 + x) - 1), accurate for small x too (Kahan)."""
    # Not where there was no position, whatever the bias is.
    logits = tl.where(logits == float("-inf"), logits, logits + term_bias)
    positive = tl.maximum(logits, 0.0, propagate_nan=tl.PropagateNan.ALL)
    shifted = 1.0 + positive
    ratio = positive / tl.where(shifted == 1.0, 1.0, shifted - 1.0)
    whole = (shifted == 1.0) | (positive == float("inf"))
    return tl.where(whole, positive, tl.log(shifted) * ratio)
