"""Texts to token ids: what the tokenizers library gives, whichever way they are found."""

import json
import random

import numpy as np
import pytest
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from sparton.pipeline.documents import Documents, Shard
from sparton.pipeline.tokens import tokenizer as tokenizing
from sparton.pipeline.tokens import word_cache as word_tokens
from sparton.pipeline.tokens.tokenizer import Tokenization, Tokenizer, tokenize_shards
from sparton.pipeline.tokens.word_cache import words_stand_alone
from sparton.processes import Subprocess

LONGEST = 16


def expected(how, texts):
    """Ids of each text, from the library with nothing of ours; none for a text without a token that says something."""
    tokenizer = tokenizers.Tokenizer.from_str(how.tokenizer)
    tokenizer.no_padding()
    tokenizer.enable_truncation(how.longest)
    encodings = [tokenizer.encode(text) for text in texts]
    ids = [encoding.ids if set(encoding.ids) - how.meaningless else [] for encoding in encodings]
    return ids, sum(bool(encoding.overflowing) for encoding in encodings)


def found(how, texts):
    tokens = Tokenizer(how).tokenize(texts)
    return [list(row) for row in np.split(tokens.ids, tokens.offsets[1:-1])], tokens.truncated


def strange_texts(count):
    """Texts of letters, marks, blanks and control characters of all of Unicode, special tokens among them."""
    choose = random.Random(0)
    unusual = "İßΣσς\u0301\u0327\u200d\u00ad\u3000\u2028\x85\x0b\x0c\x1c\x00\ufffd\u1100\u1161#.'’"
    strings = [
        *(chr(code) for code in range(0x3000)),
        *(chr(choose.randrange(0xE000, 0x110000)) for _ in range(2_000)),
        *([" "] * 3_000 + ["\n", "\t", "\r", "  "] * 100 + list(unusual) * 50),
        *(["[MASK]", "[SEP]", "[PAD]", "##a", "bag", "Leather"] * 100),
    ]
    return ["".join(choose.choices(strings, k=choose.randrange(60))) for _ in range(count)]


def byte_level():
    """A tokenizer whose tokens know of the space before them."""
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters = pre_tokenizers.ByteLevel.alphabet()
    vocabulary = {letter: number for number, letter in enumerate(["<s>", "</s>", *sorted(letters), "Ġb"])}
    tokenizer = tokenizers.Tokenizer(models.BPE(vocabulary, [("Ġ", "b")]))
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return Tokenization(tokenizer.to_str(), LONGEST, frozenset((0, 1)))


@pytest.fixture(scope="module")
def bert(encoder):
    how = encoder.tokenization
    return Tokenization(how.tokenizer, LONGEST, how.meaningless)


@pytest.mark.slow
def test_words_alone_give_the_tokens_of_the_whole_text(bert):
    assert words_stand_alone(bert.tokenizer)
    texts = ["", "  ", "[PAD] [SEP]", "black leather " * 30, *strange_texts(5_000)]
    assert found(bert, texts) == expected(bert, texts)
    assert expected(bert, texts)[1] > 100


@pytest.mark.slow
@pytest.mark.parametrize("processes", [0, 2])
def test_shards_of_any_size_come_back_in_order(bert, processes, monkeypatch):
    monkeypatch.setattr(tokenizing, "_SLICE", 7)
    sizes = [0, 1, 7, 8, 30, 0]
    shards = [
        Shard(number, size, Documents((str(number),) * size, tuple(f"bag {number} {i}" for i in range(size))))
        for number, size in enumerate(sizes)
    ]
    found = list(tokenize_shards(shards, bert, [Subprocess(tokenizing.TOKENIZER) for _ in range(processes)]))
    assert [shard for shard, _ in found] == shards
    for shard, tokens in found:
        whole = Tokenizer(bert).tokenize(shard.documents.texts)
        np.testing.assert_array_equal(tokens.ids, whole.ids)
        np.testing.assert_array_equal(tokens.offsets, whole.offsets)


def test_a_tokenizer_that_sees_spaces_gets_whole_texts():
    how = byte_level()
    assert not words_stand_alone(how.tokenizer)
    texts = ["", " ", "a bag", "a  b\nbag " * 20, *strange_texts(500)]
    assert found(how, texts) == expected(how, texts)


def test_forgetting_words_changes_nothing(bert, monkeypatch):
    monkeypatch.setattr(word_tokens, "_MOST_LETTERS", 50)
    texts = [f"bag {number} of {number % 7} leather" for number in range(1_000)]
    tokenizer = Tokenizer(bert)
    tokens = tokenizer.tokenize(texts)
    assert [list(row) for row in np.split(tokens.ids, tokens.offsets[1:-1])] == expected(bert, texts)[0]
    assert len(tokenizer._tokens._words._known) < 1_000


@pytest.mark.parametrize(
    "change",
    [
        {"added_tokens": [{"id": 5, "content": "New York"}]},
        {"normalizer": normalizers.NFC().__getstate__()},
        {"pre_tokenizer": None},
    ],
)
def test_words_do_not_stand_alone_where_a_token_may_reach_across_a_space(bert, change):
    change = {name: json.loads(value) if isinstance(value, bytes) else value for name, value in change.items()}
    assert not words_stand_alone(json.dumps({**json.loads(bert.tokenizer), **change}))
