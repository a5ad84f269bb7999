"""The lines of a TREC run, with scores that keep the order of hits."""

from collections.abc import Callable, Sequence

import numpy as np

from ...errors import SpartonError
from ..text_lines import is_word

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


def as_close(scores: Sequence[float]) -> list[str]:
    """Scores that lie close together, best first, as float32, which trec_eval has: with all its digits, and where one
    is not below the one before it, the next float below that."""
    exact = np.array(scores, dtype=np.float32)
    for row in range(1, len(exact)):
        if exact[row] >= exact[row - 1]:
            exact[row] = np.nextafter(exact[row - 1], np.float32(-np.inf))
    return [f"{score:.9g}" for score in exact.tolist()]
