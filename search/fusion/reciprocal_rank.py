"""Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): scores are not looked at, ranks alone."""

from collections import defaultdict
from collections.abc import Sequence
from math import fsum

from .fusion import Ranking, best_first

K = 60  # as in the paper


class ReciprocalRank:
    """A document's score is the sum of 1 / (k + its rank) over the rankings that have it. k: the larger, the less the
    first ranks stand out."""

    needs_scores = False

    def __init__(self, k: int = K) -> None:
        self._k = k

    def fuse(self, rankings: Sequence[Ranking]) -> list[tuple[str, float]]:
        """As Fusion."""
        terms: defaultdict[str, list[float]] = defaultdict(list)
        for ranking in rankings:
            for rank, (name, _) in enumerate(ranking, start=1):
                terms[name].append(1 / (self._k + rank))
        # Summed up exactly: documents with the same ranks have the same score, whichever ranking has which.
        return best_first((name, fsum(several)) for name, several in terms.items())
