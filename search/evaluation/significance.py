"""Whether runs differ by more than chance: a paired t-test, and its correction where several runs are compared."""

import warnings
from collections.abc import Sequence
from math import isnan


def paired_p(ours: dict[str, float], theirs: dict[str, float]) -> float | None:
    """p of Student's two-sided paired t-test over the queries; 1 where no query differs, None for a single query."""
    from scipy.stats import ttest_rel

    if len(ours) < 2:
        return None
    if ours == theirs:
        return 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # equal differences everywhere: p is 0, which is right
        return float(ttest_rel(list(ours.values()), [theirs[query] for query in ours]).pvalue)


def holm(values: Sequence[float | None]) -> list[float | None]:
    """p values of comparisons that are made together, corrected by Holm's step-down method: the smallest times their
    number, the next times one less, none below the one before it, and at most 1. None, which is no comparison, and
    what is no number stay.
    """
    found = sorted((value, place) for place, value in enumerate(values) if value is not None and not isnan(value))
    corrected = list(values)
    least = 0.0
    for rank, (value, place) in enumerate(found):
        least = max(least, min(1.0, value * (len(found) - rank)))
        corrected[place] = least
    return corrected
