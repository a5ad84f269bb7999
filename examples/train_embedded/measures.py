"""nDCG@10 and recall@100 of ranked passages, as trec_eval defines them."""

from collections.abc import Mapping, Sequence

import numpy as np


def ndcg(ranked: np.ndarray, grades: Sequence[Mapping[int, int]], k: int = 10) -> np.ndarray:
    """float64 [Q]. ranked: int [Q, >= k], best first. grades: of each query's relevant passages."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    found = np.zeros(len(ranked))
    for row, (best, of_query) in enumerate(zip(ranked, grades, strict=True)):
        ideal = np.sort(list(of_query.values()))[::-1][:k]
        gains = np.array([of_query.get(int(one), 0) for one in best[:k]])
        found[row] = (gains * discounts[: len(gains)]).sum() / (ideal * discounts[: len(ideal)]).sum()
    return found


def recall(ranked: np.ndarray, grades: Sequence[Mapping[int, int]], k: int = 100) -> np.ndarray:
    """float64 [Q], the share of a query's relevant passages that are among the first k."""
    return np.array(
        [
            len(of_query.keys() & set(best[:k].tolist())) / len(of_query)
            for best, of_query in zip(ranked, grades, strict=True)
        ]
    )


def by_source(values: np.ndarray, sources: Sequence[str]) -> dict[str, float]:
    """The mean of each source, and under "macro" the mean of these, in which each source counts alike."""
    names = np.array(sources)
    means = {name: float(values[names == name].mean()) for name in dict.fromkeys(sources)}
    return {"macro": float(np.mean(list(means.values()))), **means}
