"""Impacts: a batch of sparse integer vectors in compressed rows (CSR)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import UsageError

if TYPE_CHECKING:
    import torch

LARGEST = 2**31 - 1  # impact


@dataclass(frozen=True, slots=True, repr=False)
class Impacts:
    """n sparse vectors. Row i holds terms[offsets[i]:offsets[i + 1]], ascending, and their impacts, all positive.

    offsets: int64 [n + 1]. terms: int32 [postings], vocabulary ids. values: int32 [postings]. vocabulary: the term of
    each id, where it is known, as it is of what Encoder.encode gives.
    """

    offsets: np.ndarray
    terms: np.ndarray
    values: np.ndarray
    vocabulary: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(terms, values) of each row."""
        for start, stop in zip(self.offsets[:-1].tolist(), self.offsets[1:].tolist(), strict=True):
            yield self.terms[start:stop], self.values[start:stop]

    def __repr__(self) -> str:
        return f"<Impacts of {len(self):,} texts, {len(self.terms):,} in all>"

    def to_scipy(self, width: int | None = None) -> Any:
        """A scipy.sparse.csr_matrix [n, width] of int64, in which scores do not overflow: scores = queries @
        documents.T.

        width: number of columns, one for each vocabulary id; that of the vocabulary, where it is known.
        Raises UsageError for a width that is not known, or too small for the terms.
        """
        from scipy.sparse import csr_matrix

        shape = len(self), self._width(width)
        return csr_matrix((self.values.astype(np.int64), self.terms, self.offsets), shape=shape)

    def to_torch(self, width: int | None = None) -> "torch.Tensor":
        """A sparse COO tensor [n, width] of float32, coalesced, on the CPU, as sentence-transformers has them. Impacts
        are exact in it up to 2**24 = 16,777,216.

        width: as in to_scipy.
        """
        import torch

        size = len(self), self._width(width)
        rows = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        indices = torch.from_numpy(np.stack([rows, self.terms.astype(np.int64)]))
        values = torch.from_numpy(self.values.astype(np.float32))
        return torch.sparse_coo_tensor(indices, values, size=size, is_coalesced=True, check_invariants=True)

    def to_dicts(self, vocabulary: Sequence[str] | None = None) -> list[dict[str, int]]:
        """Each text as {term: impact}, heaviest first. vocabulary: the term of each id, where it is not known.

        Raises UsageError for a vocabulary that is not known, or lacks a term.
        """
        vocabulary = self.vocabulary if vocabulary is None else vocabulary
        if vocabulary is None:
            raise UsageError("these impacts do not know their vocabulary; pass vocabulary, the term of each id")
        self._check("vocabulary", f"has {len(vocabulary):,} terms", len(vocabulary))
        return [heaviest_first(from_rows([row]), vocabulary.__getitem__) for row in self]

    def _width(self, width: int | None) -> int:
        """The number of columns of a matrix."""
        if width is None:
            if self.vocabulary is None:
                raise UsageError("these impacts do not know their vocabulary; pass width, the number of its terms")
            width = len(self.vocabulary)
        self._check("width", f"is {width:,}", width)
        return width

    def _check(self, name: str, found: str, count: int) -> None:
        last = int(self.terms.max(initial=-1))
        if count <= last:
            raise UsageError(
                name, f" {found}; expected at least {last + 1:,}, for these impacts have terms up to {last:,}"
            )


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
    if len(parts) == 1:
        return parts[0]
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
    (text,) = each_heaviest_first(impacts, term)
    return text


def each_heaviest_first(impacts: Impacts, term: Callable[[int], str]) -> list[dict[str, int]]:
    """The same of each of several texts."""
    texts: list[dict[str, int]] = []
    for terms, values in impacts:
        order = np.lexsort((terms, -values.astype(np.int64)))
        texts.append(dict(zip(map(term, terms[order].tolist()), values[order].tolist(), strict=True)))
    return texts


def offsets_of(counts: np.ndarray) -> np.ndarray:
    """Where rows of so many postings begin, and where the last ends: int64 [n + 1]."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)])


_NONE = np.empty(0, dtype=np.int32)
_NO_COUNT = np.empty(0, dtype=np.int64)
