"""What a query's rare words stand for besides: the synonyms that a model's folder has for them, and in English how else
they are written.

A shop that sells umbrellas finds none for "brolly" where neither its texts nor the model's guesses have the word, and
no lawn mower for "lawnmower". To a word that more documents have nothing is added: what its synonyms find, it mostly
finds itself.
"""

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..pipeline.encoding.impacts import Impacts, offsets_of
from ..pipeline.encoding.query_terms import Words
from ..pipeline.tokens.stems import singulars
from .impact_index import ImpactIndex
from .other_spellings import apart, as_one, spellings
from .written_words import WrittenWords, written

if TYPE_CHECKING:
    from ..pipeline.encoding.static_encoder import StaticEncoder

# A word is rare that so few documents have: of all, and in number, since of a million 2,000 are many. One always may.
RARE, FEW = 1 / 500, 10
_MOST_ASKED = 32  # words of a query: the index is asked for each, and for its synonyms
_MOST_KEPT = 10_000  # words
_BESIDE = 0.8  # of the weight of a synonym, where documents have the word itself and are to come first
_LONGEST = 3  # words that are one in the table, as "key ring"
_LONGEST_WRITTEN = 40  # letters of a word, or of two, for which other spellings are looked for
_LONG_PART = 4  # letters of a part of a word that the vocabulary has in pieces, as "mower"
Tokens = tuple[int, ...]
Added = Mapping[Tokens, float]  # synonyms, and the share of its weight that each has
Synonyms = Sequence[Sequence[str]]  # of one word: lists of them, the nearest ones first


@dataclass(frozen=True, slots=True)
class _Entry:
    """Of a word in the table, the token ids of those of its synonyms that the index has. added: what the word stands
    for besides where it is rare, with the share of its weight. alike: what is a match as well as the whole word is."""

    added: Added
    alike: tuple[Tokens, ...]


class RareWords:
    """Finds them for queries of an open index, as long as one generation of it is open. Not for several threads at
    once. encoder: of queries, whose model has synonyms."""

    def __init__(self, encoder: "StaticEncoder", index: ImpactIndex) -> None:
        self._encoder, self._index = encoder, index
        self._written = WrittenWords(index, english=encoder.english)
        self._entries: dict[str, _Entry] = {}

    def of(self, texts: Sequence[str]) -> tuple[list[Added], list[Words]]:
        """For each query the synonyms of its rare words that the index has; and synonyms as words, of which a document
        must have one whole: those, and all of a word of several terms, whose pieces documents have where the model took
        their own word for it. Raises what Java throws."""
        every = list(map(self._entries_of, texts))
        added: list[Added] = [dict(chain.from_iterable(one.added.items() for one in entries)) for entries in every]
        alike = [dict.fromkeys(chain.from_iterable(one.alike for one in entries)) for entries in every]
        return added, [tuple(dict.fromkeys(frozenset(self._terms(one)) for one in some)) for some in alike]

    def _entries_of(self, text: str) -> list[_Entry]:
        """What is known of the first words of a text, as far as it is encoded. The index is asked once for each."""
        table, kept = self._encoder.synonyms, self._encoder.kept(text)
        every = dict.fromkeys(words_in(kept, table))
        if self._encoder.english:
            words = written(kept)
            pairs = map(" ".join, pairwise(words))
            every |= dict.fromkeys(one for one in chain(words, pairs) if len(one) <= _LONGEST_WRITTEN)
        found = (self._entry(word, table.get(word, ())) for word in islice(every, _MOST_ASKED))
        return [entry for entry in found if entry.alike]

    def _entry(self, word: str, synonyms: Synonyms) -> _Entry:
        if (entry := self._entries.get(word)) is None:
            self._entries[word] = entry = self._asked(word, synonyms)
            if len(self._entries) > _MOST_KEPT:
                del self._entries[next(iter(self._entries))]
        return entry

    def _asked(self, word: str, synonyms: Synonyms) -> _Entry:
        """What the index has of a word's synonyms, and where it is rare of how else it is written."""
        otherwise = list(self._written_otherwise(word)) if self._encoder.english else []
        tokens = self._encoder.tokens_of(word) if synonyms or otherwise else ()
        if not tokens:  # as of "the"
            return _Entry({}, ())
        saying = self._written.count(word, self._terms(tokens), any_form=True)
        is_rare = saying <= min(FEW, max(1, RARE * len(self._index)))
        found = self._nearest([*synonyms, *([other] for other in otherwise)]) if is_rare else ()
        added = dict.fromkeys(found, _BESIDE if saying else 1.0)
        every = chain.from_iterable(map(self._in_the_index, synonyms)) if len(tokens) > 1 else ()
        return _Entry(added, (*added, *(one for one, _ in every)))

    def _written_otherwise(self, written: str) -> Iterator[str]:
        """A word in other spellings, and in two words; of two words the one that they may be. A part of a word has to
        be a word that the vocabulary has, and so has the whole: pieces are in too many documents."""
        word, _, second = written.partition(" ")
        if second:
            if (whole := as_one(word, second)) is not None and self._is_whole(whole):
                yield whole
        elif word.isascii() and word.isalpha():
            yield from spellings(word)
            if not self._is_whole(word):
                for first, second in apart(word):
                    if self._is_whole(first) and (self._is_whole(second) or len(second) >= _LONG_PART):
                        yield f"{first} {second}"

    def _is_whole(self, word: str) -> bool:
        """Whether a word is one token, and no word such as "the"."""
        return len(self._encoder.tokens_of(word)) == 1

    def _nearest(self, synonyms: Synonyms) -> tuple[Tokens, ...]:
        """The synonyms of the first list, and of the next ones as long as few documents have any of these."""
        found: list[Tokens] = []
        documents = 0
        for some in synonyms:
            if documents > FEW:
                break
            each = self._in_the_index(some)
            found += [tokens for tokens, _ in each]
            documents += sum(saying for _, saying in each)
        return tuple(found)

    def _in_the_index(self, synonyms: Sequence[str]) -> list[tuple[Tokens, int]]:
        """Those of a list that documents say, and how many say each. One with a word of several pieces, which would
        find other words with these, is there where all are such."""
        each = {one: self._encoder.tokens_of(one) for one in synonyms}
        found = {one: (tokens, saying) for one, tokens in each.items() if (saying := self._saying(one, tokens))}
        plain = [kept for one, kept in found.items() if all(len(word) == 1 for word in self._encoder.words(one))]
        return plain or list(found.values())

    def _saying(self, word: str, tokens: Tokens) -> int:
        """How many documents say a word. tokens: of it."""
        return self._written.count(word, self._terms(tokens))

    def _terms(self, tokens: Tokens) -> list[str]:
        return [self._encoder.vocabulary[token] for token in tokens]

    def added(self, impacts: Impacts, synonyms: Sequence[Added]) -> Impacts:
        """Queries with the terms of their synonyms, which weigh their share of what they do in a query, and less in
        several pieces: the impact of each of n pieces divided by the square root of n. A term that the query has weighs
        no less."""
        if not any(synonyms):
            return impacts
        rows = []
        for (terms, values), of_query in zip(impacts, synonyms, strict=True):
            found = dict(zip(terms.tolist(), values.tolist(), strict=True))
            for tokens, share in of_query.items():
                factor = share / math.sqrt(len(tokens))
                weights = np.rint(self._encoder.impacts_of(np.array(tokens)) * factor).tolist()
                for token, weight in zip(tokens, weights, strict=True):
                    if weight > 0:
                        found[token] = max(found.get(token, 0), int(weight))
            rows.append(sorted(found.items()))
        flat = np.array([posting for row in rows for posting in row], np.int32).reshape(-1, 2)
        offsets = offsets_of(np.array([len(row) for row in rows], np.int64))
        return Impacts(offsets, flat[:, 0].copy(), flat[:, 1].copy(), impacts.vocabulary)


def words_in(text: str, table: Container[str]) -> Iterator[str]:
    """The entries of a table that a text has, in order, the longest where several begin: each as it is written, or a
    singular or the plural of that."""
    words = written(text)
    place = 0
    while place < len(words):
        for stop in range(min(place + _LONGEST, len(words)), place, -1):
            word = " ".join(words[place:stop])
            if (entry := next((one for one in (word, *singulars(word), f"{word}s") if one in table), None)) is not None:
                yield entry
                place = stop
                break
        else:
            place += 1
