"""What a text's own words weigh, by how often it has them, whatever the model makes of them.

A maximum over positions says how well a term fits a text, and not how often it stands there. And of a text unlike those
that it was trained on, a model leaves out most words. Both are known since BM25 (Robertson and Zaragoza, The
Probabilistic Relevance Framework: BM25 and Beyond, Foundations and Trends in Information Retrieval, 2009, section 3).
Of a token whose word stands n times in a text of l tokens, the weight w becomes

    max(w * (1 + c * (log2(1 + n) - 1)), o * n * (k1 + 1) / (n + k1 * (1 - b + b * l / L)))

with c for term_frequency and o for own_words of the model's lexical.json, whose texts have L tokens on average, and k1
and b as in Anserini. Of a token that a text has once the factor is 1.

Of short texts, and of texts unlike those that it was trained on, a model guesses hundreds of terms, most of them light
and wrong. So a text may keep at most l + e of those that are no words of its own, the heaviest, with e for expansion.
"""

from collections.abc import Sequence

import numpy as np
import torch

from ..model.lexical import WordForms
from ..tokens.stems import Stems

K1, B = 0.9, 0.4


class OwnWords:
    """Applies it to a batch.

    strength, least: c and o. mean_length: L. forms: which tokens stand for one word; without them each token is a word,
    but for special ones. meaningless: ids of special tokens, which are not counted in l.
    """

    def __init__(
        self,
        strength: float,
        least: float,
        mean_length: float,
        forms: WordForms | None,
        size: int,
        meaningless: Sequence[int] = (),
        stems: Stems | None = None,
        expansion: int | None = None,
    ) -> None:
        self._strength, self._least, self._mean_length, self.size = strength, least, mean_length, size
        self._special = np.zeros(size, bool)
        self._special[[token for token in meaningless if token < size]] = True
        alone = np.where(self._special, -1, np.arange(size, dtype=np.int32)) if least else np.arange(size)
        self._words = alone.astype(np.int32) if forms is None else forms.words
        self._stems, self._expansion = stems, expansion
        # A token that is no word is one where a word of several pieces stands for it.
        self._every = np.where(self._words < 0, np.arange(size, dtype=np.int32), self._words)
        # The tokens of each word, one word's behind the other's.
        self._members = np.argsort(self._every, kind="stable").astype(np.int64)
        self._counts = np.bincount(self._every, minlength=size)
        self._starts = np.cumsum(self._counts) - self._counts
        self._on_device: dict[torch.device, torch.Tensor] = {}

    def apply(self, weights: torch.Tensor, batch: Sequence[np.ndarray]) -> None:
        """Change, in place, what the own words of texts weigh.

        weights: float32 [B, V], on any device. batch: int32 token ids of the B texts. The host counts, which has the
        ids and nothing to do while a GPU computes the weights. It makes the factors, too, so that they are the same on
        every device. Only weights that change are read and written, and a GPU is not waited for.
        """
        ids, lengths = np.concatenate(batch), np.array([len(tokens) for tokens in batch])
        added = None
        if self._stems is not None:
            in_rows, tokens = self._stems.added(ids, lengths)
            added = in_rows, self._every[tokens]
        rows, words, times = counted(ids, lengths, self._words, 1 if self._least else 2, added)
        if not len(words) and self._expansion is None:
            return
        own_lengths = self._own_lengths(ids, lengths)
        several = self._counts[words]
        total = int(several.sum())
        # Of each word: its text, where its tokens begin less where they are to stand, and how many these are.
        whole = _moved(np.stack((rows, self._starts[words] - (np.cumsum(several) - several), several)), weights.device)
        floors = self._floors(times, own_lengths[rows])
        numbers = _moved(np.stack((factors(times, self._strength), floors)), weights.device)
        of_word = torch.repeat_interleave(whole[2], output_size=total)
        token = self._tokens(weights.device)[torch.arange(total, device=weights.device) + whole[1][of_word]]
        row = whole[0][of_word]
        own = torch.maximum(weights[row, token] * numbers[0][of_word], numbers[1][of_word])
        if self._expansion is not None:
            weights[row, token] = 0
            keep_heaviest(weights, own_lengths + self._expansion)
        weights[row, token] = own

    def _own_lengths(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """int64 [B]: l of each text, its tokens but for special ones. ids, lengths: as `counted` has them."""
        texts = np.repeat(np.arange(len(lengths)), lengths)
        return np.bincount(texts[~self._special[ids]], minlength=len(lengths))

    def _floors(self, times: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """float32 [n]: what a word that stands so many times in a text of such a length weighs at least."""
        found = times * (K1 + 1) / (times + K1 * (1 - B + B * lengths / self._mean_length))
        floors: np.ndarray = (self._least * found).astype(np.float32)
        return floors

    def _tokens(self, device: torch.device) -> torch.Tensor:
        if device not in self._on_device:
            self._on_device[device] = torch.from_numpy(self._members).to(device)
        return self._on_device[device]


def counted(
    ids: np.ndarray,
    lengths: np.ndarray,
    words: np.ndarray,
    least: int,
    added: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The words that stand in a text `least` times or more: its row, the word and how often, int64 [n] each.

    ids: int32, the tokens of the texts end to end. lengths: int64 [B], how many of them each text has. words: int32
    [V], of which word each token is, -1 of none. added: rows and words that texts have besides, int [m] each.
    """
    size = len(words)
    # One number a token, of 32 bits where they are enough: two numbers, or longer ones, sort in twice the time.
    number = np.dtype(np.int32 if len(lengths) * size < 2**31 else np.int64)
    begins = np.arange(0, len(lengths) * size, size, dtype=number)
    own = words[ids]
    places = np.repeat(begins, lengths) + own.astype(number, copy=False)
    places = places[own >= 0]
    if added is not None and len(added[0]):
        places = np.concatenate((places, begins[added[0]] + added[1].astype(number, copy=False)))
    places.sort()
    starts = np.flatnonzero(np.diff(places, prepend=-1))
    counts = np.diff(starts, append=len(places))
    often = np.flatnonzero(counts >= least)
    rows, found = np.divmod(places[starts[often]].astype(np.int64), size)
    return rows, found, counts[often]


def keep_heaviest(weights: torch.Tensor, most: np.ndarray) -> None:
    """Set the weights of each row, but the heaviest and what weighs as much as the lightest of these, to 0, in place.

    weights: float32 [B, V], none negative. most: int64 [B], how many of each row stay, 1 or more.
    """
    longest = min(int(most.max(initial=1)), weights.shape[1])
    heaviest = weights.topk(longest, dim=1).values
    last = _moved(np.minimum(most, longest) - 1, weights.device)
    weights.masked_fill_(weights < heaviest.gather(1, last[:, None]), 0)


def factors(times: np.ndarray, strength: float) -> np.ndarray:
    """float32 [n]: what the weight of a word that stands so many times in its text is multiplied by. strength: c."""
    every = 1 + strength * (np.log2(1 + np.arange(1 + times.max(initial=0))) - 1)
    found: np.ndarray = every.astype(np.float32)[times]
    return found


def _moved(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """An array on a device. A copy from pinned memory does not wait for what a GPU is doing."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
