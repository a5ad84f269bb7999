"""What has terms of a query, as queries of Lucene's. None is for scores but has_all_of, which may be."""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from ...indexer.java import java_array, java_class

_FIELD, _SEARCH = "contents", "org.apache.lucene.search."
Words = Sequence[AbstractSet[str]]


def has_one_of(terms: Collection[str]) -> Any:
    """What matches documents that have one of the terms. Their postings are gone through one after the other, and
    nothing is scored; so rewritten, it takes a quarter of the time that Lucene's own choice does."""
    to_bytes = java_class("org.apache.lucene.util.BytesRef")
    array = java_array("org.apache.lucene.util.BytesRef", [to_bytes(term) for term in terms])
    rewriting = java_class(f"{_SEARCH}MultiTermQuery").CONSTANT_SCORE_REWRITE
    return java_class(f"{_SEARCH}TermInSetQuery")(rewriting, _FIELD, java_class("java.util.Arrays").asList(array))


def has_a_word(words: Words) -> Any:
    """What matches documents that have all terms of one of the words."""
    should = java_class(f"{_SEARCH}BooleanClause$Occur").SHOULD
    either = java_class(f"{_SEARCH}BooleanQuery$Builder")()
    if alone := sorted(term for word in words if len(word) == 1 for term in word):
        either.add(has_one_of(alone), should)
    for word in words:
        if len(word) > 1:
            either.add(has_all_of(word), should)
    return either.build()


def has_all_of(terms: AbstractSet[str]) -> Any:
    """What matches documents that have all terms; the score is the sum of their impacts."""
    must, term_of = java_class(f"{_SEARCH}BooleanClause$Occur").MUST, java_class("org.apache.lucene.index.Term")
    term_query, every = java_class(f"{_SEARCH}TermQuery"), java_class(f"{_SEARCH}BooleanQuery$Builder")()
    for term in sorted(terms):
        every.add(term_query(term_of(_FIELD, term)), must)
    return every.build()


def kinds_of_words(words: Words) -> frozenset[bool]:
    """What Java is asked of words: of those with one term, and of those with several."""
    return frozenset(len(word) > 1 for word in words)
