"""Texts to token ids, in processes of their own where one interpreter would not keep up with a GPU."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tokenizers

from ..processes import ask_all, serve
from .documents import Shard
from .word_tokens import WordTokens, words_stand_alone

_MODULE = "sparton.pipeline.tokenizing"
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Tokens:
    """n tokenized texts end to end. Text i has ids[offsets[i]:offsets[i + 1]], with special tokens.

    ids: int32 [T]. offsets: int64 [n + 1]. truncated: how many texts were cut at the maximum length. A text without a
    single token that the model knows has no ids at all: the model would make up terms for it.
    """

    ids: np.ndarray
    offsets: np.ndarray
    truncated: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text, int64 [n]."""
        return np.diff(self.offsets)


@dataclass(frozen=True, slots=True)
class Tokenization:
    """How texts become tokens. tokenizer: its JSON. meaningless: ids of tokens that are no text.

    prompt: goes before every text, and counts as none of it. special_tokens: whether the tokenizer puts its own around.
    """

    tokenizer: str
    longest: int
    meaningless: frozenset[int]
    prompt: str = ""
    special_tokens: bool = True


class Tokenizer:
    """Turns texts into tokens."""

    def __init__(self, how: Tokenization) -> None:
        self._tokenizer = tokenizers.Tokenizer.from_str(how.tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._words = WordTokens(self._tokenizer) if words_stand_alone(how.tokenizer) else None
        self._before, self._after = _specials(self._tokenizer) if how.special_tokens else ([], [])
        self._prompt = how.prompt
        self._prompt_ids = self._tokenizer.encode(how.prompt, add_special_tokens=False).ids if how.prompt else []
        self._most = how.longest - len(self._before) - len(self._after)
        self._meaningless = how.meaningless

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Token ids of each text, cut at the maximum length."""
        parts: list[np.ndarray] = []
        lengths, truncated = [0], 0
        # A few at a time: an encoding holds ten times the memory of its ids.
        for start in range(0, len(texts), _AT_ONCE):
            several: list[int] = []
            for ids in self._ids(texts[start : start + _AT_ONCE]):
                truncated += len(ids) > self._most
                cut = ids[: self._most]
                text = cut[self._shared(cut) :] if self._prompt else cut
                whole = [] if self._meaningless.issuperset(text) else [*self._before, *cut, *self._after]
                several += whole
                lengths.append(len(whole))
            parts.append(np.array(several, dtype=np.int32))
        return Tokens(np.concatenate([np.empty(0, np.int32), *parts]), np.cumsum(lengths, dtype=np.int64), truncated)

    def _ids(self, texts: Sequence[str]) -> Iterable[list[int]]:
        """All tokens of each text, with its prompt but without the special ones around it."""
        if self._prompt:
            texts = [self._prompt + text for text in texts]
        if self._words is not None:
            return self._words.ids(texts)
        return (encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False))

    def _shared(self, ids: Sequence[int]) -> int:
        """How many tokens at the beginning are the prompt's."""
        pairs = zip(ids, self._prompt_ids, strict=False)
        return next((i for i, (found, own) in enumerate(pairs) if found != own), min(len(ids), len(self._prompt_ids)))


def _specials(tokenizer: tokenizers.Tokenizer) -> tuple[list[int], list[int]]:
    """What a tokenizer puts before and after every text."""
    encoding = tokenizer.encode("a")
    first, after = (encoding.special_tokens_mask[::step].index(0) for step in (1, -1))
    return encoding.ids[:first], encoding.ids[len(encoding.ids) - after :]


def tokenize_shards(shards: Iterable[Shard], how: Tokenization, processes: int) -> Iterator[tuple[Shard, Tokens]]:
    """Each shard with the tokens of its documents, in order.

    processes: how many tokenize the next shards meanwhile; 0 tokenizes here.
    """
    if not processes:
        tokenizer = Tokenizer(how)
        for shard in shards:
            yield shard, tokenizer.tokenize(shard.documents.texts)
        return
    requests = ((shard, shard.documents.texts) for shard in shards)
    yield from ask_all(_MODULE, how, requests, processes)


class _Answers:
    def __init__(self) -> None:
        self._tokenizer: Tokenizer | None = None

    def answer(self, request: Tokenization | tuple[str, ...]) -> Tokens | None:
        if isinstance(request, Tokenization):
            self._tokenizer = Tokenizer(request)
            return None
        assert self._tokenizer is not None
        return self._tokenizer.tokenize(request)


def main() -> None:
    """What the process runs."""
    serve(_Answers().answer)
