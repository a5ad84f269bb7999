"""How often a text has a token of its own, as a factor of that term's weight.

A maximum over positions says how well a term fits a text, and not how often it stands there. The factor grows with the
number n of times, each time by less, as the term frequency in BM25 does (Robertson and Zaragoza, The Probabilistic
Relevance Framework: BM25 and Beyond, Foundations and Trends in Information Retrieval, 2009, section 3), here by a
logarithm: 1 + c * (log2(1 + n) - 1), which is 1 of a token that a text has once.
"""

from collections.abc import Sequence

import numpy as np
import torch


def multiply_repeated(weights: torch.Tensor, batch: Sequence[np.ndarray], strength: float) -> None:
    """Multiply, in place, the weights of tokens that stand more than once in their text.

    weights: float32 [B, V], on any device. batch: int32 token ids of the B texts. strength: c of the formula. The host
    counts, which has the ids and nothing to do while a GPU computes the weights. It makes the factors, too, so that
    they are the same on every device. Only the weights that change are read and written.
    """
    rows, terms, counts = repeated_tokens(batch, weights.shape[1])
    if not len(counts):
        return
    at = _on_device(np.stack((rows, terms)), weights)
    weights[at[0], at[1]] *= _on_device(factors(counts, strength), weights)


def repeated_tokens(batch: Sequence[np.ndarray], size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The tokens that stand more than once in a text: its row, the vocabulary id and how often, int64 [n] each.

    batch: int32 token ids of each text. size: of the vocabulary.
    """
    # One number a token, of 32 bits where they are enough: two numbers, or longer ones, sort in twice the time.
    number = np.dtype(np.int32 if len(batch) * size < 2**31 else np.int64)
    begins = np.arange(0, len(batch) * size, size, dtype=number)
    places = np.repeat(begins, [len(tokens) for tokens in batch]) + np.concatenate(batch).astype(number, copy=False)
    places.sort()
    starts = np.flatnonzero(np.diff(places, prepend=-1))
    counts = np.diff(starts, append=len(places))
    often = np.flatnonzero(counts > 1)
    rows, terms = np.divmod(places[starts[often]].astype(np.int64), size)
    return rows, terms, counts[often]


def factors(counts: np.ndarray, strength: float) -> np.ndarray:
    """float32 [n]: the factor of a token that stands so many times in its text. strength: c of the formula."""
    every = 1 + strength * (np.log2(1 + np.arange(1 + counts.max(initial=0))) - 1)
    found: np.ndarray = every.astype(np.float32)[counts]
    return found


def _on_device(array: np.ndarray, weights: torch.Tensor) -> torch.Tensor:
    """An array where the weights are. A copy from pinned memory does not wait for what a GPU is doing."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(weights.device, non_blocking=True) if weights.is_cuda else tensor.to(weights.device)
