"""The terms of a query, and which of them are pieces of one word."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

Words: TypeAlias = tuple[frozenset[str], ...]  # the terms of each


class QueryTerms(dict[str, int]):
    """{term: impact} of a query that came as text. words: its words, as the terms that the tokenizer makes of each,
    with or without an impact. synonyms: words that do as well, whether their terms are searched for or not. What is
    made of it is a plain dict without words, but for a copy.
    """

    __slots__ = ("_of_text", "synonyms", "words")

    def __init__(
        self, terms: Mapping[str, int] | Iterable[tuple[str, int]], words: Words, synonyms: Words = ()
    ) -> None:
        super().__init__(terms)
        self._of_text, self.words, self.synonyms = frozenset(self), words, synonyms

    def copy(self) -> "QueryTerms":
        """The same terms and words, as another dict."""
        copied = QueryTerms(self, self.words, self.synonyms)
        copied._of_text = self._of_text
        return copied

    def whole_words(self) -> Words:
        """Its words as the terms that it searches for of each, each term that was added since as a word, and its
        synonyms."""
        searched = (word.intersection(self) for word in self.words)
        added = (frozenset((term,)) for term in self.keys() - self._of_text)
        return tuple(dict.fromkeys(word for word in (*searched, *added, *self.synonyms) if word))


def split_words(terms: Mapping[str, int]) -> Words:
    """The words of a query, where one of them has several terms that it searches for. None where all have one, since
    a document that has a term has a word then; and none of terms that came as such."""
    if not isinstance(terms, QueryTerms) or all(len(word) == 1 for word in (*terms.words, *terms.synonyms)):
        return ()
    words = terms.whole_words()
    return words if any(len(word) > 1 for word in words) else ()
