"""The fused head in 8-bit integers, for CPUs: on one with AVX512-VNNI its products take half the time of bfloat16's.

A document's hidden states share a scale, so that the maximum over them is one of integers; each term's weights have
their own.
"""

from dataclasses import dataclass

import torch

from .inputs import HeadInputs, pad
from .torch_max import repeat_a_kept_position, tile_size

_LARGEST = 127


@dataclass(frozen=True, slots=True, eq=False)
class Int8Weight:
    """The output embedding. values: int8 [V, D]. scales: float32 [V]; a weight is value × scale."""

    values: torch.Tensor
    scales: torch.Tensor

    @classmethod
    def of(cls, weight: torch.Tensor) -> "Int8Weight":
        """A weight [V, D] of floats, rounded."""
        exact = weight.float()
        scales = exact.abs().amax(1) / _LARGEST
        return cls((exact / torch.where(scales > 0, scales, 1)[:, None]).round_().to(torch.int8), scales)


def int8_head(
    hidden: torch.Tensor,
    weight: Int8Weight,
    bias: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    cu_seqlens: torch.Tensor | None = None,
) -> torch.Tensor:
    """Weights, float32 [B, V]: the maximum over positions of log1p(relu(logit)).

    hidden: [B, S, D] floating, or [T, D] with `cu_seqlens`, on a CPU. bias: [V] or None. mask: [B, S], non-zero where a
    position counts, or None for all; a row of zeros gives zeros. cu_seqlens: int32 [B + 1], as splade_head has it; such
    documents are padded. Extra memory: one tile of logits, and the hidden states in float32 and rounded. Not
    differentiable.
    """
    if cu_seqlens is not None:
        padded = pad(HeadInputs(hidden, weight.values, cu_seqlens=cu_seqlens))
        hidden, mask = padded.hidden, padded.mask
    batch, length, size = hidden.shape
    vocabulary = len(weight.values)
    kept = None if mask is None else mask.bool()
    exact = hidden.float() if kept is None else repeat_a_kept_position(hidden.float(), kept)
    scales = exact.abs().amax((1, 2)) / _LARGEST
    # Of a document that is no numbers the scale is none, and so is what it is multiplied with in the end.
    rows = (exact / torch.where(scales > 0, scales, 1)[:, None, None]).round_().to(torch.int8).view(-1, size)
    best = torch.empty(batch, vocabulary)
    terms = tile_size(len(rows), vocabulary)
    buffer = torch.empty(len(rows) * terms, dtype=torch.int32)  # one for all tiles, as in torch_max.py
    for start in range(0, vocabulary, terms):
        tile = weight.values[start : start + terms].T
        logits = buffer[: len(rows) * tile.shape[1]].view(len(rows), tile.shape[1])
        torch._int_mm(rows, tile, out=logits)
        best[:, start : start + terms] = logits.view(batch, length, -1).amax(dim=1)
    best *= scales[:, None]
    best *= weight.scales
    if bias is not None:
        best += bias.float()
    if kept is not None:
        best.masked_fill_(~kept.any(dim=1, keepdim=True), 0.0)
    return best.relu_().log1p_()
