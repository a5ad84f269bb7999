"""Filters as Lucene's queries."""

from collections.abc import Sequence
from typing import Any

from ...indexer.field_types import lucene_name
from ...indexer.java import java_class, to_java
from .typed import AllOf, AnyOf, Between, Complement, Exists, Keywords, Typed

_DOCUMENT, _SEARCH = "org.apache.lucene.document.", "org.apache.lucene.search."


def query_of(filter: Typed) -> Any:
    """A filter as a query of Lucene's, whose matches are what passes it."""
    match filter:
        case Keywords(field, values):
            return _keywords(to_java(lucene_name(field)), values)
        case Between(field, low, high):
            points = java_class(f"{_DOCUMENT}{'LongPoint' if isinstance(low, int) else 'DoublePoint'}")
            return points.newRangeQuery(to_java(lucene_name(field)), low, high)
        case Exists(field):
            return java_class(f"{_SEARCH}FieldExistsQuery")(to_java(lucene_name(field)))
        case Complement(part):
            every = java_class(f"{_SEARCH}MatchAllDocsQuery")()
            return _boolean([("MUST", every), ("MUST_NOT", query_of(part))])
        case AllOf(parts):
            return _boolean([("MUST", query_of(part)) for part in parts])
        case AnyOf(parts):
            return _boolean([("SHOULD", query_of(part)) for part in parts])


def _boolean(clauses: Sequence[tuple[str, Any]]) -> Any:
    occurs, builder = java_class(f"{_SEARCH}BooleanClause$Occur"), java_class(f"{_SEARCH}BooleanQuery$Builder")()
    for occur, query in clauses:
        builder.add(query, getattr(occurs, occur))
    return builder.build()


def _keywords(name: Any, values: Sequence[str]) -> Any:
    to_bytes, terms = java_class("org.apache.lucene.util.BytesRef"), java_class("java.util.ArrayList")()
    if len(values) == 1:
        term = java_class("org.apache.lucene.index.Term")(name, to_bytes(to_java(values[0])))
        return java_class(f"{_SEARCH}TermQuery")(term)
    for value in values:
        terms.add(to_bytes(to_java(value)))
    return java_class(f"{_SEARCH}TermInSetQuery")(name, terms)
