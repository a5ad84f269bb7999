"""Batches by token budget."""

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


def batches_of_one_length(lengths: np.ndarray, budget: int, most: int) -> Iterator[np.ndarray]:
    """As batches_by_tokens, but all documents of a batch have the same length."""
    order = np.argsort(-lengths.astype(np.int64), kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
        if len(group):
            size = min(most, max(1, budget // max(1, int(lengths[group[0]]))))
            yield from np.split(group, range(size, len(group), size))


def batches_in_order(lengths: np.ndarray, budget: int, most: int) -> Iterator[np.ndarray]:
    """Split positions into batches in input order, for documents that are packed end to end.

    As batches_by_tokens, but a batch holds at most `budget` tokens without any padding.
    """
    ends = np.cumsum(lengths.astype(np.int64))
    start = 0
    while start < len(lengths):
        before = ends[start - 1] if start else 0
        fitting = int(np.searchsorted(ends, before + budget, side="right"))
        stop = min(max(fitting, start + 1), start + most)
        yield np.arange(start, stop)
        start = stop
