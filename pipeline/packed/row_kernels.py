"""What fused layers compute row by row between two matrix products, each in one pass over memory, in Triton.

Numbers are rounded to the model's type where PyTorch's own operations round them; in between they are float32. Rows may
come out as 8-bit floats as well: then each row has a scale of its own, by which its largest number is the largest that
float8_e4m3fn has.
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

FLOAT8 = torch.float8_e4m3fn
_LARGEST: tl.constexpr = tl.constexpr(448.0)


@dataclass(frozen=True)
class ScaledRows:
    """Rows as 8-bit floats. values: float8 [T, D]. scales: float32 [T, 1]; a number is value × scale."""

    values: torch.Tensor
    scales: torch.Tensor

    @classmethod
    def like(cls, rows: torch.Tensor) -> "ScaledRows":
        """Room for rows [T, D]."""
        return cls(rows.new_empty(rows.shape, dtype=FLOAT8), rows.new_empty(len(rows), 1, dtype=torch.float32))


def add_and_layer_norm(
    branch: torch.Tensor | None,
    residual: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    epsilon: float,
    *,
    total: torch.Tensor | None,
    normed: torch.Tensor | None,
    scaled: ScaledRows | None,
) -> None:
    """Layer norm of residual + branch, [T, D] each, written to what is given of `total` (the sum), `normed` and
    `scaled`.

    branch: None for the layer norm of `residual`. weight, bias: [D] or None.
    """
    residual, branch = side_by_side(residual), None if branch is None else side_by_side(branch)
    rows, size = residual.shape
    block = triton.next_power_of_2(size)
    with torch.cuda.device_of(residual):
        _add_and_layer_norm[(rows,)](
            residual if branch is None else branch,
            residual,
            residual if weight is None else weight,
            residual if bias is None else bias,
            residual if total is None else total,
            residual if normed is None else normed,
            residual if scaled is None else scaled.values,
            residual if scaled is None else scaled.scales,
            size,
            epsilon,
            residual.stride(0),
            residual.stride(0) if branch is None else branch.stride(0),
            ADDS=branch is not None,
            HAS_WEIGHT=weight is not None,
            HAS_BIAS=bias is not None,
            KEEPS_TOTAL=total is not None,
            KEEPS_NORMED=normed is not None,
            SCALES=scaled is not None,
            BLOCK=block,
            num_warps=_warps(block),
        )


def activate(
    rows: torch.Tensor,
    other: torch.Tensor | None,
    activation: str,
    *,
    result: torch.Tensor | None,
    scaled: ScaledRows | None,
) -> None:
    """An activation of rows [T, I], times `other` [T, I] if there is one, written to what is given of `result` and
    `scaled`.

    activation: "gelu" (by tanh, whose largest error is 0.0005), "silu", "relu" or "none".
    """
    rows, other = side_by_side(rows), None if other is None else side_by_side(other)
    count, size = rows.shape
    block = triton.next_power_of_2(size)
    with torch.cuda.device_of(rows):
        _activate[(count,)](
            rows,
            rows if other is None else other,
            rows if result is None else result,
            rows if scaled is None else scaled.values,
            rows if scaled is None else scaled.scales,
            size,
            rows.stride(0),
            rows.stride(0) if other is None else other.stride(0),
            ACTIVATION=activation,
            GATES=other is not None,
            KEEPS=result is not None,
            SCALES=scaled is not None,
            BLOCK=block,
            num_warps=_warps(block),
        )


def side_by_side(rows: torch.Tensor) -> torch.Tensor:
    """Rows whose numbers follow each other in memory."""
    return rows if rows.stride(-1) == 1 else rows.contiguous()


def _warps(block: int) -> int:
    return max(1, min(16, block // 1024))


@triton.jit
def _add_and_layer_norm(
    branch,
    residual,
    weight,
    bias,
    total,
    normed,
    values,
    scales,
    size,
    epsilon,
    residual_row,
    branch_row,
    ADDS: tl.constexpr,
    HAS_WEIGHT: tl.constexpr,
    HAS_BIAS: tl.constexpr,
    KEEPS_TOTAL: tl.constexpr,
    KEEPS_NORMED: tl.constexpr,
    SCALES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    in_range = columns < size
    kind = residual.dtype.element_ty
    given = tl.load(residual + row * residual_row + columns, mask=in_range, other=0.0)
    if ADDS:
        added = tl.load(branch + row * branch_row + columns, mask=in_range, other=0.0)
        given = (given.to(tl.float32) + added.to(tl.float32)).to(kind)
    if KEEPS_TOTAL:
        tl.store(total + row * size + columns, given, mask=in_range)
    exact = given.to(tl.float32)
    centred = tl.where(in_range, exact - tl.sum(exact, 0) / size, 0.0)
    result = centred * tl.rsqrt(tl.sum(centred * centred, 0) / size + epsilon)
    if HAS_WEIGHT:
        result = result * tl.load(weight + columns, mask=in_range, other=0.0).to(tl.float32)
    if HAS_BIAS:
        result = result + tl.load(bias + columns, mask=in_range, other=0.0).to(tl.float32)
    if KEEPS_NORMED:
        tl.store(normed + row * size + columns, result.to(kind), mask=in_range)
    if SCALES:
        _store_scaled(result, values + row * size + columns, scales + row, in_range)


@triton.jit
def _activate(
    rows,
    other,
    kept,
    values,
    scales,
    size,
    rows_row,
    other_row,
    ACTIVATION: tl.constexpr,
    GATES: tl.constexpr,
    KEEPS: tl.constexpr,
    SCALES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    in_range = columns < size
    kind = rows.dtype.element_ty
    result = tl.load(rows + row * rows_row + columns, mask=in_range, other=0.0).to(tl.float32)
    if ACTIVATION == "gelu":
        # 0.5 x (1 + tanh y) is x times the logistic function of 2 y.
        by_two = 1.5957691216057308 * result * (1.0 + 0.044715 * result * result)
        result = result / (1.0 + tl.exp(-by_two))
    if ACTIVATION == "silu":
        result = result / (1.0 + tl.exp(-result))
    if ACTIVATION == "relu":
        result = tl.maximum(result, 0.0)
    if GATES:
        gate = tl.load(other + row * other_row + columns, mask=in_range, other=0.0).to(tl.float32)
        result = result.to(kind).to(tl.float32) * gate
    if KEEPS:
        tl.store(kept + row * size + columns, result.to(kind), mask=in_range)
    if SCALES:
        _store_scaled(result, values + row * size + columns, scales + row, in_range)


@triton.jit
def _store_scaled(result, values, scale, in_range):
    """A row of 8-bit floats and its scale."""
    largest = tl.max(tl.where(in_range, tl.abs(result), 0.0), 0)
    by = tl.where(largest > 0.0, _LARGEST / largest, 1.0)
    tl.store(scale, 1.0 / by)
    tl.store(values, (result * by).to(values.dtype.element_ty), mask=in_range)
