"""What a fusion is: from several rankings of the same query's documents to one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

Ranking = Sequence[tuple[str, float]]  # ids of documents, each once, with scores, best first


class Fusion(Protocol):
    """Makes one ranking of several. Threads may share it. needs_scores: whether it looks at scores, or at ranks
    alone."""

    needs_scores: bool

    def fuse(self, rankings: Sequence[Ranking]) -> list[tuple[str, float]]:
        """Every document that a ranking has, with its new score, best first, ties in order of id."""


def by_score(run: Mapping[str, float]) -> list[tuple[str, float]]:
    """The documents of a query in a run, {document: score}, as a ranking: best first, ties in order of id."""
    return best_first(run.items())


def best_first(scored: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """Documents in the order of their scores, ties in order of id."""
    return sorted(scored, key=lambda pair: (-pair[1], pair[0]))
