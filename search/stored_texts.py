"""The texts and fields that an index stores, those of a hundred documents in one call of Java.

One by one, the calls for a thousand documents take half as long again as reading them. So the way from a document's
number to what is stored is put together of Java's own methods, once, and Java goes it for many numbers.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from ..indexer.field_types import FieldError, checked_fields
from ..indexer.java import from_java, java_cell, java_class, java_function, java_ints, of_thread
from ..storage.fields import Field, FieldValue
from ..storage.nesting import not_too_deep
from ..storage.untrusted import sound
from .lucene_hits import DamagedIndexError, ScoredDoc

_BETWEEN = "\0"  # which no JSON holds
_TOGETHER = 100  # documents, of whose texts Java holds three copies at once


class Stored(NamedTuple):
    """What is stored of a document: its text, or None, and its fields."""

    text: str | None
    fields: dict[str, FieldValue]


def stored_documents(reader: Any, ranked: Sequence[ScoredDoc], fields: Mapping[str, Field]) -> list[Stored]:
    """What is stored of each document. reader: Lucene's. fields: of the index by name, in the order of which a
    document has its own.

    Raises DamagedIndexError where something else is stored than Pyserini's JSON of that document.
    """
    # Making functions takes longer than reading ten documents.
    cell, function = of_thread("stored", _stored_function)
    cell[0] = reader.storedFields()
    try:
        return list(_read(function, ranked, fields))
    finally:
        cell[0] = None  # a thread that idles keeps no closed index


def _read(function: Any, ranked: Sequence[ScoredDoc], fields: Mapping[str, Field]) -> Iterator[Stored]:
    for start in range(0, len(ranked), _TOGETHER):
        some = ranked[start : start + _TOGETHER]
        numbers = java_class("java.util.stream.IntStream").of(java_ints([found.number for found in some]))
        joined = numbers.mapToObj(function).collect(java_class("java.util.stream.Collectors").joining(_BETWEEN))
        found_texts = from_java(joined).split(_BETWEEN)
        if len(found_texts) != len(some):
            raise DamagedIndexError(f"what is stored for {len(some)} documents is not JSON")
        for text, found in zip(found_texts, some, strict=True):
            yield parse_stored(text, found.id, fields)


def parse_stored(stored: str, name: str, fields: Mapping[str, Field]) -> Stored:
    """A stored document, from JSON with `id`, `contents` and `fields`; "null" where nothing is stored. name: the id
    that it must have, without which it is another document's. Raises DamagedIndexError as `stored_documents`."""
    try:
        content = json.loads(not_too_deep(stored))
        if content is None:
            return Stored(None, {})
        stored_id, text = str(content["id"]), content.get("contents")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedIndexError(f"the document {name!r} is not stored as JSON with its id") from error
    if stored_id != name:
        raise DamagedIndexError(f"what is stored as the document {name!r} says that it is {stored_id!r}")
    if text is not None:
        text = sound(text if isinstance(text, str) else json.dumps(text, ensure_ascii=False))
    try:
        # Of vectors that another tool wrote nobody has said what kinds their fields have.
        own = checked_fields(content["fields"], fields) if fields and "fields" in content else {}
    except FieldError as error:
        raise DamagedIndexError(f"the document {name!r} {error}") from error
    return Stored(text, own)


def _stored_function() -> tuple[Any, Any]:
    """A cell for StoredFields, and Java's function from a document's number to what these have of it, as
    _json_of_number has it."""
    cell, raw = java_cell("org.apache.lucene.index.StoredFields", _json_of_number())
    return cell, java_function("IntFunction", raw)


@cache
def _json_of_number() -> Any:
    """Of StoredFields and a document's number the field `raw`, "null" without one: as a MethodHandle of Java's."""
    handles, method_type = java_class("java.lang.invoke.MethodHandles"), java_class("java.lang.invoke.MethodType")
    document, string = java_class("org.apache.lucene.document.Document"), java_class("java.lang.String")
    number, anything = java_class("java.lang.Integer").TYPE, java_class("java.lang.Object")
    lookup = handles.publicLookup()
    read = lookup.findVirtual(
        java_class("org.apache.lucene.index.StoredFields"), "document", method_type.methodType(document, number)
    )
    field = lookup.findVirtual(document, "get", method_type.methodType(string, string))
    as_text = lookup.findStatic(string, "valueOf", method_type.methodType(string, anything))
    raw = handles.filterReturnValue(read, handles.insertArguments(field, 1, "raw"))
    return handles.filterReturnValue(raw, as_text.asType(method_type.methodType(string, string)))
