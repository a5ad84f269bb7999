"""Which tokens of a text are of one word, as a tokenizer with a JSON tells it."""

import re
import unicodedata
from itertools import groupby

import tokenizers

_BEGINS = ("\u2581", "\u0120")  # a token that a word begins with, in SentencePiece's spelling and in that of bytes
# Thai, Lao, Tibetan, Burmese, Khmer, Tai, Japanese and Chinese, which have no blanks between words.
_WITHOUT_BLANKS = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)


def words_of(text: str, encoding: tokenizers.Encoding, start: int, stop: int) -> list[list[int]]:
    """The token ids of each word of a text, in order. encoding: of it. start, stop: the tokens that count.

    A word is what the tokenizer cuts before it cuts pieces (`word_ids`), and also begins where a token says that one
    does, since some tokenizers cut pieces alone. Signs of punctuation are no words. In a script without blanks each
    token is a word, since nobody says where one ends.
    """
    ids, tokens, numbers, letters = encoding.ids, encoding.tokens, encoding.word_ids, encoding.offsets
    words: list[list[int]] = []
    for number, several in groupby(range(len(ids))[start:stop], key=numbers.__getitem__):
        own: list[list[int]] = []
        for token in several:
            if not own or number is None or tokens[token].startswith(_BEGINS):
                own.append([])
            own[-1].append(token)
        for word in own:
            written = text[letters[word[0]][0] : letters[word[-1]][1]]
            if _WITHOUT_BLANKS.search(written):
                words += [[ids[token]] for token in word]
            elif not all(unicodedata.category(letter)[0] in "PZC" for letter in written):
                words.append([ids[token] for token in word])
    return words
