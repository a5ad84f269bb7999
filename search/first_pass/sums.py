"""The documents with the largest sums over the terms of a query, whose postings are in memory.

Documents get what the listed postings give them first. Terms that many documents have are left for the end, as most of
them decide nothing: no document gets more of one than its largest impact, and with that only few can still be among the
best, whose impacts are looked up then (as MaxScore does: Turtle and Flood, Query Evaluation: Strategies and
Optimizations, 1995).
"""

from collections.abc import Iterable

import numpy as np

from .term_postings import TermPostings

_ROWS = 32  # of so many documents it is known what the largest sum is, and most of them are not looked at
_PART = 4  # one of so many columns of documents is sooner looked into than a term is added
_NEVER = -(2**30)  # which no sum makes up for

Weighted = tuple[int, TermPostings]


def largest_sums(
    terms: Iterable[Weighted], documents: int, most: int, passing: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The documents with the largest sums above 0, in order, and these sums, int32: as many as are wanted, and all that
    have as much as the least of these.

    terms: of a query, with its impacts; all sums must be below 2**24. documents: of the index. passing: whether each
    passes the filters.
    """
    sums, dense = zero_sums(documents, np.int32), []
    for impact, postings in terms:
        if postings.is_dense:
            dense.append((impact, postings))
        else:
            postings.add(sums, impact)
    if passing is not None:
        sums[:documents][~passing] = _NEVER
    dense.sort(key=_bound, reverse=True)
    maxima, least = _maxima(sums), 0
    while dense:
        if not least and len(some := _large(sums, maxima, most)) >= most:
            least = int(np.partition(with_terms(dense, some, sums), -most)[-most])  # the last of the best has as much
        threshold = least - sum(map(_bound, dense))
        if threshold > 0 and np.count_nonzero(maxima >= threshold) <= len(maxima) // _PART:
            found = _above(sums, maxima, threshold)
            return largest_of(found, with_terms(dense, found, sums), most)
        impact, postings = dense.pop(0)
        postings.add(sums, impact)
        maxima = _maxima(sums)
    found = _large(sums, maxima, most)
    return largest_of(found, sums[found], most)


def zero_sums(documents: int, kind: type) -> np.ndarray:
    """Of each document, and of some that are none behind them, so that they can be cut into rows. kind: numpy's."""
    return np.zeros(-(-documents // _ROWS) * _ROWS, kind)


def largest_of_all(sums: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """As largest_sums, of zero_sums to which all was added."""
    numbers = _large(sums, _maxima(sums), most)
    return largest_of(numbers, sums[numbers], most)


def largest_of(numbers: np.ndarray, scores: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """As largest_sums, of some documents."""
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


def _maxima(sums: np.ndarray) -> np.ndarray:
    """The largest sum of each column, where sums are cut into rows: of neighbours it would take numpy longer."""
    maxima: np.ndarray = sums.reshape(_ROWS, -1).max(axis=0)
    return maxima


def _large(sums: np.ndarray, maxima: np.ndarray, most: int) -> np.ndarray:
    """The documents with the largest sums above 0, in order: as many as are wanted and some more, or all there are."""
    row = min(len(maxima), most)  # as many columns have a document with as much
    numbers = _above(sums, maxima, max(1, np.partition(maxima, -row)[-row]))
    return numbers if len(numbers) >= most else _above(sums, maxima, 1)


def _above(sums: np.ndarray, maxima: np.ndarray, least: float) -> np.ndarray:
    """The documents that have as much, in order."""
    columns = np.flatnonzero(maxima >= least)
    if 2 * len(columns) > len(maxima):
        return np.flatnonzero(sums >= least)
    row, column = np.nonzero(sums.reshape(_ROWS, -1)[:, columns] >= least)
    found: np.ndarray = row * len(maxima) + columns[column]
    return found


def _bound(term: Weighted) -> int:
    """What a term gives a document at most."""
    impact, postings = term
    return impact * postings.largest
