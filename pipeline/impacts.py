"""Impacts: a batch of sparse integer vectors in compressed rows (CSR)."""

import importlib.util
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import SpartonError

LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Impacts:
    """n sparse vectors. Row i holds terms[offsets[i]:offsets[i + 1]], ascending, and their impacts, all positive.

    offsets: int64 [n + 1]. terms: int32 [postings], vocabulary ids. values: int32 [postings].
    """

    offsets: np.ndarray
    terms: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(terms, values) of each row."""
        for start, stop in zip(self.offsets[:-1].tolist(), self.offsets[1:].tolist(), strict=True):
            yield self.terms[start:stop], self.values[start:stop]


def quantize(weights: torch.Tensor, scale: float, top_terms: int | None = None) -> Impacts:
    """Round weights to impacts and keep the positive ones.

    weights: floating [n, V], none negative. An impact is round(weight * scale), halves to even. With `top_terms`,
    only that many of a row's heaviest are kept, the lower term id first among equals. Weights on a GPU are compacted
    there, if Triton is installed, to the same impacts.
    Raises SpartonError if a weight is not finite or an impact is above 2^31 - 1.
    """
    if _triton_takes(weights):
        from .compact import compact

        return compact(weights, scale, top_terms)
    rounded = (weights.float() * scale).round_()
    check_heaviest(float(rounded.amax()) if rounded.numel() else 0.0, scale)
    rows, terms = torch.nonzero(rounded, as_tuple=True)
    values = rounded[rows, terms].to(torch.int32).cpu().numpy()
    counts = torch.bincount(rows, minlength=len(rounded)).cpu().numpy()
    impacts = Impacts(_offsets(counts), terms.to(torch.int32).cpu().numpy(), values)
    return impacts if top_terms is None else _heaviest(impacts, top_terms)


def check_heaviest(heaviest: float, scale: float) -> None:
    """Raise SpartonError if the heaviest impact of a batch is none, as NaN, infinity and 2^31 are not."""
    if not heaviest <= LARGEST:
        raise SpartonError(
            f"the model gave a weight of {heaviest / scale:g}, which at scale {scale:g} is no impact from 1 to "
            f"{LARGEST}; lower --scale, or try --dtype float32 if the weight is not finite"
        )


def _triton_takes(weights: torch.Tensor) -> bool:
    reachable = weights.is_cuda or os.environ.get("TRITON_INTERPRET") == "1"
    return reachable and importlib.util.find_spec("triton") is not None


def _heaviest(impacts: Impacts, top_terms: int) -> Impacts:
    kept = []
    for terms, values in impacts:
        if len(terms) > top_terms:
            chosen = np.sort(np.lexsort((terms, -values.astype(np.int64)))[:top_terms])
            terms, values = terms[chosen], values[chosen]
        kept.append((terms, values))
    return _from_rows(kept)


def join(parts: Sequence[Impacts], positions: Sequence[np.ndarray], count: int) -> Impacts:
    """Put batches back together: row j of parts[i] becomes row positions[i][j] of the `count` of the result.

    A row that no part has is empty.
    """
    rows: list[tuple[np.ndarray, np.ndarray]] = [(_NONE, _NONE)] * count
    for part, places in zip(parts, positions, strict=True):
        for place, row in zip(places.tolist(), part, strict=True):
            rows[place] = row
    return _from_rows(rows)


def _from_rows(rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> Impacts:
    offsets = _offsets(np.array([len(terms) for terms, _ in rows], dtype=np.int64))
    return Impacts(
        offsets,
        np.concatenate([_NONE, *(terms for terms, _ in rows)]),
        np.concatenate([_NONE, *(values for _, values in rows)]),
    )


def _offsets(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)])


_NONE = np.empty(0, dtype=np.int32)
