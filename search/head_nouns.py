"""The head noun of a query, which says what a thing is, weighs more than what it is like or for.

A table has no context: in "backpack that fits a 13 inch laptop" both things weigh the same, and sleeves for laptops are
as good as backpacks. English has the head noun at the end of a phrase, before a preposition or a relative clause.
"""

import re
from collections.abc import Container, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..pipeline.encoding.impacts import LARGEST, Impacts
from ..pipeline.tokens.stems import singulars

if TYPE_CHECKING:
    from ..pipeline.encoding.static_encoder import StaticEncoder
    from .rare_words import RareWords

_MOST_WORDS, _LONGEST = 12, 200  # of a query that names things, and its letters
_MOST_KEPT = 10_000  # nouns
_PIECE = re.compile(r"[^\W_]+|[^\w\s'\N{RIGHT SINGLE QUOTATION MARK}-]")
_VERBS = (
    "am are can could did do does had has have how i is may might must shall should was we were what why will would you"
)
_BEHIND = (
    "against as at by for from in inside into like made of on over that to under w when where which who whose with "
    "without"
)
# What has a word of the first is a sentence. What comes after one of the second says what a thing is like or for.
_OF_SENTENCES, _BEFORE_MORE = frozenset(_VERBS.split()), frozenset(_BEHIND.split())
_BETWEEN = frozenset(("and", "or", "size"))  # two phrases
_AFTER_NUMBERS = frozenset(("by", "in"))  # as in "8 by 10 in rug"
_AMOUNTS = frozenset(  # as in "pair of boots"
    ("bag", "bottle", "box", "can", "case", "jar", "kit", "pack", "packet", "pair", "piece", "roll", "set", "tube")
)


def head_nouns(query: str, nouns: Container[str]) -> tuple[str, ...]:
    """The last word of each phrase that comes before a preposition or a relative clause, of those that are nouns of a
    table. None of a sentence, or of many words. nouns: singulars, in lower case."""
    pieces = _PIECE.findall(query.lower()) if len(query) <= _LONGEST else []
    if len(pieces) > _MOST_WORDS or not _OF_SENTENCES.isdisjoint(pieces):
        return ()
    prepositions = (place for place, piece in enumerate(pieces) if piece in _BEFORE_MORE)
    stop = next((place for place in prepositions if not _goes_on(pieces, place)), len(pieces))
    phrases = pairwise((*pieces[:stop], ""))
    last = (one for one, after in phrases if one.isalpha() and (not after.isalpha() or after in _BETWEEN))
    return tuple(one for one in last if any(noun in nouns for noun in (one, *singulars(one))))


def _goes_on(pieces: Sequence[str], place: int) -> bool:
    """Whether the phrase goes on behind a preposition."""
    before, piece = pieces[place - 1] if place else "", pieces[place]
    if piece in _AFTER_NUMBERS:
        return before[-1:].isdigit()
    return piece == "of" and not _AMOUNTS.isdisjoint((before, *singulars(before)))


class HeadWeights:
    """Weighs the head nouns of queries to an open index, as long as one generation of it is open. Not for several
    threads at once. encoder: of queries. nouns: singulars, in lower case. weight: what the impact of one is multiplied
    by. rare: what finds synonyms of those that hardly any document has, which weigh as they do."""

    def __init__(
        self, encoder: "StaticEncoder", nouns: Container[str], weight: float, rare: "RareWords | None"
    ) -> None:
        self._encoder, self._nouns, self._weight, self._rare = encoder, nouns, weight, rare
        self._terms: dict[str, frozenset[int]] = {}  # of nouns, and of their synonyms

    def weighed(self, impacts: Impacts, texts: Sequence[str]) -> Impacts:
        """Queries with the impacts of their head nouns times what these weigh: rounded, halves to even. texts: of the
        queries. Raises what Java throws."""
        values = impacts.values.copy()
        for (start, stop), text in zip(pairwise(impacts.offsets.tolist()), texts, strict=True):
            for noun in head_nouns(text, self._nouns):
                terms = self._terms_of(noun)
                places = [place for place in range(start, stop) if int(impacts.terms[place]) in terms]
                values[places] = np.rint(impacts.values[places] * self._weight).clip(0, LARGEST)
        return Impacts(impacts.offsets, impacts.terms, values, impacts.vocabulary)

    def _terms_of(self, noun: str) -> frozenset[int]:
        if (found := self._terms.get(noun)) is None:
            synonyms = () if self._rare is None else self._rare.of([noun])[0][0]
            found = frozenset(self._encoder.tokens_of(noun)).union(*synonyms)
            if len(self._terms) >= _MOST_KEPT:
                del self._terms[next(iter(self._terms))]
            self._terms[noun] = found
        return found
