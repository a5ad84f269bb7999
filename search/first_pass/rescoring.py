"""Candidates in the order of their exact scores: Lucene reads the postings of them alone, all in a few calls."""

from functools import cache
from typing import Any

import numpy as np

from ...indexer.java import java_class, java_function, java_ints

_SEARCH = "org.apache.lucene.search."


def rescored(searcher: Any, query: Any, numbers: np.ndarray, most: int, order: Any) -> Any:
    """The best of some documents, as Lucene's FieldDocs in an order of Lucene's, with the scores that a search for the
    query gives. Raises what Java throws."""
    scored = java_class(f"{_SEARCH}QueryRescorer").rescore(searcher, _top_docs(numbers), query, 1.0, len(numbers))
    return java_class(f"{_SEARCH}SortRescorer")(order).rescore(searcher, scored, most).scoreDocs


def _top_docs(numbers: np.ndarray) -> Any:
    """Documents as Lucene's TopDocs, whose scores are 0."""
    made = java_class("java.util.stream.IntStream").of(java_ints(numbers.tolist())).mapToObj(_score_doc()).toArray()
    hits = java_class("java.util.Arrays").copyOf(made, len(numbers), java_class(f"{_SEARCH}ScoreDoc[]").class_)
    total = java_class(f"{_SEARCH}TotalHits")(len(numbers), java_class(f"{_SEARCH}TotalHits$Relation").EQUAL_TO)
    return java_class(f"{_SEARCH}TopDocs")(total, hits)


@cache
def _score_doc() -> Any:
    """Of a document's number a ScoreDoc, as a function of Java's."""
    handles, method_type = java_class("java.lang.invoke.MethodHandles"), java_class("java.lang.invoke.MethodType")
    whole, real, none = (java_class(f"java.lang.{name}").TYPE for name in ("Integer", "Float", "Void"))
    make = handles.publicLookup().findConstructor(
        java_class(f"{_SEARCH}ScoreDoc"), method_type.methodType(none, whole, real)
    )
    of_number = handles.insertArguments(make, 1, java_class("java.lang.Float")(0.0))
    return java_function("IntFunction", of_number)
