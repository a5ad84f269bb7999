"""Attention within texts that are packed end to end, in Triton: made for texts of some hundred tokens and less.

One program takes the queries of a few rows of a text, of all heads that share keys and values, and its keys block
after block. Queries and keys may come as they are projected: then they are normed and rotated while they are loaded,
so that no pass over memory does that alone. A text's numbers do not depend on what it is packed with.
"""

import math
from dataclasses import dataclass

import torch
import triton
import triton.language as tl


@dataclass(frozen=True)
class Blocks:
    """How a program works. rows: of queries, heads times tokens. keys: at once. heads: that share keys, at most."""

    rows: int
    keys: int
    heads: int
    warps: int
    stages: int

    def heads_of(self, group: int) -> int:
        """Heads of a program, of the `group` that share keys and values."""
        return max(heads for heads in range(1, self.heads + 1) if group % heads == 0)


@dataclass(frozen=True)
class Rotation:
    """What becomes of queries and keys first: decoder_kernels.rotate. tables: cosines and sines, [T, size], of a
    token's position. norms: weights [size] of the RMS norm of queries and of keys, None for a model that has none."""

    tables: tuple[torch.Tensor, torch.Tensor]
    norms: tuple[torch.Tensor, torch.Tensor] | None
    epsilon: float


def usual_blocks(size: int, group: int, rotates: bool = False) -> Blocks:
    """For heads of `size`, `group` of which share keys and values; the quickest on an H100 for texts of 75 tokens
    (benchmarks/attention.py). rotates: whether queries and keys are rotated while they are loaded."""
    return Blocks(rows=64, keys=32 if size > 64 else 64, heads=min(2, group), warps=4, stages=1 if rotates else 2)


def work_items(offsets: torch.Tensor, rows: int, tokens: int) -> torch.Tensor:
    """int32 [W, 3]: of each block of a text's rows, where the text begins, its length and the block's first row in it.

    offsets: int32 [B + 1], where texts begin. rows: of all texts. tokens: of a block. W is more than enough: the host
    need not wait for the device. An item that is too many has its first row behind its text's last.
    """
    lengths = offsets.diff()
    blocks = (lengths + tokens - 1) // tokens
    ends = blocks.cumsum(0)
    items = torch.arange(rows // tokens + len(lengths), device=offsets.device)
    text = torch.searchsorted(ends, items, right=True).clamp_(max=len(lengths) - 1)
    first = (items - (ends - blocks)[text]) * tokens
    return torch.stack([offsets[text], lengths[text], first], 1).int()


def attend_items(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    items: torch.Tensor,
    blocks: Blocks,
    scale: float | None,
    causal: bool,
    window: int | None = None,
    rotation: Rotation | None = None,
) -> torch.Tensor:
    """[T, heads, size] of query, key and value so shaped; the others are those of decoder.Attend.

    items: of blocks.rows // blocks.heads_of(group) tokens.
    """
    if window is not None and not causal:
        raise NotImplementedError("a window that looks both ways")
    query, key, value = (part if part.stride(-1) == 1 else part.contiguous() for part in (query, key, value))
    queries, size = query.shape[1:]
    group = queries // key.shape[1]
    heads = blocks.heads_of(group)
    half = (size + 1) // 2
    result = query.new_empty(query.shape)
    cosines, sines = rotation.tables if rotation else (query, query)
    query_norm, key_norm = (rotation and rotation.norms) or (query, query)
    with torch.cuda.device_of(query):
        _attend[(len(items) * (queries // heads),)](
            query,
            key,
            value,
            result,
            items,
            cosines,
            sines,
            query_norm,
            key_norm,
            *query.stride()[:2],
            *key.stride()[:2],
            *value.stride()[:2],
            *result.stride()[:2],
            queries // heads,
            (size**-0.5 if scale is None else scale) / math.log(2),
            rotation.epsilon if rotation else 0.0,
            0 if window is None else window,
            SIZE=size,
            HALF=max(16, triton.next_power_of_2(half)),
            WHOLE=max(16, triton.next_power_of_2(size)),
            HEADS=heads,
            GROUP=group,
            ROWS=blocks.rows,
            KEYS=blocks.keys,
            CAUSAL=causal,
            WINDOWED=window is not None,
            ROTATES=rotation is not None,
            HAS_NORM=rotation is not None and rotation.norms is not None,
            num_warps=blocks.warps,
            num_stages=blocks.stages,
        )
    return result


class BlockAttention:
    """Attention within packed texts, as decoder.Attend, which may rotate too. The items of the last batch are
    kept: a batch's layers all ask for them."""

    def __init__(self, blocks: Blocks | None = None) -> None:
        self._blocks = blocks
        self._last: tuple[torch.Tensor, int, torch.Tensor] | None = None

    def __call__(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        offsets: torch.Tensor,
        longest: int,
        scale: float | None,
        causal: bool,
        window: int | None = None,
        rotation: Rotation | None = None,
    ) -> torch.Tensor:
        """[T, heads, size]. rotation: of queries and keys before, None for those that are rotated."""
        group = query.shape[1] // key.shape[1]
        blocks = self._blocks or usual_blocks(query.shape[-1], group, rotation is not None)
        items = self._items(offsets, len(query), blocks.rows // blocks.heads_of(group))
        return attend_items(query, key, value, items, blocks, scale, causal, window, rotation)

    def _items(self, offsets: torch.Tensor, rows: int, tokens: int) -> torch.Tensor:
        last = self._last
        if last is None or last[0] is not offsets or last[1] != tokens:
            last = self._last = offsets, tokens, work_items(offsets, rows, tokens)
        return last[2]


@triton.jit
def _attend(
    query,
    key,
    value,
    result,
    items,
    cosines,
    sines,
    query_norm,
    key_norm,
    query_row,
    query_head,
    key_row,
    key_head,
    value_row,
    value_head,
    result_row,
    result_head,
    head_blocks,
    factor,
    epsilon,
    window,
    SIZE: tl.constexpr,
    HALF: tl.constexpr,
    WHOLE: tl.constexpr,
    HEADS: tl.constexpr,
    GROUP: tl.constexpr,
    ROWS: tl.constexpr,
    KEYS: tl.constexpr,
    CAUSAL: tl.constexpr,
    WINDOWED: tl.constexpr,
    ROTATES: tl.constexpr,
    HAS_NORM: tl.constexpr,
):
    TOKENS: tl.constexpr = ROWS // HEADS
    item = tl.program_id(0) // head_blocks
    first_head = tl.program_id(0) % head_blocks * HEADS
    start = tl.load(items + 3 * item).to(tl.int64)
    length = tl.load(items + 3 * item + 1)
    first = tl.load(items + 3 * item + 2)
    if first >= length:
        return
    kind = result.dtype.element_ty
    # Rows of a tile: a token's heads beside each other, as they are in memory.
    row = tl.arange(0, ROWS)
    token = first + row // HEADS
    head = first_head + row % HEADS
    is_query = (token < length) & (row < TOKENS * HEADS)
    low, high = _halves(
        query + start * query_row,
        token * query_row + head * query_head,
        cosines + start * SIZE,
        sines + start * SIZE,
        token,
        is_query,
        query_norm,
        epsilon,
        SIZE,
        HALF,
        ROTATES,
        HAS_NORM,
    )
    shared = first_head // GROUP
    keys = key + start * key_row + shared * key_head
    values = value + start * value_row + shared * value_head
    column = tl.arange(0, WHOLE)
    # Finite, so that rows whose first block of keys is out of sight are numbers.
    highest = tl.full([ROWS], -1.0e30, tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    summed = tl.zeros([ROWS, WHOLE], tl.float32)
    begin = 0
    stop = length
    if CAUSAL:
        stop = tl.minimum(length, first + TOKENS)
    if WINDOWED:
        begin = tl.maximum(first - window + 1, 0) // KEYS * KEYS
    for at in range(begin, stop, KEYS):
        other = at + tl.arange(0, KEYS)
        is_key = other < length
        key_low, key_high = _halves(
            keys,
            other * key_row,
            cosines + start * SIZE,
            sines + start * SIZE,
            other,
            is_key,
            key_norm,
            epsilon,
            SIZE,
            HALF,
            ROTATES,
            HAS_NORM,
        )
        by_column = is_key[:, None] & (column < SIZE)[None, :]
        some = tl.load(values + other[:, None] * value_row + column[None, :], mask=by_column, other=0.0)
        products = tl.dot(low, tl.trans(key_low), input_precision="ieee")
        products = tl.dot(high, tl.trans(key_high), products, input_precision="ieee")
        seen = is_key[None, :]
        if CAUSAL:
            seen = seen & (other[None, :] <= token[:, None])
        if WINDOWED:
            seen = seen & (other[None, :] > token[:, None] - window)
        products = tl.where(seen, products * factor, float("-inf"))
        raised = tl.maximum(highest, tl.max(products, 1))
        kept = tl.exp2(highest - raised)
        shares = tl.exp2(products - raised[:, None])
        total = total * kept + tl.sum(shares, 1)
        summed = tl.dot(shares.to(kind), some, summed * kept[:, None], input_precision="ieee")
        highest = raised
    rows = result + start * result_row + token * result_row + head * result_head
    within = is_query[:, None] & (column < SIZE)[None, :]
    tl.store(rows[:, None] + column[None, :], (summed / total[:, None]).to(kind), mask=within)


@triton.jit
def _halves(
    base,
    row,
    cosines,
    sines,
    token,
    known,
    norm,
    epsilon,
    SIZE: tl.constexpr,
    HALF: tl.constexpr,
    ROTATES: tl.constexpr,
    HAS_NORM: tl.constexpr,
):
    """Two tiles: the first half of each row's numbers, and the second, which rotation mixes with one another."""
    half: tl.constexpr = (SIZE + 1) // 2
    column = tl.arange(0, HALF)
    kind = base.dtype.element_ty
    in_first = known[:, None] & (column < half)[None, :]
    in_second = known[:, None] & (column < SIZE - half)[None, :]
    pointers = base + row[:, None] + column[None, :]
    first = tl.load(pointers, mask=in_first, other=0.0)
    second = tl.load(pointers + half, mask=in_second, other=0.0)
    if ROTATES:
        by_token = token[:, None] * SIZE + column[None, :]
        cosine = tl.load(cosines + by_token, mask=in_first, other=0.0).to(tl.float32)
        sine = tl.load(sines + by_token, mask=in_first, other=0.0).to(tl.float32)
        exact = first.to(tl.float32)
        other = second.to(tl.float32)
        if HAS_NORM:
            squares = tl.sum(exact * exact, 1) + tl.sum(other * other, 1)
            scale = tl.rsqrt(squares / SIZE + epsilon)[:, None]
            by_first = tl.load(norm + column, mask=column < half, other=0.0).to(tl.float32)
            by_second = tl.load(norm + half + column, mask=column < SIZE - half, other=0.0).to(tl.float32)
            exact = exact * scale * by_first[None, :]
            other = other * scale * by_second[None, :]
        first = (exact * cosine - other * sine).to(kind)
        second = (other * cosine + exact * sine).to(kind)
    return first, second
