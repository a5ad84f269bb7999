"""Which tokens are forms of one word, as "bag" and "bags", by the stemmer that BM25 has in Lucene."""

import numpy as np
import tokenizers
from never_guessed import never_guessed
from terms import query_terms

from sparton.indexer.java import LONG_RUN, java_class, start_jvm

_SHORTEST = 3  # letters of a word that has forms
_FREQUENT = 0.1  # of all passages


def word_numbers(tokenizer: tokenizers.Tokenizer, idf: np.ndarray) -> np.ndarray:
    """int32 [V]: of each token the least id of a token of the same word, or -1 of one that is no word.

    No words are special tokens and punctuation, and what more than one passage in ten has: these hardly tell passages
    apart, and their postings would be a quarter of an index. Pieces of words, digits, and what `never_guessed` names
    are words by themselves. idf: float32 [V], of each token among the passages.
    """
    words = query_terms(tokenizer) & (idf >= np.log(1 / _FREQUENT))
    numbers = np.where(words, np.arange(len(words)), -1).astype(np.int32)
    alone = set(never_guessed(tokenizer).tolist())
    stems, first = lucene_stems(tokenizer), dict[str, int]()
    for token, stem in sorted(stems.items()):
        if words[token] and token not in alone:
            numbers[token] = first.setdefault(stem, token)
    return numbers


def lucene_stems(tokenizer: tokenizers.Tokenizer) -> dict[int, str]:
    """The stem of each token that is a whole word of three ASCII letters or more, but for stop words."""
    start_jvm(LONG_RUN)
    analyzer = java_class("io.anserini.analysis.DefaultEnglishAnalyzer").newDefaultInstance()
    analyze = java_class("io.anserini.analysis.AnalyzerUtils").analyze
    stems = {}
    for token, number in tokenizer.get_vocab().items():
        if token.isascii() and token.isalpha() and len(token) >= _SHORTEST:
            found = [str(stem) for stem in analyze(analyzer, token)]
            if len(found) == 1:
                stems[number] = found[0]
    return stems
