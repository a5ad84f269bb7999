"""The gradient of the hidden states, in Triton: pairs (row, term) sorted by row, and one program a stretch of them.

Each weight that is not 0 sends its logit's gradient times its term's row of E to one row of hidden states. Sorted by
that row the pairs are lists, one a row, and a list is added up where its programs hold the sum: no atomics, and the
same bits every time, because the sort is stable and a list is cut at every CHUNK pairs from its start.

A list of at most CHUNK pairs is one program's. A longer one has more, whose sums wait in `parts` for a second kernel.
Nobody on the host knows how long the lists are, so there is a program for every list's first CHUNK pairs and one for
every later stretch there could be: of CHUNK pairs in the sorted order, at most one later stretch begins among them.
"""

import torch
import triton
import triton.language as tl

from .triton_grad_weight import grad_logits

# Pairs a program adds up at most; pairs it has in flight; columns of a row of E.
CHUNK, BLOCK_P, BLOCK_D, WARPS = 512, 16, 256, 4
# Pairs sorted at once, so that the sort's memory does not grow with the batch: 40 bytes a pair, 160 MiB.
PAIRS = 2**22


def hidden_gradient(
    grad: torch.Tensor,
    weights: torch.Tensor,
    positions: torch.Tensor,
    weight: torch.Tensor,
    shape: torch.Size,
    length: int,
) -> torch.Tensor:
    """d_hidden [T, D] in the dtype of `weight`, [V, D] contiguous; shape: [T, D].

    grad, weights, positions, length: as for `weight_gradient`. Beyond the result it needs what PAIRS pairs need,
    however many documents there are.
    """
    d_hidden = torch.zeros(shape, dtype=weight.dtype, device=weight.device)
    documents, vocabulary = grad.shape
    together = max(1, PAIRS // max(1, vocabulary))
    for first in range(0, documents, together):
        some = slice(first, first + together)
        # Padded documents own their rows, so those of a group are a stretch of them; packed ones may be anywhere.
        target = d_hidden[first * length : (first + together) * length] if length else d_hidden
        _add_lists(grad[some], weights[some], positions[some], weight, target, length)
    return d_hidden


def _add_lists(
    grad: torch.Tensor,
    weights: torch.Tensor,
    positions: torch.Tensor,
    weight: torch.Tensor,
    d_hidden: torch.Tensor,
    length: int,
) -> None:
    """Write the rows of d_hidden that any of these documents' pairs go to."""
    vocabulary, (rows, hidden_size) = grad.shape[1], d_hidden.shape
    if not grad.numel() or not rows:
        return
    keys, order, starts = _lists(grad, weights, positions, rows, length)
    blocks, stretches = triton.cdiv(len(keys), CHUNK), triton.cdiv(hidden_size, BLOCK_D)
    parts = torch.empty((2 * blocks, hidden_size), dtype=torch.float32, device=weight.device)
    add_kernel[((rows + blocks) * stretches,)](
        grad,
        weights,
        weight,
        keys,
        order,
        starts,
        parts,
        d_hidden,
        rows,
        vocabulary,
        hidden_size,
        CHUNK=CHUNK,
        BLOCK_P=BLOCK_P,
        BLOCK_D=BLOCK_D,
        num_warps=WARPS,
        enable_fp_fusion=True,
    )
    join_kernel[(blocks * stretches,)](
        keys,
        starts,
        parts,
        d_hidden,
        rows,
        hidden_size,
        CHUNK=CHUNK,
        BLOCK_D=BLOCK_D,
        num_warps=1,
        enable_fp_fusion=True,
    )


def _lists(
    grad: torch.Tensor, weights: torch.Tensor, positions: torch.Tensor, rows: int, length: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pairs sorted by row: each one's row, its index into [B, V], and where each row's list starts, int32 [rows + 1].

    Pairs without a gradient have the row `rows` and so come last, behind where the last list ends.
    """
    first = torch.arange(len(grad), device=grad.device, dtype=torch.int32)[:, None] * length
    has_grad = (weights != 0) & (grad != 0)
    keys = torch.where(has_grad, positions + first, rows)
    # Half the bytes are half the passes of a radix sort.
    keys = keys.to(torch.int16 if rows < 2**15 else torch.int32).flatten()
    keys, order = torch.sort(keys, stable=True)
    ends = torch.arange(rows + 1, device=keys.device, dtype=keys.dtype)
    return keys, order, torch.searchsorted(keys, ends, out_int32=True)


# No new compilation for another batch.
@triton.jit(do_not_specialize=["rows", "vocabulary"])
def add_kernel(
    grad,
    weights,
    weight,
    keys,
    order,
    starts,
    parts,
    d_hidden,
    rows,
    vocabulary,
    hidden_size,
    CHUNK: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    stretches = tl.cdiv(hidden_size, BLOCK_D)
    unit = tl.program_id(0) // stretches
    columns = (tl.program_id(0) % stretches) * BLOCK_D + tl.arange(0, BLOCK_D)
    in_row = columns < hidden_size
    # A row's first CHUNK pairs, or the later stretch that begins in a block of CHUNK pairs, if there is one.
    later = unit >= rows
    at = tl.where(later, (unit - rows) * CHUNK, 0)
    row = tl.load(keys + at, mask=later & (at < tl.load(starts + rows)), other=0).to(tl.int32)
    row = tl.where(later, row, unit)
    begin, stop = tl.load(starts + row), tl.load(starts + row + 1)
    start = tl.where(later, begin + tl.cdiv(tl.maximum(at - begin, 0), CHUNK) * CHUNK, begin)
    if (start < stop) & ((start > begin) == later):
        end = tl.minimum(stop, start + CHUNK)
        total = tl.zeros((BLOCK_P, BLOCK_D), dtype=tl.float32)
        for pair in range(start, end, BLOCK_P):
            pairs = pair + tl.arange(0, BLOCK_P)
            inside = pairs < end
            entry = tl.load(order + pairs, mask=inside, other=0)
            terms = entry % vocabulary
            value = tl.load(weights + entry, mask=inside, other=0.0)
            grad_logit = grad_logits(tl.load(grad + entry, mask=inside, other=0.0), value)
            vectors = tl.load(
                weight + terms[:, None] * hidden_size + columns[None, :],
                mask=inside[:, None] & in_row[None, :],
                other=0.0,
            )
            total += grad_logit[:, None] * vectors.to(tl.float32)
        result = tl.sum(total, axis=0)
        if stop - begin <= CHUNK:
            tl.store(d_hidden + tl.cast(row, tl.int64) * hidden_size + columns, result, mask=in_row)
        else:
            # Of all first stretches of long lists one at most begins in a block, and of all later ones too.
            slot = 2 * (start // CHUNK) + (start == begin).to(tl.int32)
            tl.store(parts + tl.cast(slot, tl.int64) * hidden_size + columns, result, mask=in_row)


@triton.jit(do_not_specialize=["rows"])
def join_kernel(keys, starts, parts, d_hidden, rows, hidden_size, CHUNK: tl.constexpr, BLOCK_D: tl.constexpr):
    stretches = tl.cdiv(hidden_size, BLOCK_D)
    block = tl.program_id(0) // stretches
    columns = (tl.program_id(0) % stretches) * BLOCK_D + tl.arange(0, BLOCK_D)
    in_row = columns < hidden_size
    # A long list that begins in this block reaches at least to the next one's first pair.
    at = (block + 1) * CHUNK
    if at < tl.load(starts + rows):
        row = tl.load(keys + at).to(tl.int32)
        begin, stop = tl.load(starts + row), tl.load(starts + row + 1)
        if (begin // CHUNK == block) & (stop - begin > CHUNK):
            total = tl.load(parts + (2 * tl.cast(block, tl.int64) + 1) * hidden_size + columns, mask=in_row, other=0.0)
            for start in range(begin + CHUNK, stop, CHUNK):
                slot = 2 * tl.cast(start // CHUNK, tl.int64)
                total += tl.load(parts + slot * hidden_size + columns, mask=in_row, other=0.0)
            tl.store(d_hidden + tl.cast(row, tl.int64) * hidden_size + columns, total, mask=in_row)
