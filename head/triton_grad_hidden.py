"""The gradient of the hidden states, in Triton: a list of terms for each row, and one program a stretch of it.

Each weight that is not 0 sends its logit's gradient times its term's row of E to one row of hidden states. In lists by
row (`triton_row_lists.py`) they are added up where a program holds the sum: no atomics, and the same bits every time,
because a list is cut at every CHUNK pairs from its start.

A list of at most CHUNK pairs is one program's. A longer one has more, whose sums wait in `parts` for a second kernel.
Nobody on the host knows how long the lists are, so there is a program for every list's first CHUNK pairs and one for
every later stretch there could be: of CHUNK pairs in the sorted order, at most one later stretch begins among them.

All programs of some columns run before those of the next: what they read of E, these columns alone, then lies in L2.
A program is one warp. Larger ones were two to three times slower, since most lists are short.
"""

import torch
import triton
import triton.language as tl

from .triton_row_lists import RowLists, row_lists

# Pairs a program adds up at most, and those it has in flight.
CHUNK, BLOCK_P = 512, 4
# Columns of E at a time. Fewer, which leave 250,002 rows in L2 as well, gained nothing there.
BLOCK_D = 256
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
    rows, hidden_size = d_hidden.shape
    if not grad.numel() or not rows:
        return
    lists: RowLists = row_lists(grad, weights, positions, rows, length)
    blocks = triton.cdiv(len(lists.rows), CHUNK)
    parts = torch.empty((2 * blocks, hidden_size), dtype=torch.float32, device=weight.device)
    add_kernel[((rows + blocks) * triton.cdiv(hidden_size, BLOCK_D),)](
        lists.rows,
        lists.terms,
        lists.slopes,
        lists.starts,
        weight,
        parts,
        d_hidden,
        rows,
        rows + blocks,
        hidden_size,
        CHUNK=CHUNK,
        BLOCK_P=BLOCK_P,
        BLOCK_D=BLOCK_D,
        num_warps=1,
        enable_fp_fusion=True,
    )
    join_kernel[(blocks * triton.cdiv(hidden_size, BLOCK_D),)](
        lists.rows,
        lists.starts,
        parts,
        d_hidden,
        rows,
        hidden_size,
        CHUNK=CHUNK,
        BLOCK_D=BLOCK_D,
        num_warps=1,
        enable_fp_fusion=True,
    )


# No new compilation for another batch.
@triton.jit(do_not_specialize=["rows", "units"])
def add_kernel(
    keys,
    terms,
    slopes,
    starts,
    weight,
    parts,
    d_hidden,
    rows,
    units,
    hidden_size,
    CHUNK: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    unit = tl.program_id(0) % units
    columns = tl.program_id(0) // units * BLOCK_D + tl.arange(0, BLOCK_D)
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
        pairs = start + tl.arange(0, BLOCK_P)
        term = tl.load(terms + pairs, mask=pairs < end, other=0)
        slope = tl.load(slopes + pairs, mask=pairs < end, other=0.0)
        for _ in range(start, end, BLOCK_P):
            vectors = tl.load(
                weight + term[:, None].to(tl.int64) * hidden_size + columns[None, :],
                mask=(pairs < end)[:, None] & in_row[None, :],
                other=0.0,
            )
            grad_logit = slope
            # The next pairs, while these vectors are on their way.
            pairs += BLOCK_P
            term = tl.load(terms + pairs, mask=pairs < end, other=0)
            slope = tl.load(slopes + pairs, mask=pairs < end, other=0.0)
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
