"""How rare a query's terms are in the collection that is searched, as factors of their impacts.

A model knows how rare a term was in the passages that it was trained on, and weighs it accordingly. Where the
collection is another, the factor is (idf in the index / idf in those passages) ** power, with the idf of Lucene's BM25.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from ..pipeline.encoding.impacts import LARGEST, Impacts
from ..pipeline.encoding.pruning import Pruning
from .impact_index import ImpactIndex

if TYPE_CHECKING:
    from ..pipeline.encoding.open_encoder import QueryEncoder

LEAST_IDF, LARGEST_RATIO = 0.2, 5.0


def idf(having: int, documents: int) -> float:
    """The inverse document frequency of a term that so many of the documents have, at least 0.2."""
    return max(LEAST_IDF, math.log(1 + (documents - having + 0.5) / (having + 0.5)))


def factor(having: int, documents: int, reference: int, reference_documents: int, power: float) -> float:
    """What a term's impact is multiplied by: 1 of one that no document of the index has, for which nothing is known."""
    if not having:
        return 1.0
    ratio = idf(having, documents) / idf(reference, reference_documents)
    return math.pow(min(LARGEST_RATIO, ratio), power)


class CollectionIdf:
    """Weighs the impacts of queries by the terms of an open index. Threads may share it.

    encoder: of queries, whose model has document frequencies. power: see EncoderSpec. pruning: which terms of a query
    are kept, by the impacts that they have then. The factors of terms are kept as long as this is, which is for one
    generation of an index.
    """

    def __init__(self, encoder: "QueryEncoder", power: float, index: ImpactIndex, pruning: Pruning) -> None:
        reference = encoder.document_frequencies
        assert reference is not None, "a model whose queries are weighed so has document frequencies"
        self._encoder, self._reference, self._power = encoder, reference, power
        self._index, self._pruning = index, pruning
        self._factors = np.full(len(encoder.vocabulary), np.nan)  # NaN: not asked for yet

    def weighed(self, impacts: Impacts) -> Impacts:
        """Queries with each impact times its term's factor: rounded, halves to even, and from 1 to LARGEST."""
        found = self._factors[impacts.terms]
        if np.isnan(found).any():
            self._find(np.unique(impacts.terms[np.isnan(found)]))
            found = self._factors[impacts.terms]
        values = np.rint(impacts.values * found).clip(1, LARGEST).astype(np.int32)
        return self._pruning.prune(Impacts(impacts.offsets, impacts.terms, values, impacts.vocabulary))

    def _find(self, terms: np.ndarray) -> None:
        vocabulary, reference = self._encoder.vocabulary, self._reference
        every = self._index.document_frequencies([vocabulary[term] for term in terms.tolist()])
        for term, having in zip(terms.tolist(), every, strict=True):
            of_term = int(reference.counts[term])
            self._factors[term] = factor(having, len(self._index), of_term, reference.documents, self._power)
