"""Pairs of a row of hidden states and a term, as lists: those of a row follow each other, for the gradient of its row.

Each weight that is not 0 is such a pair: its document's largest logit of the term was at that row. Sorted by row,
which is stable, so that a list is the same every time, its terms ascending.
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from .triton_grad_weight import grad_logits

_BLOCK = 1_024
_OPTIONS = {"BLOCK": _BLOCK, "num_warps": 4, "enable_fp_fusion": True}


@dataclass(frozen=True, slots=True, eq=False)
class RowLists:
    """N pairs sorted by row. rows: int16 or int32 [N]; T, behind all lists, for those without a gradient. terms:
    int32 [N]. slopes: float32 [N], dL/dlogit. starts: int32 [T + 1], where each row's list starts."""

    rows: torch.Tensor
    terms: torch.Tensor
    slopes: torch.Tensor
    starts: torch.Tensor


def row_lists(grad: torch.Tensor, weights: torch.Tensor, positions: torch.Tensor, rows: int, length: int) -> RowLists:
    """The lists of `rows` rows; grad, weights, positions, length as for `weight_gradient`.

    Needs some 40 bytes a pair while it sorts.
    """
    pairs, vocabulary, device = grad.numel(), grad.shape[1], grad.device
    # Half the bytes are half the passes of a radix sort.
    keys = torch.empty(pairs, dtype=torch.int16 if rows < 2**15 else torch.int32, device=device)
    slopes = torch.empty(pairs, dtype=torch.float32, device=device)
    programs = (triton.cdiv(pairs, _BLOCK),)
    key_kernel[programs](grad, weights, positions, keys, slopes, pairs, vocabulary, rows, length, **_OPTIONS)
    keys, order = torch.sort(keys, stable=True)
    ends = torch.arange(rows + 1, device=device, dtype=keys.dtype)
    terms = torch.empty(pairs, dtype=torch.int32, device=device)
    sorted_slopes = torch.empty_like(slopes)
    pair_kernel[programs](order, slopes, terms, sorted_slopes, pairs, vocabulary, **_OPTIONS)
    return RowLists(keys, terms, sorted_slopes, torch.searchsorted(keys, ends, out_int32=True))


# No new compilation for another batch.
@triton.jit(do_not_specialize=["pairs", "vocabulary", "rows", "length"])
def key_kernel(grad, weights, positions, keys, slopes, pairs, vocabulary, rows, length, BLOCK: tl.constexpr):
    """The row of each pair, and dL/dlogit."""
    pair = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = pair < pairs
    value = tl.load(weights + pair, mask=inside, other=0.0)
    slope = grad_logits(tl.load(grad + pair, mask=inside, other=0.0), value)
    position = tl.load(positions + pair, mask=inside, other=0).to(tl.int32)
    row = position + (pair // vocabulary).to(tl.int32) * length
    tl.store(keys + pair, tl.where(slope != 0, row, rows), mask=inside)
    tl.store(slopes + pair, slope, mask=inside)


@triton.jit(do_not_specialize=["pairs", "vocabulary"])
def pair_kernel(order, slopes, terms, sorted_slopes, pairs, vocabulary, BLOCK: tl.constexpr):
    """The term and dL/dlogit of each pair where the sort has put it."""
    pair = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = pair < pairs
    entry = tl.load(order + pair, mask=inside, other=0)
    tl.store(terms + pair, (entry % vocabulary).to(tl.int32), mask=inside)
    tl.store(sorted_slopes + pair, tl.load(slopes + entry, mask=inside, other=0.0), mask=inside)
