"""Vespa: documents to feed, an application with their schema, and queries.

Impacts are a weighted set, whose weights are whole numbers, and searched by `wand`, whose scores are the exact sums.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from typing import Any, ClassVar

from ..indexer.field_types import microseconds_of
from ..storage.fields import BOOLEAN, NUMBER, STRING, STRINGS, TIMESTAMP, FieldValue
from .documents import Document, Query, Terms, as_double
from .files import json_line, write_bounded, write_file
from .format import Target
from .names import Spelled, free_name, percent_encoded

# What is no character of a text to Vespa.
_NO_TEXT = "\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufdd0-\ufdef" + "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
_ODD = re.compile(f"[{_NO_TEXT}]")
_TYPES = {STRING: "string", NUMBER: "double", BOOLEAN: "bool", TIMESTAMP: "long", STRINGS: "array<string>"}
_OWN = ("id", "text", "impacts")
_SERVICES = b"""<?xml version="1.0" encoding="utf-8" ?>
<services version="1.0">
    <container id="default" version="1.0">
        <search />
        <document-api />
    </container>
    <content id="content" version="1.0">
        <min-redundancy>1</min-redundancy>
        <documents>
            <document type="doc" mode="index" />
        </documents>
    </content>
</services>
"""
_SCHEMA = """schema doc {{
    document doc {{
        field id type string {{
            indexing: summary | attribute
            match: cased
        }}
        field text type string {{
            indexing: summary | index
        }}
        field impacts type weightedset<string> {{
            indexing: attribute
            attribute: fast-search
            match: cased
            dictionary {{
                hash
                cased
            }}
        }}
{fields}    }}
    rank-profile impacts {{
        first-phase {{
            expression: rawScore(impacts)
        }}
    }}
}}
"""
_FIELD = """        # {comment}
        field {name} type {kind} {{
            indexing: summary | attribute
        }}
"""


class Vespa:
    """Vespa's feed and application."""

    needs_numbers: ClassVar[bool] = False
    joins: ClassVar[bool] = False
    most_pieces: ClassVar[int] = 10_000

    def __init__(self, target: Target) -> None:
        self._folder, self._fields = target.folder, target.fields
        self._names: dict[str, str] = {}
        for field in target.fields:
            self._names[field.name] = _identifier(field.name, (*_OWN, *self._names.values()))
        self._kinds = {field.name: field.kind for field in target.fields}
        self._spelled_id = percent_encoded(_NO_TEXT)
        self._spelled = Spelled(percent_encoded(_NO_TEXT + '"'))  # which nothing could escape in a query

    def describe(self) -> Sequence[str]:
        """Write the application: services and schema."""
        fields = "".join(
            _FIELD.format(comment=ascii(field.name), name=self._names[field.name], kind=_TYPES[field.kind])
            for field in self._fields
        )
        return [
            write_file(self._folder, "application/services.xml", [_SERVICES]),
            write_file(self._folder, "application/schemas/doc.sd", [_SCHEMA.format(fields=fields).encode()]),
        ]

    def write(self, piece: str, documents: Iterable[Document], notes: Counter[str]) -> Sequence[str]:
        """Write the puts of a piece."""
        records = (self._put(document, notes) for document in documents)
        return write_bounded(self._folder, f"documents-{piece}", ".jsonl", records)

    def join(self, pieces: Sequence[str], notes: Counter[str]) -> Sequence[str]:
        """Documents are fed as they are."""
        return ()

    def write_queries(self, queries: Iterable[Query], notes: Counter[str]) -> Sequence[str]:
        """Write queries.jsonl: the id of a topic, and the request that asks for it."""

        def lines() -> Iterator[bytes]:
            for query in queries:
                weights = (f'"{term}":{impact}' for term, impact in self._impacts(query.terms, notes).items())
                request = {
                    "yql": "select id from doc where {totalTargetHits:10}wand(impacts, @terms)",
                    "terms": f"{{{','.join(weights)}}}",
                    "ranking": "impacts",
                    "hits": 10,
                }
                yield json_line({"id": query.id, "request": request})

        return [write_file(self._folder, "queries.jsonl", lines())]

    def _put(self, document: Document, notes: Counter[str]) -> bytes:
        content: dict[str, Any] = {"id": self._text(document.id, notes)}
        if document.text is not None:
            content["text"] = self._text(document.text, notes)
        content["impacts"] = self._impacts(document.terms, notes)
        for field, value in document.fields.items():
            content[self._names[field]] = self._value(self._kinds[field], value, notes)
        return json_line({"put": f"id:sparton:doc::{self._spelled_id(document.id)}", "fields": content})

    def _value(self, kind: str, value: FieldValue, notes: Counter[str]) -> Any:
        if kind == TIMESTAMP:
            return microseconds_of(str(value))
        if kind == NUMBER and isinstance(value, int | float):
            return as_double(value, notes)
        if isinstance(value, list):
            return [self._text(one, notes) for one in value]
        return self._text(value, notes) if isinstance(value, str) else value

    def _text(self, text: str, notes: Counter[str]) -> str:
        """A text without characters that Vespa does not take."""
        if not _ODD.search(text):
            return text
        notes["texts in which a character that Vespa does not take became U+FFFD"] += 1
        return _ODD.sub("\ufffd", text)

    def _impacts(self, terms: Terms, notes: Counter[str]) -> dict[str, int]:
        spelled = {self._spelled[term]: impact for term, impact in terms.items()}
        if rest := sum(1 for term in terms if self._spelled[term] != term):
            notes["impacts of terms that are spelled anew, quotes, percent signs and odd characters as in URLs"] += rest
        return spelled


def _identifier(name: str, taken: Sequence[str]) -> str:
    """A field's name in a schema, which has ASCII letters, digits and _, and is none that is taken.

    Vespa refuses two that differ in upper and lower case alone.
    """
    plain = re.sub("[^0-9A-Za-z_]", "_", name)
    plain = plain if re.match("[A-Za-z]", plain) else f"field_{plain}"
    return free_name(chain([plain], (f"{plain}_{number}" for number in count(2))), taken)
