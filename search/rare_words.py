"""What a query's rare words stand for besides: the synonyms that a model's folder has for them.

A shop that sells umbrellas finds none for "brolly" where neither its texts nor the model's guesses have the word. To a
word that more documents have nothing is added: what its synonyms find, it mostly finds itself.
"""

import math
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ..pipeline.encoding.impacts import Impacts, offsets_of
from ..pipeline.encoding.query_terms import Words
from ..pipeline.tokens.stems import singular
from .impact_index import ImpactIndex

if TYPE_CHECKING:
    from ..pipeline.encoding.static_encoder import StaticEncoder

# A word is rare that so few documents have: of all, and in number, since of a million 2,000 are many.
RARE, FEW = 1 / 500, 10
_MOST_KEPT = 10_000  # words
_LONGEST = 3  # words that are one in the table, as "key ring"
_WORD = re.compile(r"[^\W_]+")
Tokens = tuple[int, ...]
Synonyms = Sequence[Sequence[str]]  # of one word: lists of them, the nearest ones first


@dataclass(frozen=True, slots=True)
class _Entry:
    """Of a word in the table, the token ids of those of its synonyms that the index has. added: what the word stands
    for besides where it is rare. alike: what is a match as well as the whole word is."""

    added: tuple[Tokens, ...]
    alike: tuple[Tokens, ...]


class RareWords:
    """Finds them for queries of an open index, as long as one generation of it is open. Not for several threads at
    once. encoder: of queries, whose model has synonyms."""

    def __init__(self, encoder: "StaticEncoder", index: ImpactIndex) -> None:
        self._encoder, self._index = encoder, index
        self._entries: dict[str, _Entry] = {}

    def synonyms(self, text: str) -> tuple[Tokens, ...]:
        """The token ids of each synonym of the text's rare words that the index has. Raises what Java throws."""
        return tuple(dict.fromkeys(chain.from_iterable(entry.added for entry in self._entries_of(text))))

    def words(self, text: str) -> Words:
        """Synonyms as words of a query, of which a document must have one whole: those of its rare words, and all of a
        word of several terms, whose pieces documents have where the model took their own word for it."""
        every = (entry.alike for entry in self._entries_of(text))
        return tuple(dict.fromkeys(frozenset(self._terms(tokens)) for tokens in chain.from_iterable(every)))

    def _entries_of(self, text: str) -> list[_Entry]:
        """What is known of the words of a text, as far as it is encoded, each of which the index is asked once."""
        table = self._encoder.synonyms
        return [self._entry(word, table[word]) for word in dict.fromkeys(words_in(self._encoder.kept(text), table))]

    def _entry(self, word: str, synonyms: Synonyms) -> _Entry:
        if word not in self._entries:
            if len(self._entries) >= _MOST_KEPT:
                self._entries.clear()
            tokens = self._encoder.tokens_of(word)
            is_rare = self._having(tokens) <= min(FEW, RARE * len(self._index))
            lists = map(self._in_the_index, synonyms)
            added = next(filter(None, lists), ()) if is_rare else ()
            alike = (*added, *chain.from_iterable(lists)) if len(tokens) > 1 else added
            self._entries[word] = _Entry(added, alike)
        return self._entries[word]

    def _in_the_index(self, synonyms: Sequence[str]) -> tuple[Tokens, ...]:
        """Those of a list that a document has whole."""
        each = map(self._encoder.tokens_of, synonyms)
        return tuple(tokens for tokens in each if self._having(tokens))

    def _having(self, tokens: Tokens) -> int:
        """How many documents have all the tokens of a word."""
        return self._index.count_with_all(self._terms(tokens))

    def _terms(self, tokens: Tokens) -> list[str]:
        return [self._encoder.vocabulary[token] for token in tokens]

    def added(self, impacts: Impacts, synonyms: Sequence[Sequence[Tokens]]) -> Impacts:
        """Queries with the terms of their synonyms, which weigh what they do in a query, and less in several pieces:
        the impact of each of n pieces divided by the square root of n. A term that the query has weighs no less."""
        if not any(synonyms):
            return impacts
        rows = []
        for (terms, values), of_query in zip(impacts, synonyms, strict=True):
            found = dict(zip(terms.tolist(), values.tolist(), strict=True))
            for tokens in of_query:
                weights = np.rint(self._encoder.impacts_of(np.array(tokens)) / math.sqrt(len(tokens))).tolist()
                for token, weight in zip(tokens, weights, strict=True):
                    if weight > 0:
                        found[token] = max(found.get(token, 0), int(weight))
            rows.append(sorted(found.items()))
        flat = np.array([posting for row in rows for posting in row], np.int32).reshape(-1, 2)
        offsets = offsets_of(np.array([len(row) for row in rows], np.int64))
        return Impacts(offsets, flat[:, 0].copy(), flat[:, 1].copy(), impacts.vocabulary)


def words_in(text: str, table: Container[str]) -> Iterator[str]:
    """The entries of a table that a text has, in order, the longest where several begin: each as it is written, or the
    singular of that."""
    written = _WORD.findall(text.lower())
    place = 0
    while place < len(written):
        for stop in range(min(place + _LONGEST, len(written)), place, -1):
            word = " ".join(written[place:stop])
            if (entry := next((one for one in (word, singular(word)) if one in table), None)) is not None:
                yield entry
                place = stop
                break
        else:
            place += 1
