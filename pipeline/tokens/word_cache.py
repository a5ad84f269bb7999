"""Token ids of texts from those of their words, which are remembered.

A tokenizer takes four microseconds a token, and a GPU with the fused head takes half of one. But where no token
reaches across a space, as in BERT and its kin, a text's tokens are those of its words, one after the other, and a
corpus repeats its words.
"""

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

import tokenizers

_MOST_LETTERS = 2**22  # of remembered words; some 100 MB, and a corpus has most of its words among its commonest
_SPACES = str.maketrans("\n\t\r", "   ")


class WordTokens:
    """The ids that a tokenizer gives to texts, without special tokens.

    tokenizer: one that `words_stand_alone` says yes to, and neither pads nor cuts.
    """

    def __init__(self, tokenizer: tokenizers.Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}
        self._letters = 0

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        words = [text.translate(_SPACES).split(" ") for text in texts]
        new = list(set().union(*words) - self._known.keys())
        if new:
            self._learn(new, words)
        known = self._known
        return [list(chain.from_iterable(map(known.__getitem__, text))) for text in words]

    def _learn(self, new: Sequence[str], needed: Sequence[Sequence[str]]) -> None:
        self._letters += sum(map(len, new))
        if self._letters > _MOST_LETTERS:
            self._known.clear()
            new = list(set().union(*needed))
            self._letters = sum(map(len, new))
        encodings = self._tokenizer.encode_batch_fast(new, add_special_tokens=False)
        self._known.update(zip(new, (encoding.ids for encoding in encodings), strict=True))


def words_stand_alone(tokenizer: str) -> bool:
    """Whether a text's tokens are those of its words between spaces. tokenizer: its JSON.

    True of WordPiece behind BERT's own normalization and splitting, which look at one character or word at a time.
    """
    content: dict[str, Any] = json.loads(tokenizer)
    normalizer, splitter = content.get("normalizer"), content.get("pre_tokenizer")
    return (
        content["model"].get("type") == "WordPiece"
        and (normalizer is None or normalizer["type"] == "BertNormalizer")
        and splitter is not None
        and splitter["type"] == "BertPreTokenizer"
        and not any(letter.isspace() for token in content.get("added_tokens") or () for letter in token["content"])
    )
