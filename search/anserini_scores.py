"""Scores as Anserini writes them to a run."""

from collections.abc import Sequence

import numpy as np

_NEAR, _STEP = 1e-4, np.float32(1e-6)


def as_anserini(scores: Sequence[float]) -> list[str]:
    """float32 scores, best first, as Anserini writes them by default: rounded to four digits, and where one is not a
    ten-thousandth below the one before it, moved apart by a millionth.

    trec_eval would rank equal scores by id, backwards. A large score has no room for it in float32 and stays as it is.
    """
    exact = np.array(scores, dtype=np.float32)
    if np.all(exact == np.floor(exact)):  # as sums of impacts are; a thousand one by one would take a millisecond
        ranks = np.arange(len(exact))
        first = np.maximum.accumulate(np.where(np.diff(exact, prepend=np.inf), ranks, 0))
        apart = exact - _STEP * (ranks - first).astype(np.float32)
    else:
        apart = (np.floor(exact.astype(np.float64) * 1e4 + 0.5) / 1e4).astype(np.float32)
        count = 0
        for row in range(1, len(apart)):
            count = count + 1 if apart[row - 1] - apart[row] <= _NEAR else 0
            apart[row] -= _STEP * np.float32(count)
    return [f"{score:.6f}" for score in apart.tolist()]
