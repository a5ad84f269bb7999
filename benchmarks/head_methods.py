"""What benchmarks/head.py measures: ways of computing the head's weights, inputs, and the truth."""

import math
from collections.abc import Callable
from typing import Any

import torch
import triton

from sparton.head.configs import shipped_config
from sparton.head.inputs import check_inputs
from sparton.head.triton_portable import portable_head

Head = Callable[[torch.Tensor], torch.Tensor | None]
Figures = dict[str, Any]


def eager(hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """As SPLADE implementations write it."""
    logits = torch.nn.functional.linear(hidden, weight, bias)
    return (torch.log1p(torch.relu(logits)) * mask[:, :, None]).amax(dim=1)


def max_first(hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The same with the max before the rest, and the mask in place."""
    logits = torch.nn.functional.linear(hidden, weight).masked_fill_(~mask[:, :, None], float("-inf"))
    return torch.log1p(torch.relu(logits.amax(dim=1) + bias))


def portable(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, cu_seqlens: torch.Tensor | None = None
) -> torch.Tensor:
    """Ours for any GPU, with the blocks that it ships with for this one."""
    inputs = check_inputs(hidden, weight, bias, None, cu_seqlens)
    return portable_head(inputs, shipped_config(inputs, ("portable",)))[0]


def bare_product(weight: torch.Tensor, tokens: int) -> tuple[Head, torch.Tensor]:
    """cuBLAS writing all logits and nobody reading them, V padded to what it likes best; and the logits it writes."""
    vocabulary, width = weight.shape
    padded = weight.new_zeros(triton.cdiv(vocabulary, 64) * 64, width)
    padded[:vocabulary] = weight
    logits = weight.new_empty(tokens, len(padded))

    def product(hidden: torch.Tensor) -> None:
        torch.mm(hidden.view(tokens, width), padded.T, out=logits)

    return product, logits


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, device="cuda", dtype=torch.bfloat16)


def truth(rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """float32 [V] of one document [S, D], a stretch of the vocabulary at a time."""
    best = [torch.nn.functional.linear(rows.float(), tile.float()).amax(dim=0) for tile in weight.split(16_384)]
    return torch.log1p(torch.relu(torch.cat(best) + bias.float()))


def check(head: Head, hidden: torch.Tensor, documents: int, truths: dict[int, torch.Tensor]) -> Figures:
    """Whether all weights are finite, and the largest error against the true weights of some documents."""
    vocabulary = len(next(iter(truths.values())))
    # The next tensor of this size gets the same memory: what a kernel leaves unwritten is then NaN.
    torch.full((documents, vocabulary), math.nan, device="cuda")
    weights = head(hidden)
    if weights is None:
        return {}
    errors = [float((weights[index].float() - true).abs().max()) for index, true in truths.items()]
    return {"finite": bool(weights.isfinite().all()), "max_error": max(errors)}


def draw_lengths(tokens: int, mean: float = 75.0, sigma: float = 0.6) -> list[int]:
    """Log-normal lengths from 10 to 512 of documents with so many tokens together; the last takes what is left."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(tokens // 10 + 1, generator=generator, dtype=torch.float64) * sigma
    lengths = (normal + math.log(mean) - sigma**2 / 2).exp().round().clamp(10, 512).long()
    ends = lengths.cumsum(0).clamp(max=tokens)
    return [length for length in ends.diff(prepend=ends.new_zeros(1)).tolist() if length]
