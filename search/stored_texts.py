"""The texts that an index stores, a hundred in one call of Java.

One by one, the calls for a thousand documents take half as long again as reading them. So the way from a document's
number to what is stored is put together of Java's own methods, once, and Java goes it for many numbers.
"""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from ..indexer.java import from_java, java_class, java_ints
from ..storage.nesting import not_too_deep
from ..storage.untrusted import sound
from .lucene_hits import DamagedIndexError, ScoredDoc

_BETWEEN = "\0"  # which no JSON holds
_TOGETHER = 100  # documents, of whose texts Java holds three copies at once


def stored_texts(reader: Any, ranked: Sequence[ScoredDoc]) -> list[str | None]:
    """The text of each document, None where none is stored. reader: Lucene's.

    Raises DamagedIndexError where something else is stored than Pyserini's JSON of that document.
    """
    stored = _json_of_number().bindTo(reader.storedFields())
    function = java_class("java.lang.invoke.MethodHandleProxies").asInterfaceInstance(
        java_class("java.util.function.IntFunction").class_, stored
    )
    texts: list[str | None] = []
    for start in range(0, len(ranked), _TOGETHER):
        some = ranked[start : start + _TOGETHER]
        numbers = java_class("java.util.stream.IntStream").of(java_ints([found.number for found in some]))
        joined = numbers.mapToObj(function).collect(java_class("java.util.stream.Collectors").joining(_BETWEEN))
        found_texts = from_java(joined).split(_BETWEEN)
        if len(found_texts) != len(some):
            raise DamagedIndexError(f"what is stored for {len(some)} documents is not JSON")
        texts += [text_of(text, found.id) for text, found in zip(found_texts, some, strict=True)]
    return texts


def text_of(stored: str, name: str) -> str | None:
    """The text in a stored document, JSON with `id` and `contents`; "null" where nothing is stored. name: the id that
    it must have, without which it is another document's. Raises DamagedIndexError as `stored_texts`."""
    try:
        content = json.loads(not_too_deep(stored))
        if content is None:
            return None
        stored_id, text = str(content["id"]), content.get("contents")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedIndexError(f"the document {name!r} is not stored as JSON with its id") from error
    if stored_id != name:
        raise DamagedIndexError(f"what is stored as the document {name!r} says that it is {stored_id!r}")
    return None if text is None else sound(text if isinstance(text, str) else json.dumps(text, ensure_ascii=False))


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
