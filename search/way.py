"""What a way to search is: from the texts of queries to terms, and from the terms of a query to documents in order."""

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, Protocol

from ..errors import UsageError, short
from ..pipeline.encoding.impacts import LARGEST
from ..storage.fields import Field
from .explain import Match
from .facets import Facets
from .impact_index import Selection
from .lucene_hits import ScoredDoc

Terms = Mapping[str, Any]  # of a query, as a way has them; empty where nothing is searched for
Encode = Callable[[Sequence[str]], Sequence[dict[str, int]]]


class Way(Protocol):
    """A way to search an open index. Threads may share it.

    needs_model: whether the model of the index encodes queries. takes_vectors: whether a query may come as impacts
    instead of a text. fused: whether scores are made of several rankings, and lie close together. numbered: whether
    documents have the numbers of the impact index.
    """

    needs_model: bool
    takes_vectors: bool
    fused: bool
    numbered: bool

    def terms(self, texts: Sequence[str], encode: Encode) -> list[dict[str, Any]]:
        """Queries as terms. encode: what gives the model's."""

    def rank(self, terms: Terms, most: int, selection: Selection) -> list[ScoredDoc]:
        """The first documents for a query; of those that were split the best passage of each. Raises UsageError for
        terms that cannot be meant."""

    def refuse(self, *, order: bool = False, facets: bool = False, explain: bool = False) -> None:
        """Raise UsageError where this way cannot do what is asked for: another order than by score, facets,
        explanations."""

    def facets(self, terms: Terms, fields: Sequence[Field], selection: Selection) -> Facets:
        """How many documents match, and the most frequent values of fields in these."""

    def explain(self, terms: Terms, ids: Sequence[str]) -> list[list[Match]]:
        """What each term of a query adds to the scores of some documents. Raises KeyError for an unknown id."""

    def close(self) -> None:
        """Free what was opened for this way."""


def checked_terms(terms: Mapping[str, int]) -> dict[str, int]:
    """The terms of a query that came as such. Raises UsageError for an impact that none can be."""
    for term, impact in terms.items():
        number = isinstance(impact, Real) and not isinstance(impact, bool)
        if not number or not 0 < impact <= LARGEST or impact != int(impact):
            raise UsageError(
                f"the impact of {short(term)} is {short(impact)}; expected a whole number from 1 to {LARGEST}"
            )
    return {term: int(impact) for term, impact in terms.items()}
