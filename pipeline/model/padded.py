"""A batch of token ids as a rectangle."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class PaddedBatch:
    """ids, mask: int64 [B, S] on the host, the mask 1 where a token is. has_padding: whether it is 0 anywhere."""

    ids: torch.Tensor
    mask: torch.Tensor
    has_padding: bool


def pad(batch: Sequence[np.ndarray], padding: int, length: int | None = None) -> PaddedBatch:
    """Pad texts on the right. padding: the id that fills up. length: tokens of each then; None for the longest's."""
    shape = len(batch), length or max(map(len, batch))
    ids, mask = np.full(shape, padding, np.int64), np.zeros(shape, np.int64)
    for row, tokens in enumerate(batch):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    has_padding = any(len(tokens) < shape[1] for tokens in batch)
    return PaddedBatch(torch.from_numpy(ids), torch.from_numpy(mask), has_padding)


def rows_of_one_length(batch: Sequence[np.ndarray]) -> Iterator[list[int]]:
    """The positions in a batch of its texts of each length, for a model that takes padding for text."""
    lengths = np.array([len(tokens) for tokens in batch])
    for length in np.unique(lengths):
        yield np.flatnonzero(lengths == length).tolist()
