"""Whether documents say a word themselves, which an index of impacts does not tell: a model guesses words ("truck", of
a crate), and the pieces of one ("corn ##et") may be of others.

So the documents that weigh a word most are read. Where none of these has it, none is said to have it. Of an
expression one word is enough: a dinner suit is a "dinner jacket" to a model, and adhesive tape is "sticky tape".
"""

import re
from collections.abc import Sequence

from ..pipeline.tokens.stems import inflected, singulars
from .impact_index import ImpactIndex

MOST_READ = 10  # documents
_WORD = re.compile(r"[^\W_]+")


class WrittenWords:
    """Counts the documents of an open index that say a word. english: whether words have the plurals of English."""

    def __init__(self, index: ImpactIndex, *, english: bool) -> None:
        self._index, self._english = index, english

    def count(self, word: str, terms: Sequence[str], *, any_form: bool = False) -> int:
        """How many documents say a word, its singular or its plural, or with any_form an inflection; or one of several
        words. Of more than MOST_READ that have all its terms the others count as well, where one of the first says it.
        A text that is not stored counts. terms: the word's, or those of all several. Raises what Java throws."""
        having = self._index.count_with_all(terms)
        if not having:
            return 0
        texts = self._index.texts(self._index.heaviest_with_all(terms, MOST_READ))
        words = written(word) or [word]
        saying = sum(text is None or any(self._says(text, one, any_form) for one in words) for text in texts)
        return having if saying and having > MOST_READ else saying

    def _says(self, text: str, word: str, any_form: bool) -> bool:
        """Whether a text has a word in a form: what is quilted is no quilt. In other languages than English it may
        stand within another."""
        if not self._english:
            return word in text.lower()
        forms = inflected if any_form else _in_number
        own, begin = forms(word), word[0]  # with which whatever has these begins
        return any(one[0] == begin and not own.isdisjoint(forms(one)) for one in written(text))


def _in_number(word: str) -> set[str]:
    return {word, *singulars(word)}


def written(text: str) -> list[str]:
    """The words of a text as they are written, in lower case."""
    return _WORD.findall(text.lower())
