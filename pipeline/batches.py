"""Batches by token budget: documents of like length together, so that little padding is computed."""

from collections.abc import Iterator

import numpy as np


def batches_by_tokens(lengths: np.ndarray, budget: int, most: int) -> Iterator[np.ndarray]:
    """Split positions into batches of like length, longest first.

    lengths: int [n], tokens of each document. budget: most tokens a batch may hold once padded to its longest; a
    single document longer than the budget is a batch of its own. most: most documents in a batch. Yields int64
    arrays of positions into `lengths`.
    Equal lengths keep their input order, so the same input always makes the same batches.
    """
    order = np.argsort(-lengths.astype(np.int64), kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        stop = start + min(most, max(1, budget // longest))
        yield order[start:stop]
        start = stop
