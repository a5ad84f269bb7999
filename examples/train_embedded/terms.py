"""Which token ids may be terms, and which of them a query may have."""

import unicodedata

import numpy as np
import tokenizers


def _special(token: str) -> bool:
    return token.startswith("[") and token.endswith("]") and len(token) > 2


def unsearchable(tokenizer: tokenizers.Tokenizer) -> np.ndarray:
    """int64 ids of special and unused tokens, as [CLS] and [unused7]."""
    vocabulary = tokenizer.get_vocab()
    return np.array(sorted(number for token, number in vocabulary.items() if _special(token)), np.int64)


def query_terms(tokenizer: tokenizers.Tokenizer) -> np.ndarray:
    """bool [V]: of a query, neither special tokens nor punctuation count."""
    usable = np.zeros(tokenizer.get_vocab_size(), bool)
    for token, number in tokenizer.get_vocab().items():
        letters = token.removeprefix("##")
        usable[number] = not _special(token) and not all(unicodedata.category(one)[0] in "PSZC" for one in letters)
    return usable
