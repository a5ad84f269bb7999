"""Which tokens are forms of one word, as "bag" and "bags", by the stemmer that BM25 has in Lucene."""

import numpy as np
import Stemmer
import tokenizers
from never_guessed import NEVER
from terms import query_terms

STEMMER = "porter"
_SHORTEST = 3  # letters of a word that has forms
_FREQUENT = 0.1  # of all passages


def word_numbers(tokenizer: tokenizers.Tokenizer, idf: np.ndarray) -> np.ndarray:
    """int32 [V]: of each token the least id of a token of the same word, or -1 of one that is no word.

    No words are special tokens and punctuation, and what more than one passage in ten has: these hardly tell passages
    apart, and their postings would be a quarter of an index. Pieces of words and digits are words by themselves. A word
    of NEVER is a form of its like alone, or a passage with "black" would have "blacks" as a term. idf: float32 [V], of
    each token among the passages.
    """
    words = query_terms(tokenizer) & (idf >= np.log(1 / _FREQUENT))
    numbers = np.where(words, np.arange(len(words)), -1).astype(np.int32)
    stemmer = Stemmer.Stemmer(STEMMER)
    first = dict[tuple[str, bool], int]()
    for token, number in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]):
        if words[number] and token.isascii() and token.isalpha() and len(token) >= _SHORTEST:
            numbers[number] = first.setdefault((stemmer.stemWord(token), token in NEVER), number)
    return numbers
