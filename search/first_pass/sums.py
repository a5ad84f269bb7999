"""The documents with the largest sums over the terms of a query, whose postings are in memory.

Documents get what the listed postings give them first. Terms that many documents have are left for the end, as most of
them decide nothing: no document gets more of one than its largest impact, and with that only few can still be among the
best, whose impacts are looked up then (as MaxScore does: Turtle and Flood, Query Evaluation: Strategies and
Optimizations, 1995).
"""

from collections.abc import Iterable

import numpy as np

from .term_postings import DensePostings, TermPostings

_SAMPLE = 32  # of so many documents one is looked at to find out how large the largest sums are
_PART = 32  # one of so many documents is worth looking up
_NEVER = -(2**30)  # which no sum makes up for

Weighted = tuple[int, TermPostings]


def best_documents(
    terms: Iterable[Weighted], documents: int, most: int, passing: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The documents with the largest sums above 0, in order, and these sums, int32: as many as are wanted, and all that
    have as much as the least of these.

    terms: of a query, with its impacts; all sums must be below 2**24. documents: of the index. passing: whether each
    passes the filters.
    """
    sums, dense = np.zeros(documents, np.int32), []
    for impact, postings in terms:
        if isinstance(postings, DensePostings):
            dense.append((impact, postings))
        else:
            postings.add(sums, impact)
    if passing is not None:
        sums[~passing] = _NEVER
    dense.sort(key=_most, reverse=True)
    least = 0  # which the last of the best has at least
    if dense and len(some := _large(sums, most)) >= most:
        least = int(np.partition(with_terms(dense, some, sums), -most)[-most])
    while dense:
        wanted = least - sum(map(_most, dense))
        if wanted > 0 and np.count_nonzero(sums[::_SAMPLE] >= wanted) * _SAMPLE <= documents // _PART:
            found = _above(sums, wanted)
            return best_of(found, with_terms(dense, found, sums), most)
        impact, postings = dense.pop(0)
        postings.add(sums, impact)
    return best_sums(sums, most)


def best_sums(sums: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """As best_documents, of sums that are known."""
    numbers = _large(sums, most)
    return best_of(numbers, sums[numbers], most)


def best_of(numbers: np.ndarray, scores: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """As best_documents, of some documents."""
    if len(numbers) <= most:
        return numbers, scores
    best = scores >= np.partition(scores, -most)[-most]
    return numbers[best], scores[best]


def with_terms(terms: Iterable[Weighted], numbers: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """The sums of some documents with what more terms give them."""
    found: np.ndarray = sums[numbers]
    for impact, postings in terms:
        found += postings.of(numbers, impact, sums.dtype)
    return found


def _large(sums: np.ndarray, most: int) -> np.ndarray:
    """The documents with the largest sums above 0, in order: as many as are wanted and some more, or all there are."""
    sample = sums[::_SAMPLE]
    row = min(len(sample), most * 3 // (2 * _SAMPLE) + 8)
    numbers = _above(sums, max(1, np.partition(sample, -row)[-row]))
    return numbers if len(numbers) >= most else _above(sums, 1)  # the sample was not like the rest


def _above(sums: np.ndarray, least: float) -> np.ndarray:
    """The documents that have as much, in order. Of eight at once it is seen that none has, for few have."""
    has = sums >= least
    whole = len(has) // 8 * 8
    rows = np.flatnonzero(has[:whole].view(np.uint64))
    inside = np.flatnonzero(has[:whole].reshape(-1, 8)[rows])
    return np.concatenate((rows[inside >> 3] * 8 + (inside & 7), whole + np.flatnonzero(has[whole:])))


def _most(term: Weighted) -> int:
    """What a term gives a document at most."""
    impact, postings = term
    return impact * postings.largest
