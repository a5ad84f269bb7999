"""What prepare.py makes of texts beside the pairs as they are: sentences, titles, and words around a query."""

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

ABSTRACT = (
    "Sparse vectors are searched by an inverted index as any text is. It is fast. "
    "We show that a table of weights serves as well as a transformer for short queries (and long ones). "
    "The index needs no change, e.g. of its format, for weights are stored in place of frequencies."
)


def texts_of(recipe, pairs):
    texts = recipe("texts").Texts()
    for query, passage, source in pairs:
        texts.add_pair(query, passage, source)
    return texts


def parts_of(recipe, texts, held_out):
    numbers = texts.pair_numbers()
    chosen = np.isin(numbers[:, 0], held_out)
    return recipe("split").Split(np.array(held_out, np.int32), numbers[chosen], numbers[~chosen], np.empty(0, np.int32))


def test_sentences_of_some_length_become_queries_of_their_passage(recipe):
    found = recipe("sentences").sentences(ABSTRACT)
    assert found == [
        "Sparse vectors are searched by an inverted index as any text is.",
        "We show that a table of weights serves as well as a transformer for short queries (and long ones).",
        "The index needs no change, e.g. of its format, for weights are stored in place of frequencies.",
    ]
    assert recipe("sentences").sentences(ABSTRACT[:76]) == []


def test_no_sentence_is_of_a_passage_that_is_held_out(recipe):
    passages = [f"Number {number} begins. {ABSTRACT}" for number in range(12)]
    texts = texts_of(recipe, [(f"about {number}", passage, "scitldr") for number, passage in enumerate(passages)])
    recipe("sentences").add_sentences(texts, parts_of(recipe, texts, [3, 7]), most=8, seed=0)
    added = texts.pair_numbers()[12:]
    assert len(added) == 8
    assert not {3, 7} & set(added[:, 1])
    for query, passage in added.tolist():
        assert texts.queries[query] in texts.passages[passage]
        assert texts.query_sources[query] == "sentences" or query < 12


def test_titles_become_passages_that_are_not_held_against_their_query(recipe):
    pairs = [("Sparse vectors in inverted indexes", ABSTRACT, "arxiv-abstracts"), ("sparse?", ABSTRACT, "clapnq")]
    texts = texts_of(recipe, pairs)
    added = recipe("sentences").add_titles(texts, texts.pair_numbers())
    assert [(texts.queries[query], texts.passages[passage]) for query, passage in added.tolist()] == [
        ("Sparse vectors in inverted indexes",) * 2
    ]
    assert texts.passage_sources[added[0, 1]] == "titles"


def test_frames_are_the_tokens_of_their_words_and_stand_around_a_share_of_the_queries(recipe):
    frames = recipe("frames")
    assert not set(frames.TRAINED) & set(frames.HELD_OUT)
    words = sorted({word for frame in frames.TRAINED for word in frame.replace(",", " ,").replace("'", " ' ").split()})
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0} | {word: number for number, word in enumerate(words, 1)}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokens = frames.frame_tokens(tokenizer, ("show me", "I'm looking for"), "cpu")
    numbers = {word: number for number, word in enumerate(words, 1)}
    assert tokens.tolist() == [
        [0] * 5,
        [numbers["show"], numbers["me"], 0, 0, 0],
        [numbers[word] for word in ("I", "'", "m", "looking", "for")],
    ]
    drawn = frames.drawn_frames(10_000, 4, 0.3, np.random.default_rng(0))
    assert (drawn > 0).mean() == pytest.approx(0.3, abs=0.02)
    assert set(drawn) == {0, 1, 2, 3, 4}
