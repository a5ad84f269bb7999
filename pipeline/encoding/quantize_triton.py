"""Weights on a GPU to impacts on the host, in Triton: portable, and only the sparse result crosses the bus.

One program takes one row and walks it in blocks, twice. The first walk measures: how many postings the row keeps, its
heaviest impact and the cut between kept and dropped. A sum over the rows then says where each row begins, and the
second walk puts its postings there, ascending by term. The host waits once in between, for two numbers: whether all
weights are impacts, and how much to allocate. No second [n, V] is made.

Each rule of Pruning keeps some number of a row's heaviest impacts, so all of them together keep the least of these
numbers. Where that asks for impacts of some size it is counted, else found by halving, by more walks along a row that
is in the cache by then.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import numpy as np
import torch
import triton
import triton.language as tl

from .impacts import Impacts
from .pruning import KEEP_ALL, Pruning
from .quantize import check_heaviest

# Terms a program looks at together.
_BLOCK = tl.constexpr(4_096)

# The rules of Pruning that the kernels apply themselves.
APPLIED = frozenset({"top_terms", "prune_ratio", "prune_mass", "min_impact"})

# The product with the scale must be rounded to float32 before it is rounded to whole; a fused multiply-add would not.
_OPTIONS = {"num_warps": 8, "enable_fp_fusion": False}


def compact(weights: torch.Tensor, scale: float, pruning: Pruning = KEEP_ALL) -> Impacts:
    """Bit for bit the impacts that quantize makes of the same weights on a CPU; see there for what they are.

    weights: floating [n, V], any strides, none negative; they are not changed. What is not float32 is copied to it.
    From a GPU the arrays lie in pinned memory, and it needs the result's size and some 30 bytes a row beside `weights`.
    Raises SpartonError if a weight is not finite or an impact is above 2^31 - 1.
    """
    return begin_compact(weights, scale, pruning)()


def begin_compact(weights: torch.Tensor, scale: float, pruning: Pruning = KEEP_ALL) -> Callable[[], Impacts]:
    """The same in two steps: this one only launches, and what it returns waits, and may be called once.

    Whatever is launched in between keeps the GPU busy while the host waits for the size of the result.
    """
    rows, vocabulary = weights.shape
    if weights.numel() == 0:
        none = np.empty(0, np.int32)
        return lambda: Impacts(np.zeros(rows + 1, np.int64), none, none)
    weights = weights.float()
    # Triton launches on the current device, which need not be that of the weights.
    with torch.cuda.device_of(weights):
        source = (weights, *weights.stride(), vocabulary, float(scale))
        most = vocabulary if pruning.top_terms is None else min(pruning.top_terms, vocabulary)
        # As an argument of a kernel they would be float32. Unlike a copy, a fill waits for nothing.
        parts = pruning.prune_ratio, pruning.prune_mass
        ratio, mass = (weights.new_full((), part or 0, dtype=torch.float64) for part in parts)
        bounds = (most, pruning.min_impact or 1, ratio, mass)
        counts = weights.new_empty(rows, dtype=torch.int64)
        heaviest = weights.new_empty(rows)
        cuts, spares = weights.new_empty((2, rows), dtype=torch.int32)
        asked = {"BY_RATIO": parts[0] is not None, "BY_MASS": parts[1] is not None}
        _measure_rows[(rows,)](*source, *bounds, counts, heaviest, cuts, spares, **asked, **_OPTIONS)
        offsets = weights.new_zeros(rows + 1, dtype=torch.int64)
        torch.cumsum(counts, 0, out=offsets[1:])
        # Both numbers are whole or not finite, and exact in float64.
        measured = _to_host(torch.stack((heaviest.amax().double(), offsets[-1].double())))
        ready = _event(weights)

    def finish() -> Impacts:
        if ready is not None:
            ready.synchronize()
        largest, total = measured.tolist()
        check_heaviest(largest, scale)
        # Beside what was launched meanwhile rather than after it.
        with torch.cuda.device_of(weights), _side_stream(weights):
            postings = weights.new_empty((2, int(total)), dtype=torch.int32)
            _place_postings[(rows,)](*source, offsets, cuts, spares, *postings, **_OPTIONS)
            on_host = _to_host(offsets), _to_host(postings)
            placed = _event(weights)
        if placed is not None:
            placed.synchronize()
        terms, values = on_host[1].numpy()
        return Impacts(on_host[0].numpy(), terms, values)

    return finish


def _side_stream(tensor: torch.Tensor) -> AbstractContextManager[object]:
    """A stream that has waited for nothing; whoever uses it has."""
    return torch.cuda.stream(_stream(tensor.device)) if tensor.is_cuda else nullcontext()


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device, priority=-1)


def _event(tensor: torch.Tensor) -> torch.cuda.Event | None:
    """What has been launched so far is done once this is; None where nothing is launched without being done."""
    return torch.cuda.current_stream().record_event() if tensor.is_cuda else None


def _to_host(tensor: torch.Tensor) -> torch.Tensor:
    """A copy on the host, pinned if it comes from a GPU; complete once the stream has been waited for."""
    return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda).copy_(tensor, non_blocking=True)


@triton.jit
def _rounded(row, stride, vocabulary, scale, terms):
    """Impacts in float32, and zeros past the end of the row. NaN and infinity stay what they are."""
    product = tl.load(row + terms.to(tl.int64) * stride, mask=terms < vocabulary, other=0.0) * scale
    # From 2^23 to 2^24 float32 has whole numbers only, so that the addition rounds, halves to even, and the subtraction
    # is exact. Nothing folds the two: floats are not reassociated. From 2^23 on a weight is whole already.
    return tl.where(product < 8388608.0, (product + 8388608.0) - 8388608.0, product)


@triton.jit
def _impacts(row, stride, vocabulary, scale, terms):
    """The same in int32. What would not fit, and is refused after the first walk, counts as zero."""
    rounded = _rounded(row, stride, vocabulary, scale, terms)
    return tl.where(rounded < 2147483648.0, rounded, 0.0).to(tl.int32)


@triton.jit
def _count_above(row, stride, vocabulary, scale, bound):
    above = tl.zeros((_BLOCK,), dtype=tl.int32)
    for first in range(0, vocabulary, _BLOCK):
        above += (_impacts(row, stride, vocabulary, scale, first + tl.arange(0, _BLOCK)) > bound).to(tl.int32)
    return tl.sum(above, axis=0)


@triton.jit
def _sum_above(row, stride, vocabulary, scale, bound):
    above = tl.zeros((_BLOCK,), dtype=tl.int64)
    for first in range(0, vocabulary, _BLOCK):
        impacts = _impacts(row, stride, vocabulary, scale, first + tl.arange(0, _BLOCK))
        above += tl.where(impacts > bound, impacts, 0).to(tl.int64)
    return tl.sum(above, axis=0)


@triton.jit
def _least_part(whole, part):
    """What least_part of pruning.py gives, of one whole in int64 and a part in float64."""
    least = (whole.to(tl.float64) * part).to(tl.int64)
    quotient = least.to(tl.float64) / tl.maximum(whole, 1).to(tl.float64)
    return least + (quotient < part).to(tl.int64)


@triton.jit
def _count_mass(row, stride, vocabulary, scale, top, mass):
    """How many of the heaviest impacts have the mass of the sum of all."""
    needed = _least_part(_sum_above(row, stride, vocabulary, scale, 0), mass)
    # The least number whose greater ones together are too little, found by halving (low, cut].
    low = 0
    cut = top
    while cut - low > 1:
        middle = low + (cut - low) // 2
        if _sum_above(row, stride, vocabulary, scale, middle) >= needed:
            low = middle
        else:
            cut = middle
    lacking = needed - _sum_above(row, stride, vocabulary, scale, cut)
    each = tl.maximum(cut, 1).to(tl.int64)
    return _count_above(row, stride, vocabulary, scale, cut) + ((lacking + each - 1) // each).to(tl.int32)


@triton.jit(do_not_specialize=("least",))
def _measure_rows(
    weights,
    stride_n,
    stride_v,
    vocabulary,
    scale,
    most,
    least,
    ratio,
    mass,
    counts,
    heaviest,
    cuts,
    spares,
    BY_RATIO: tl.constexpr,
    BY_MASS: tl.constexpr,
):
    """Of each row: postings it keeps, the heaviest impact (NaN if there is one), and what _place_postings shall keep.

    That is every impact above `cut`, and of those equal to it the first `spare`. most, least: of postings, and of an
    impact that is kept. ratio, mass: float64, each of which counts if it is asked for.
    """
    program = tl.program_id(0)
    row = weights + program.to(tl.int64) * stride_n
    best = tl.zeros((_BLOCK,), dtype=tl.float32)
    positive = tl.zeros((_BLOCK,), dtype=tl.int32)
    for first in range(0, vocabulary, _BLOCK):
        rounded = _rounded(row, stride_v, vocabulary, scale, first + tl.arange(0, _BLOCK))
        # Once NaN, always NaN: nothing is greater.
        best = tl.where((rounded > best) | (rounded != rounded), rounded, best)
        positive += (rounded > 0.0).to(tl.int32)
    count = tl.sum(positive, axis=0)
    top = tl.max(best, axis=0)
    unknown = tl.max((best != best).to(tl.int32), axis=0) > 0
    tl.store(heaviest + program, tl.where(unknown, float("nan"), top))
    largest = tl.where(top < 2147483648.0, top, 0.0).to(tl.int32)  # 0 also of a row that is refused
    low = least - 1
    if BY_RATIO:
        low = tl.maximum(low, (_least_part(largest.to(tl.int64), tl.load(ratio)) - 1).to(tl.int32))
    if BY_MASS:
        most = tl.minimum(most, _count_mass(row, stride_v, vocabulary, scale, largest, tl.load(mass)))
    if low > 0:
        count = _count_above(row, stride_v, vocabulary, scale, low)
    tl.store(counts + program, tl.minimum(count, most).to(tl.int64))
    # The cut is the least number, from `low` on, that at most `most` impacts are above: `low` if all above it may stay,
    # else found by halving (low, cut], with more than `most` above low and `above` of them above cut.
    bottom = low
    cut = tl.where(count > most, largest, low)
    above = 0
    while cut - low > 1:
        middle = low + (cut - low) // 2
        found = _count_above(row, stride_v, vocabulary, scale, middle)
        if found > most:
            low = middle
        else:
            cut = middle
            above = found
    tl.store(cuts + program, cut)
    tl.store(spares + program, tl.where(cut > bottom, most - above, 0))


@triton.jit
def _place_postings(weights, stride_n, stride_v, vocabulary, scale, offsets, cuts, spares, terms, values):
    program = tl.program_id(0)
    row = weights + program.to(tl.int64) * stride_n
    start = tl.load(offsets + program)
    cut = tl.load(cuts + program)
    spare = tl.load(spares + program)
    for first in range(0, vocabulary, _BLOCK):
        block = first + tl.arange(0, _BLOCK)
        impacts = _impacts(row, stride_v, vocabulary, scale, block)
        ties = (impacts == cut).to(tl.int32)
        kept = (impacts > cut) | ((ties > 0) & (tl.cumsum(ties, axis=0) <= spare))
        places = start + tl.cumsum(kept.to(tl.int32), axis=0) - 1
        tl.store(terms + places, block, mask=kept)
        tl.store(values + places, impacts, mask=kept)
        start += tl.sum(kept.to(tl.int32), axis=0)
        spare -= tl.sum(ties, axis=0)
