"""Impacts: a batch of sparse integer vectors in compressed rows (CSR)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

LARGEST = 2**31 - 1  # impact


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


def join(parts: Sequence[Impacts], positions: Sequence[np.ndarray], count: int) -> Impacts:
    """Put batches back together: row j of parts[i] becomes row positions[i][j] of the `count` of the result.

    A row that no part has is empty.
    """
    if parts and np.array_equal(np.concatenate(positions), np.arange(count)):  # in order: no row need be touched
        return concatenate(parts)
    rows: list[tuple[np.ndarray, np.ndarray]] = [(_NONE, _NONE)] * count
    for part, places in zip(parts, positions, strict=True):
        for place, row in zip(places.tolist(), part, strict=True):
            rows[place] = row
    return from_rows(rows)


def concatenate(parts: Sequence[Impacts]) -> Impacts:
    """The rows of each part, one part after the other."""
    return Impacts(
        offsets_of(np.concatenate([_NO_COUNT, *(np.diff(part.offsets) for part in parts)])),
        np.concatenate([_NONE, *(part.terms for part in parts)]),
        np.concatenate([_NONE, *(part.values for part in parts)]),
    )


def from_rows(rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> Impacts:
    """Impacts of (terms, values) a row."""
    offsets = offsets_of(np.array([len(terms) for terms, _ in rows], dtype=np.int64))
    return Impacts(
        offsets,
        np.concatenate([_NONE, *(terms for terms, _ in rows)]),
        np.concatenate([_NONE, *(values for _, values in rows)]),
    )


def heaviest_first(impacts: Impacts, term: Callable[[int], str]) -> dict[str, int]:
    """One text's impacts as {term: impact}, heaviest first, the lower term id first among equals.

    term: gives the term of a vocabulary id.
    """
    ((terms, values),) = impacts
    order = np.lexsort((terms, -values.astype(np.int64)))
    return {term(int(terms[i])): int(values[i]) for i in order}


def offsets_of(counts: np.ndarray) -> np.ndarray:
    """Where rows of so many postings begin, and where the last ends: int64 [n + 1]."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)])


_NONE = np.empty(0, dtype=np.int32)
_NO_COUNT = np.empty(0, dtype=np.int64)
