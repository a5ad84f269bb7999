"""What an index makes of queries whose terms have their impacts from a table: how rare the terms are in it, what rare
words stand for, and which word says what is asked for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..pipeline.encoding.impacts import Impacts
from ..pipeline.encoding.pruning import Pruning
from ..pipeline.encoding.query_terms import Words
from ..pipeline.encoding.static_encoder import StaticEncoder
from .collection_idf import CollectionIdf
from .head_nouns import HeadWeights
from .impact_index import ImpactIndex
from .rare_words import RareWords

if TYPE_CHECKING:
    from ..pipeline.encoding.open_encoder import QueryEncoder


class QueryWeights:
    """Weighs the impacts of queries by an open index, as long as one generation of it is open. Not for several threads
    at once.

    encoder: of queries, whose model has document frequencies. power: see EncoderSpec. pruning: which terms of a query
    are kept in the end.
    """

    def __init__(self, encoder: "QueryEncoder", power: float, index: ImpactIndex, pruning: Pruning) -> None:
        self._idf = CollectionIdf(encoder, power, index, pruning)
        self._rare: RareWords | None = None
        self._heads: HeadWeights | None = None
        if isinstance(encoder, StaticEncoder):
            self._rare = RareWords(encoder, index) if encoder.synonyms else None
            if (heads := encoder.head_nouns) is not None:
                self._heads = HeadWeights(encoder, heads.nouns, heads.weight, self._rare)

    def weighed(self, impacts: Impacts, texts: Sequence[str]) -> tuple[Impacts, list[Words]]:
        """Queries as they are searched for, and of each the synonyms that are a match as its words are. texts: of the
        queries. Raises what Java throws."""
        synonyms: list[Words] = [()] * len(texts)
        if self._rare is not None:
            of_rare_words, synonyms = self._rare.of(texts)
            impacts = self._rare.added(impacts, of_rare_words)
        if self._heads is not None:
            impacts = self._heads.weighed(impacts, texts)
        return self._idf.weighed(impacts), synonyms
