"""Texts to token ids, in processes of their own where one interpreter would not keep up with a GPU."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tokenizers

from ...errors import Parameter, SpartonError
from ...processes import Subprocess, ask_all, serve
from ..documents import Shard
from .passages import Spans, join_spans, windows
from .python_tokenizer import PythonTokenizer, PythonTokens
from .word_cache import WordTokens, words_stand_alone
from .words import words_of

TOKENIZER = "sparton.pipeline.tokens.tokenizer"
_AT_ONCE, _SLICE = 256, 2_048
_SOME_TEXTS = (*"bcdefghijklmnopqrstuvwxyz0123456789.,", "the", "a b", "\u00e9", "\u4e00", "\u0430")


@dataclass(frozen=True, slots=True)
class Tokens:
    """n tokenized texts end to end. Text i has ids[offsets[i]:offsets[i + 1]], with special tokens.

    ids: int32 [T]. offsets: int64 [n + 1]. truncated: how many texts were cut at the maximum length. A text without a
    single token that the model knows has no ids at all: the model would make up terms for it. spans: where texts were
    split into passages, which are the n texts then, what those are.
    """

    ids: np.ndarray
    offsets: np.ndarray
    truncated: int
    spans: Spans | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text, int64 [n]."""
        return np.diff(self.offsets)

    def one(self, text: int) -> "Tokens":
        """Those of one text."""
        start, stop = self.offsets[text : text + 2].tolist()
        return Tokens(self.ids[start:stop], np.array([0, stop - start]), 0)

    def each(self) -> "Iterator[Tokens]":
        """Those of each text by itself."""
        return map(self.one, range(len(self)))


@dataclass(frozen=True, slots=True)
class Tokenization:
    """How texts become tokens. tokenizer: its JSON, or where one is that has none. meaningless: ids of tokens that are
    no text. split: whether longer texts become several passages, rather than being cut.

    prompt: goes before every text and every passage, and counts as none of it. special_tokens: whether the tokenizer
    puts its own around.
    """

    tokenizer: str | PythonTokenizer
    longest: int
    meaningless: frozenset[int]
    split: bool = False
    prompt: str = ""
    special_tokens: bool = True


class Tokenizer:
    """Turns texts into tokens."""

    def __init__(self, how: Tokenization) -> None:
        if isinstance(how.tokenizer, PythonTokenizer):
            if how.split:
                raise SpartonError(
                    f"the tokenizer in {how.tokenizer.folder} is not a fast one and does not say where in a text a "
                    "token lies, so that texts cannot be split between tokens; leave out ",
                    Parameter("chunk"),
                )
            self._tokens: PythonTokens | _FastTokens = PythonTokens(how.tokenizer)
        else:
            self._tokens = _FastTokens(how.tokenizer)
        self._before, self._after = (self._tokens.before, self._tokens.after) if how.special_tokens else ([], [])
        self._prompt = how.prompt
        self._prompt_ids = next(iter(self._tokens.ids([how.prompt]))) if how.prompt else []
        self._most = how.longest - len(self._before) - len(self._after)
        if len(self._prompt_ids) >= self._most:
            raise SpartonError(
                f"the model's prompt {how.prompt!r} takes {len(self._prompt_ids)} of the {self._most} tokens that a "
                "text may have; raise ",
                Parameter("max_length"),
            )
        self._meaningless = how.meaningless
        self._split = how.split

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Token ids of each text, cut at the maximum length or split there."""
        parts: list[np.ndarray] = []
        lengths, truncated = [0], 0
        spans: list[tuple[int, int, int]] = []
        # A few at a time: an encoding holds ten times the memory of its ids.
        for start in range(0, len(texts), _AT_ONCE):
            several: list[int] = []
            for row, ids in enumerate(self._ids(texts[start : start + _AT_ONCE]), start=start):
                prompt = self._shared(ids)
                passages = [ids[: self._most]]
                if self._split:
                    passages = self._passages(row, texts[row], ids, prompt, spans)
                else:
                    truncated += len(ids) > self._most
                for passage in passages:
                    has_text = not self._meaningless.issuperset(passage[prompt:])
                    whole = [*self._before, *passage, *self._after] if has_text else []
                    several += whole
                    lengths.append(len(whole))
            parts.append(np.array(several, dtype=np.int32))
        ids_of_all, offsets = np.concatenate([np.empty(0, np.int32), *parts]), np.cumsum(lengths, dtype=np.int64)
        found = Spans(*np.array(spans, np.int64).reshape(-1, 3).T) if self._split else None
        return Tokens(ids_of_all, offsets, truncated, found)

    def _passages(
        self, row: int, text: str, ids: list[int], prompt: int, spans: list[tuple[int, int, int]]
    ) -> list[list[int]]:
        """The tokens of each passage of a text, which begin with `prompt` tokens of the prompt; its span is added
        to `spans`."""
        if len(ids) <= self._most:
            spans.append((row, 0, len(text)))
            return [ids]
        assert isinstance(self._tokens, _FastTokens)
        letters = self._tokens.offsets(self._prompt + text)[prompt:]
        bounds = windows(len(ids) - prompt, self._most - prompt)
        before = len(self._prompt)
        spans.extend((row, max(0, letters[start][0] - before), letters[stop - 1][1] - before) for start, stop in bounds)
        return [ids[:prompt] + ids[prompt + start : prompt + stop] for start, stop in bounds]

    def _ids(self, texts: Sequence[str]) -> Iterable[list[int]]:
        """All tokens of each text, with its prompt but without the special ones around it."""
        if self._prompt:
            texts = [self._prompt + text for text in texts]
        return self._tokens.ids(texts)

    def words(self, text: str) -> list[list[int]]:
        """The ids of the tokens that `tokenize` leaves of each word of a text (words_of), without special ones. For a
        tokenizer that has a JSON."""
        assert isinstance(self._tokens, _FastTokens)
        whole = self._prompt + text
        encoding = self._tokens.encoding(whole)
        words = words_of(whole, encoding, self._shared(encoding.ids), self._most)
        return [word for word in words if not self._meaningless.issuperset(word)]

    def kept(self, text: str) -> str:
        """What `tokenize` leaves of a text that it cuts. For a tokenizer that has a JSON."""
        assert isinstance(self._tokens, _FastTokens)
        whole = self._prompt + text
        ends = self._tokens.offsets(whole)[: self._most]
        return text if not ends else whole[len(self._prompt) : ends[-1][1]]

    def added_tokens(self) -> list[str]:
        """The tokens that were added to the vocabulary, special ones among them."""
        return self._tokens.added_tokens()

    @property
    def fast(self) -> tokenizers.Tokenizer | None:
        """What cuts texts, of the tokenizers library; None for a tokenizer without a JSON."""
        return self._tokens.tokenizer if isinstance(self._tokens, _FastTokens) else None

    def without_prompt(self, ids: np.ndarray) -> np.ndarray:
        """What `tokenize` gave for a text, without the tokens of the prompt."""
        start = len(self._before)
        prompt = self._shared(ids[start:].tolist())
        return np.delete(ids, slice(start, start + prompt))

    def _shared(self, ids: Sequence[int]) -> int:
        """How many tokens at the beginning are the prompt's."""
        least = min(len(ids), len(self._prompt_ids))
        return next((i for i in range(least) if ids[i] != self._prompt_ids[i]), least)


class _FastTokens:
    """As PythonTokens, by a tokenizer's JSON."""

    def __init__(self, content: str) -> None:
        self.tokenizer = tokenizers.Tokenizer.from_str(content)
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self._words = WordTokens(self.tokenizer) if words_stand_alone(content) else None
        self.before, self.after = _specials(self.tokenizer)

    def ids(self, texts: Sequence[str]) -> Iterable[list[int]]:
        """Token ids of each text."""
        if self._words is not None:
            return self._words.ids(texts)
        encodings = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return (encoding.ids for encoding in encodings)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """The characters of each token."""
        offsets: list[tuple[int, int]] = self.encoding(text).offsets
        return offsets

    def encoding(self, text: str) -> tokenizers.Encoding:
        """All that the tokenizer says of a text."""
        return self.tokenizer.encode(text, add_special_tokens=False)

    def added_tokens(self) -> list[str]:
        """The tokens that were added to its vocabulary, special ones among them."""
        return [token.content for token in self.tokenizer.get_added_tokens_decoder().values()]


def _specials(tokenizer: tokenizers.Tokenizer) -> tuple[list[int], list[int]]:
    """What a tokenizer puts before and after every text."""
    for text in ("a", *_SOME_TEXTS):
        encoding = tokenizer.encode(text)
        if 0 in encoding.special_tokens_mask:
            first, after = (encoding.special_tokens_mask[::step].index(0) for step in (1, -1))
            return encoding.ids[:first], encoding.ids[len(encoding.ids) - after :]
    return [], []  # it knows no text


def tokenize_shards(
    shards: Iterable[Shard], how: Tokenization, workers: Sequence[Subprocess] = ()
) -> Iterator[tuple[Shard, Tokens]]:
    """Each shard with the tokens of its documents, in order.

    workers: processes of TOKENIZER that tokenize the next shards meanwhile, and are closed at the end; without any,
    this one tokenizes.
    """
    if not workers:
        tokenizer = Tokenizer(how)
        for shard in shards:
            yield shard, tokenizer.tokenize(shard.documents.texts)
        return
    done: list[tuple[Tokens, int]] = []
    for some, tokens in ask_all(workers, how, _requests(shards)):
        done.append((tokens, some.documents))
        if some.last_of is not None:
            yield some.last_of, _join(done)
            done = []


@dataclass(frozen=True, slots=True)
class _Slice:
    """Some documents of a shard; the last of them bring it along."""

    documents: int
    last_of: Shard | None


def _requests(shards: Iterable[Shard]) -> Iterator[tuple[_Slice, tuple[str, ...]]]:
    """The texts of each shard in slices, for several processes to share."""
    for shard in shards:
        texts = shard.documents.texts
        starts = range(0, max(1, len(texts)), _SLICE)
        for start in starts:
            some = texts[start : start + _SLICE]
            yield _Slice(len(some), shard if start == starts[-1] else None), some


def _join(parts: Sequence[tuple[Tokens, int]]) -> Tokens:
    """parts: tokens, and of how many documents."""
    every = [tokens for tokens, _ in parts]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate([tokens.lengths for tokens in every]))])
    spans = [tokens.spans for tokens in every if tokens.spans is not None]
    return Tokens(
        np.concatenate([tokens.ids for tokens in every]),
        offsets,
        sum(tokens.truncated for tokens in every),
        join_spans(spans, [count for _, count in parts]) if spans else None,
    )


class _TokenizerServer:
    def __init__(self) -> None:
        self._tokenizer: Tokenizer | None = None

    def handle(self, request: Tokenization | tuple[str, ...]) -> Tokens | None:
        if isinstance(request, Tokenization):
            self._tokenizer = Tokenizer(request)
            return None
        assert self._tokenizer is not None
        return self._tokenizer.tokenize(request)


def main() -> None:
    """What the process runs."""
    serve(_TokenizerServer().handle)
