"""The lines of a TREC run, with scores that keep the order of hits."""

from collections.abc import Callable, Sequence

import numpy as np

from ...errors import SpartonError
from ..text_lines import is_word

_NEAR, _STEP = 1e-4, np.float32(1e-6)
Written = Callable[[Sequence[float]], list[str]]


def run_lines(query: str, hits: Sequence[tuple[str, float]], tag: str, written: Written) -> str:
    """The lines of a query. hits: ids and scores, best first. written: the scores as they stand there. Raises
    SpartonError for an id that a run cannot hold."""
    names = [name for name, _ in hits]
    if names and not (all(names) and is_word("".join(names))):
        name = next(name for name in names if not is_word(name))
        none = "empty ids" if not name else "NUL in ids" if "\0" in name else "white space in ids"
        raise SpartonError(
            f"the index has a document with the id {name!r}, and a TREC run holds no {none}; index the corpus with "
            "other ids"
        )
    scores = written([score for _, score in hits])
    return "".join(
        [
            f"{query} Q0 {name} {rank} {score} {tag}\n"
            for rank, (name, score) in enumerate(zip(names, scores, strict=True), start=1)
        ]
    )


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


def as_close(scores: Sequence[float]) -> list[str]:
    """Scores that lie close together, best first, as float32, which trec_eval has: with all its digits, and where one
    is not below the one before it, the next float below that."""
    exact = np.array(scores, dtype=np.float32)
    for row in range(1, len(exact)):
        if exact[row] >= exact[row - 1]:
            exact[row] = np.nextafter(exact[row - 1], np.float32(-np.inf))
    return [f"{score:.9g}" for score in exact.tolist()]
