"""Words of several pieces that are forms of another word, as "backpacks", which is "backpack" and "##s".

A vocabulary has one form of a word in one piece, and others in several: "sandals", and "sand" and "##al". Pieces tell
not that these are one word; stems do, as in BM25 (Porter, An algorithm for suffix stripping, Program, 1980).
"""

import threading
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain

import numpy as np
import Stemmer
import tokenizers
from tokenizers.models import WordPiece

from ...errors import SpartonError

_SHORTEST = 3  # letters of a word that has forms
_MOST_KNOWN = 2**19  # words whose tokens are remembered; some 100 MB
ENGLISH = ("porter", "english")
# Endings of plurals, of the singulars that they may have, and what is written for both.
_NUMBERS = (("ies", "ie", "y"), *((f"{end}es", f"{end}e", end) for end in ("ss", "x", "zz", "ch", "sh")))


class Stems:
    """Finds the tokens that words of several pieces stand for. Threads may share it.

    tokenizer: of WordPiece; None for one that has no JSON. stemmer: of Snowball's, by name. words: int32 [V], by
    vocabulary id which word a token is a form of, -1 of no word.

    Raises SpartonError for a tokenizer of another kind, whose pieces do not say which of them go on with a word.
    """

    def __init__(self, tokenizer: tokenizers.Tokenizer | None, stemmer: str, words: np.ndarray) -> None:
        pieces = None if tokenizer is None else tokenizer.model
        if tokenizer is None or not isinstance(pieces, WordPiece):
            kind = "has no tokenizer.json" if pieces is None else f"is one of {type(pieces).__name__}"
            raise SpartonError(
                f"the model's lexical.json names the stemmer {stemmer}, which is for tokenizers of WordPiece, and its "
                f"tokenizer {kind}; leave out stemmer there"
            )
        self._tokenizer, self._words, self._name = tokenizer, words, stemmer
        self._prefix, self._unknown = str(pieces.continuing_subword_prefix), str(pieces.unk_token)
        # Without a cache, which takes three times as long as stemming where each word is asked for once.
        self._stemmer, self._lock = Stemmer.Stemmer(stemmer, 0), threading.Lock()
        self._known: dict[bytes, tuple[int, ...]] = {}

    @property
    def english(self) -> bool:
        """Whether the stems are of English."""
        return self._name in ENGLISH

    def of(self, pieces: Sequence[int]) -> tuple[int, ...]:
        """The tokens that a word of several pieces stands for: one that is a form of it; else, in English, the pieces
        of what is written for its singular and plural; else its own. pieces: token ids, the first of which begins the
        word."""
        word = "".join(map(self._written, pieces))
        if (form := self._form(word)) is not None:
            return (form,)
        if self.english and (one := number_less(word)) != word and self._stem(one) == self._stem(word):
            found = self._tokenizer.encode(one, add_special_tokens=False)
            if found.tokens and self._unknown not in found.tokens:
                return tuple(found.ids)
        return tuple(pieces)

    def _form(self, word: str) -> int | None:
        """The token that is a form of a word, the one most like it; None where there is none. In English both differ by
        an inflection: a stem alone makes "ironing" a form of "ironic"."""
        if not self.english:
            forms = self._forms.get(self._stem(word), [])
        else:
            own = inflected(word)
            stems = {self._stem(one) for one in (word, *singulars(word))}
            every = (form for stem in stems for form in self._forms.get(stem, ()))
            forms = [form for form in every if own & inflected(form[0])]
        nearest = min(forms, key=lambda form: (-_shared(form[0], word), len(form[0]), form[1]), default=None)
        return None if nearest is None else nearest[1]

    def replaced(self, ids: np.ndarray) -> np.ndarray:
        """int32 ids of a text's tokens, in no order, words of several pieces as the tokens that they stand for."""
        starts, stops = self._of_several(ids, np.array([0]))
        if not len(starts):
            return ids
        kept = np.ones(len(ids), bool)
        found: list[int] = []
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
            kept[start:stop] = False
            found += self.of(ids[start:stop].tolist())
        return np.concatenate((ids[kept], np.array(found, ids.dtype)))

    def added(self, ids: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The tokens that words of several pieces stand for and that they do not count as by their pieces: int64 rows
        and int64 ids, of each time that a text has such a word. ids: int32, the tokens of texts end to end. lengths:
        int64 [B], how many each has."""
        ends = np.cumsum(lengths)
        starts, stops = self._of_several(ids, (ends - lengths)[lengths > 0])
        data, size = ids.tobytes(), ids.itemsize
        places = zip((starts * size).tolist(), (stops * size).tolist(), strict=True)
        words = [data[start:stop] for start, stop in places]
        found = self._remembered(words)
        several = [number for number, tokens in enumerate(found) if tokens]
        counts = [len(found[number]) for number in several]
        rows = np.repeat(np.searchsorted(ends, starts[several], side="right"), counts)
        return rows, np.fromiter(chain.from_iterable(found), np.int64, len(rows))

    def _remembered(self, words: Sequence[bytes]) -> Sequence[tuple[int, ...]]:
        """What `_beside` says of each word, which is asked once. words: the bytes of their token ids."""
        known = self._known
        try:
            return list(map(known.__getitem__, words))
        except KeyError:
            new = {word for word in words if word not in known}  # a difference would go through all that is known
        if len(known) + len(new) > _MOST_KNOWN:
            self._known = known = {}  # another thread may still read the old one
            new = set(words)
        known.update((word, self._beside(np.frombuffer(word, np.int32).tolist())) for word in new)
        return list(map(known.__getitem__, words))

    def _beside(self, pieces: Sequence[int]) -> tuple[int, ...]:
        """The tokens that a word stands for, but those that its pieces count as already. A piece that is no word by
        itself, as "to" of "tote", counts for the word."""
        own = {*pieces, *self._words[pieces].tolist()}
        numbers = ((token, int(self._words[token])) for token in self.of(pieces))
        return tuple(dict.fromkeys(token for token, word in numbers if word < 0 or not own & {token, word}))

    def _of_several(self, ids: np.ndarray, begins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """int64 [n] each: where words of several pieces start and stop. begins: where texts do."""
        goes_on = np.append(self._goes_on[ids], False)
        goes_on[begins] = False
        starts = np.flatnonzero(goes_on[1:] & ~goes_on[:-1])
        stops = np.flatnonzero(goes_on[:-1] & ~goes_on[1:]) + 1
        # What follows a special token is the rest of a word that a passage begins within.
        whole = ~self._special[ids[starts]]
        return starts[whole], stops[whole]

    def _written(self, token: int) -> str:
        return str(self._tokenizer.id_to_token(token)).removeprefix(self._prefix)

    def _stem(self, word: str) -> str:
        with self._lock:
            return str(self._stemmer.stemWord(word.lower()))

    @cached_property
    def _forms(self) -> dict[str, list[tuple[str, int]]]:
        """The tokens that are words, by their stems."""
        found: dict[str, list[tuple[str, int]]] = {}
        for token, number in self._tokenizer.get_vocab().items():
            if len(token) >= _SHORTEST and token.isalpha() and number < len(self._words) and self._words[number] >= 0:
                found.setdefault(self._stem(token), []).append((token, number))
        return found

    @cached_property
    def _goes_on(self) -> np.ndarray:
        """bool [V], which tokens go on with a word."""
        return self._flags(token for token in self._tokenizer.get_vocab() if token.startswith(self._prefix))

    @cached_property
    def _special(self) -> np.ndarray:
        """bool [V], which tokens were added to the vocabulary, as special ones are."""
        return self._flags(token.content for token in self._tokenizer.get_added_tokens_decoder().values())

    def _flags(self, tokens: Iterable[str]) -> np.ndarray:
        """bool [V]: True of these tokens."""
        vocabulary = self._tokenizer.get_vocab()
        flags = np.zeros(1 + max(vocabulary.values()), bool)
        flags[[vocabulary[token] for token in tokens]] = True
        return flags


def singulars(word: str) -> tuple[str, ...]:
    """What an English word may be the plural of, by its last letters."""
    found = []
    if word.endswith("ies"):
        found += [f"{word[:-3]}y"]
    if word.endswith("ves"):
        found += [f"{word[:-3]}f", f"{word[:-3]}fe"]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        found += [word[:-1]]
    return (*found, word[:-2]) if word.endswith("es") else tuple(found)


def number_less(word: str) -> str:
    """An English word and its plural written in one way: "loafer" of "loafers", and "hoody" of "hoodie" and "hoodies",
    "moustach" of "moustache" and "moustaches", since the plural does not say which singular it has."""
    for endings in _NUMBERS:
        for ending in endings[:2]:
            if word.endswith(ending) and len(word) >= _SHORTEST + len(ending):
                return word.removesuffix(ending) + endings[2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def inflected(word: str) -> set[str]:
    """What an English word may be an inflection of, itself among it."""
    found = {word, *singulars(word)}
    for ending in ("ed", "ing"):
        if word.endswith(ending):
            bare = word.removesuffix(ending)
            found |= {bare, f"{bare}e"} | ({bare[:-1]} if bare[-2:-1] == bare[-1:] else set())
    return found | ({f"{word[:-3]}y"} if word.endswith("ied") else set())


def _shared(one: str, other: str) -> int:
    """How many letters two words begin with alike."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
