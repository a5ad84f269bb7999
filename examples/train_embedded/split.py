"""Splits off a development set by whole pairs: its passages stay in the collection, its pairs are not trained on."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from texts import Texts

# Of different kinds: science, medicine, shops, manuals, encyclopedias, a dictionary, questions of people.
SOURCES = (
    *("arxiv-abstracts", "scitldr", "medquad", "leipzig-products", "retail-demo-store", "webshop", "magento-sample"),
    *("d365-bc-docs", "squad-sentences", "wordnet", "clapnq", "skeptics-se"),
)
_SHARE = 10  # of a source's queries no more than one in so many


@dataclass(frozen=True)
class Split:
    """queries: int32 [D] of the development set. relevant: int32 [R, 2], pairs of these. trained: int32 [P, 2], the
    pairs that are left. unpaired: int32 [U], queries that have no pair at all."""

    queries: np.ndarray
    relevant: np.ndarray
    trained: np.ndarray
    unpaired: np.ndarray


def split(texts: Texts, most: int, seed: int) -> Split:
    """Choose up to `most` queries of each of SOURCES, and hold out every pair of them and of their passages.

    A passage that answers a development query would teach the answer if another query of it were trained on.
    """
    by_source = defaultdict[str, dict[int, None]](dict)
    for (query, _), source in texts.pairs.items():
        if source == texts.query_sources[query]:
            by_source[source][query] = None
    random, chosen = np.random.default_rng(seed), set[int]()
    for source in SOURCES:
        queries = np.array(list(by_source[source]), np.int32)
        chosen.update(random.permutation(queries)[: min(most, len(queries) // _SHARE)].tolist())
    pairs = texts.pair_numbers()
    relevant = np.isin(pairs[:, 0], list(chosen))
    held_out = relevant | np.isin(pairs[:, 1], pairs[relevant, 1])
    unpaired = np.setdiff1d(np.arange(len(texts.queries), dtype=np.int32), pairs[:, 0])
    return Split(np.array(sorted(chosen), np.int32), pairs[relevant], pairs[~held_out], unpaired)
