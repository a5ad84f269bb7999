"""The orders of hits: by score, or by a field, as Lucene sorts them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError, listed, short
from ..indexer.field_types import lucene_name
from ..indexer.java import java_class, to_java
from ..storage.fields import NUMBER, STRINGS, TIMESTAMP, Field
from .filters.typed import FIRST, LAST, field_named

_SEARCH = "org.apache.lucene.search."


@dataclass(frozen=True, slots=True)
class FieldOrder:
    """By the values of a field, documents without one last, ties by id."""

    field: Field
    descending: bool


def field_order(sort: str, fields: Mapping[str, Field]) -> FieldOrder:
    """The order that a text asks for: a field's name, or with - before it the largest first.

    Raises UsageError for a field that the index does not have, and for lists, which have no order.
    """
    if not isinstance(sort, str):
        raise UsageError(f"the order is {short(sort)}; expected the name of a field, or - and that")
    descending = sort not in fields and sort.startswith("-")
    field = field_named(sort[1:] if descending else sort, fields, f"the order {short(sort)}")
    if field.kind == STRINGS:
        others = [name for name, other in fields.items() if other.kind != STRINGS]
        raise UsageError(
            f"the order {short(sort)} names {short(field.name)}, and documents have several strings of it; expected "
            + (f"one of {listed(others)}" if others else "none")
        )
    return FieldOrder(field, descending)


def best_then_id() -> Any:
    """Anserini's order: by score, ties by id."""
    field = java_class(f"{_SEARCH}SortField")
    return java_class(f"{_SEARCH}Sort")(field.FIELD_SCORE, _by_id())


def lucene_order(order: FieldOrder) -> Any:
    """An order as a Sort of Lucene's. The score comes last, where it decides nothing, to be among what Lucene gives."""
    name, kind, down = to_java(lucene_name(order.field.name)), order.field.kind, order.descending
    field = java_class(f"{_SEARCH}SortField")
    if kind == NUMBER:
        first = java_class(f"{_SEARCH}SortedNumericSortField")(name, field.Type.DOUBLE, down)
        infinite = java_class("java.lang.Double")
        first.setMissingValue(infinite.NEGATIVE_INFINITY if down else infinite.POSITIVE_INFINITY)
    elif kind == TIMESTAMP:
        first = java_class(f"{_SEARCH}SortedNumericSortField")(name, field.Type.LONG, down)
        first.setMissingValue(java_class("java.lang.Long")(FIRST if down else LAST))
    else:
        first = java_class(f"{_SEARCH}SortedSetSortField")(name, down)
        first.setMissingValue(field.STRING_FIRST if down else field.STRING_LAST)
    return java_class(f"{_SEARCH}Sort")(first, _by_id(), field.FIELD_SCORE)


def _by_id() -> Any:
    field = java_class(f"{_SEARCH}SortField")
    return field("id", field.Type.STRING_VAL)
