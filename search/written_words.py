"""Whether documents say a word themselves, which an index of impacts does not tell: a model guesses words ("truck", of
a crate), and the pieces of one may be of others ("hot tub", of a tub for hot days).

So the documents that weigh a word most are read. Where none of these has it, none is said to have it.
"""

import re
from collections.abc import Sequence

from ..pipeline.tokens.stems import inflected
from .impact_index import ImpactIndex

MOST_READ = 10  # documents
_WORD = re.compile(r"[^\W_]+")


class WrittenWords:
    """Counts the documents of an open index that say a word. english: whether words have the inflections of English."""

    def __init__(self, index: ImpactIndex, *, english: bool) -> None:
        self._index, self._english = index, english

    def count(self, word: str, terms: Sequence[str]) -> int:
        """How many documents say a word. Of more than MOST_READ that have all its terms the others count as well, where
        one of the first says it. A text that is not stored counts. terms: the word's. Raises what Java throws."""
        having = self._index.count_with_all(terms)
        if not having:
            return 0
        texts = self._index.texts(self._index.heaviest_with_all(terms, MOST_READ))
        saying = sum(text is None or self._says(text, written(word)) for text in texts)
        return having if saying and having > MOST_READ else saying

    def _says(self, text: str, words: Sequence[str]) -> bool:
        """Whether a text has words one behind the other."""
        found, size = written(text), len(words)
        return any(
            all(map(self._is_same, words, found[place : place + size])) for place in range(len(found) - size + 1)
        )

    def _is_same(self, one: str, other: str) -> bool:
        """Whether one word is an inflection of another. Whatever has these begins with the same letter."""
        return one == other or (
            self._english and one[:1] == other[:1] and not inflected(one).isdisjoint(inflected(other))
        )


def written(text: str) -> list[str]:
    """The words of a text as they are written, in lower case."""
    return _WORD.findall(text.lower())
