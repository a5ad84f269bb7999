"""Echo: a text goes through a causal model twice, so that in its second copy every token has seen the whole text."""

from collections.abc import Sequence

import numpy as np
import torch


def twice(batch: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The tokens of each text, and the same again, special ones too."""
    return [np.concatenate([tokens, tokens]) for tokens in batch]


def second_only(batch: Sequence[np.ndarray], length: int) -> torch.Tensor:
    """int64 [B, length] on the host, 1 where the second copy of a text is. batch: as `twice` made it."""
    mask = torch.zeros(len(batch), length, dtype=torch.int64)
    for row, tokens in enumerate(batch):
        mask[row, len(tokens) // 2 : len(tokens)] = 1
    return mask


def second_copies(hidden: torch.Tensor, starts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of packed texts [T, D] the rows of second copies, [T / 2, D], and where a text begins among them.

    starts: integers [B + 1], where a text begins, with both of its copies.
    """
    halves = starts // 2
    count = len(hidden) // 2
    # Before the second copy of a text lie both copies of those before it, and its own first one.
    shifts = torch.repeat_interleave(halves[1:], halves.diff(), output_size=count)
    return hidden[torch.arange(count, device=hidden.device) + shifts], halves
