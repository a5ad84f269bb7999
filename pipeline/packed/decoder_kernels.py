"""What a decoder layer computes between its matrix products, each in one pass over memory, in Triton.

As transformers writes these steps they are some thirty kernels a layer, which take longer than the products. Numbers
are rounded to the model's type where transformers rounds them; in between they are float32.
"""

import torch
import triton
import triton.language as tl


def add_and_norm(
    branch: torch.Tensor | None, residual: torch.Tensor, weight: torch.Tensor, epsilon: float
) -> torch.Tensor:
    """RMS norm [T, D] of residual + branch. The sum stands in `residual` then; without a branch that stays as it is."""
    rows, size = residual.shape
    result = torch.empty_like(residual)
    block = triton.next_power_of_2(size)
    with torch.cuda.device_of(residual):
        _add_and_norm[(rows,)](
            residual if branch is None else branch,
            residual,
            weight,
            result,
            size,
            epsilon,
            ADDS=branch is not None,
            BLOCK=block,
            num_warps=_warps(block),
        )
    return result


def rotate(
    projected: torch.Tensor,
    heads: tuple[int, int],
    size: int,
    tables: tuple[torch.Tensor, torch.Tensor],
    norms: tuple[torch.Tensor, torch.Tensor] | None,
    epsilon: float,
) -> None:
    """Rotary positions, in place, of the queries and keys in [T, (queries + 2 keys) × size], with its own norm before.

    heads: how many queries, and how many keys. size: of a head. tables: cosines and sines, [T, size], of a token's
    position. norms: weights [size] of the RMS norm of queries and of keys, None for a model that has none.
    """
    queries, keys = heads
    cosines, sines = tables
    half = size // 2
    query_norm, key_norm = norms or (cosines, cosines)
    with torch.cuda.device_of(projected):
        _rotate[(len(projected),)](
            projected,
            projected.stride(0),
            cosines,
            sines,
            query_norm,
            key_norm,
            queries,
            queries + keys,
            size,
            half,
            epsilon,
            HAS_NORM=norms is not None,
            HEADS=triton.next_power_of_2(queries + keys),
            HALF=triton.next_power_of_2(half),
            num_warps=4,
        )


def gated(projected: torch.Tensor) -> torch.Tensor:
    """silu(gate) × up [T, I], of gate and up side by side, [T, 2 I]."""
    rows, width = projected.shape
    size = width // 2
    result = projected.new_empty(rows, size)
    block = min(4_096, triton.next_power_of_2(size))
    with torch.cuda.device_of(projected):
        _gated[(rows, triton.cdiv(size, block))](projected, result, size, BLOCK=block, num_warps=_warps(block))
    return result


def _warps(block: int) -> int:
    return max(1, min(16, block // 256))


@triton.jit
def _add_and_norm(branch, residual, weight, result, size, epsilon, ADDS: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    in_range = columns < size
    kind = result.dtype.element_ty
    values = tl.load(residual + row * size + columns, mask=in_range, other=0.0)
    if ADDS:
        added = tl.load(branch + row * size + columns, mask=in_range, other=0.0)
        values = (values.to(tl.float32) + added.to(tl.float32)).to(kind)
        tl.store(residual + row * size + columns, values, mask=in_range)
    exact = values.to(tl.float32)
    scale = tl.rsqrt(tl.sum(exact * exact, 0) / size + epsilon)
    normed = (exact * scale).to(kind).to(tl.float32)
    by = tl.load(weight + columns, mask=in_range, other=0.0).to(tl.float32)
    tl.store(result + row * size + columns, (normed * by).to(kind), mask=in_range)


@triton.jit
def _rotate(
    projected,
    stride,
    cosines,
    sines,
    query_norm,
    key_norm,
    queries,
    heads,
    size,
    half,
    epsilon,
    HAS_NORM: tl.constexpr,
    HEADS: tl.constexpr,
    HALF: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    head = tl.arange(0, HEADS)[:, None]
    column = tl.arange(0, HALF)[None, :]
    in_range = (head < heads) & (column < half)
    kind = projected.dtype.element_ty
    low = projected + row * stride + head * size + column
    high = low + half
    first = tl.load(low, mask=in_range, other=0.0).to(tl.float32)
    second = tl.load(high, mask=in_range, other=0.0).to(tl.float32)
    if HAS_NORM:
        squares = tl.sum(first * first, 1) + tl.sum(second * second, 1)
        scale = tl.rsqrt(squares / size + epsilon)[:, None]
        is_query = head < queries
        known = column < half
        by_first = tl.where(
            is_query,
            tl.load(query_norm + column, mask=known, other=0.0).to(tl.float32),
            tl.load(key_norm + column, mask=known, other=0.0).to(tl.float32),
        )
        by_second = tl.where(
            is_query,
            tl.load(query_norm + half + column, mask=known, other=0.0).to(tl.float32),
            tl.load(key_norm + half + column, mask=known, other=0.0).to(tl.float32),
        )
        first = ((first * scale).to(kind).to(tl.float32) * by_first).to(kind).to(tl.float32)
        second = ((second * scale).to(kind).to(tl.float32) * by_second).to(kind).to(tl.float32)
    table = row * size + column
    cosine = tl.load(cosines + table, mask=column < half, other=0.0).to(tl.float32)
    sine = tl.load(sines + table, mask=column < half, other=0.0).to(tl.float32)
    # Each product is rounded, and then their sum, as transformers does it.
    turned = (first * cosine).to(kind).to(tl.float32) - (second * sine).to(kind).to(tl.float32)
    other = (second * cosine).to(kind).to(tl.float32) + (first * sine).to(kind).to(tl.float32)
    tl.store(low, turned.to(kind), mask=in_range)
    tl.store(high, other.to(kind), mask=in_range)


@triton.jit
def _gated(projected, result, size, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    in_range = columns < size
    kind = result.dtype.element_ty
    gate = tl.load(projected + row * 2 * size + columns, mask=in_range, other=0.0).to(tl.float32)
    up = tl.load(projected + row * 2 * size + size + columns, mask=in_range, other=0.0).to(tl.float32)
    opened = (gate / (1.0 + tl.exp(-gate))).to(kind).to(tl.float32)
    tl.store(result + row * size + columns, (opened * up).to(kind), mask=in_range)
