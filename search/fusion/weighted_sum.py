"""Weighted sums of normalized scores."""

from collections import defaultdict
from collections.abc import Sequence
from math import fsum

from .fusion import Ranking, best_first


class WeightedSum:
    """A document's score is the sum of weight × normalized score over the rankings that have it. weights: one for each
    ranking, in their order."""

    needs_scores = True

    def __init__(self, weights: Sequence[float]) -> None:
        self._weights = tuple(weights)

    def fuse(self, rankings: Sequence[Ranking]) -> list[tuple[str, float]]:
        """As Fusion."""
        terms: defaultdict[str, list[float]] = defaultdict(list)
        for weight, ranking in zip(self._weights, rankings, strict=True):
            for name, score in normalized(ranking):
                terms[name].append(weight * score)
        return best_first((name, fsum(several)) for name, several in terms.items())


def normalized(ranking: Ranking) -> list[tuple[str, float]]:
    """The same with scores from 0, of the last, to 1, of the first (min-max). Where all are equal they are 1, for a
    document that is found goes before one that is not."""
    scores = [score for _, score in ranking]
    least, most = min(scores, default=0.0), max(scores, default=0.0)
    if least == most:
        return [(name, 1.0) for name, _ in ranking]
    return [(name, (score - least) / (most - least)) for name, score in ranking]
