"""Requests of the bulk API that OpenSearch and Elasticsearch share, with their mappings and searches.

Both keep impacts in Lucene's FeatureField: as floats of which 9 significant bits are kept, the rest being cut off.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, ClassVar

from ..indexer.field_types import microseconds_of
from ..storage.fields import BOOLEAN, NUMBER, STRING, STRINGS, TIMESTAMP, FieldValue
from .documents import Document, Query, Terms, inexact
from .files import json_line, noting_larger, write_bounded, write_file, write_json
from .format import Target
from .names import Spelled, percent_encoded

_BITS = 9  # that FeatureField keeps of an impact
_MOST_ID = 512  # bytes of an _id
_MOST_FIELDS = 1_000  # of a mapping, if its settings do not say more
_MOST_LETTERS = 8_191  # of a keyword: characters, which are at most the bytes that Lucene takes
_MOST_BYTES = 100 * 2**20  # of a request
_KEYWORD = {"type": "keyword", "ignore_above": _MOST_LETTERS}
_TYPES: Mapping[str, Mapping[str, Any]] = {
    STRING: _KEYWORD,
    NUMBER: {"type": "double"},
    BOOLEAN: {"type": "boolean"},
    TIMESTAMP: {"type": "date", "format": "strict_date_optional_time"},
    STRINGS: _KEYWORD,
}


class Bulk:
    """Bulk requests, an index's mapping, and searches.

    feature_type: of the field of impacts. search: the query of {spelled term: impact}. most_terms: of a query, if its
    settings do not say more.
    """

    needs_numbers: ClassVar[bool] = False
    joins: ClassVar[bool] = False
    most_pieces: ClassVar[int] = 10_000

    def __init__(
        self,
        target: Target,
        feature_type: str,
        search: Callable[[Mapping[str, int]], Any],
        most_terms: int | None = None,
    ) -> None:
        self._folder, self._fields = target.folder, target.fields
        self._timestamps = [field.name for field in target.fields if field.kind == TIMESTAMP]
        self._strings = [field.name for field in target.fields if field.kind in (STRING, STRINGS)]
        self._feature_type, self._search, self._most_terms = feature_type, search, most_terms
        self._spelled = Spelled(percent_encoded("."))  # a dot would begin another field

    def describe(self) -> Sequence[str]:
        """Write index.json, of which an index is made."""
        fields = {self._spelled[field.name]: _TYPES[field.kind] for field in self._fields}
        mappings = {
            "dynamic": "strict",
            "_source": {"excludes": ["impacts"]},
            "properties": {
                "id": _KEYWORD,
                "text": {"type": "text"},
                "impacts": {"type": self._feature_type},
                "fields": {"dynamic": "strict", "properties": fields},
            },
        }
        settings = {"index": {"mapping": {"total_fields": {"limit": _MOST_FIELDS + len(fields)}}}}
        return [write_json(self._folder, "index.json", {"settings": settings, "mappings": mappings})]

    def write(self, piece: str, documents: Iterable[Document], notes: Counter[str]) -> Sequence[str]:
        """Write the bulk requests of a piece."""
        records: Iterable[bytes] = (self._record(document, notes) for document in documents)
        why = "documents of more than the 100 MiB that a request may have, unless http.max_content_length says more"
        records = noting_larger(records, _MOST_BYTES, why, notes)
        return write_bounded(self._folder, f"documents-{piece}", ".ndjson", records)

    def join(self, pieces: Sequence[str], notes: Counter[str]) -> Sequence[str]:
        """Requests are sent as they are."""
        return ()

    def write_queries(self, queries: Iterable[Query], notes: Counter[str]) -> Sequence[str]:
        """Write queries.ndjson, a request of the multi-search API. Each hit names the topic in matched_queries."""

        def lines() -> Iterator[bytes]:
            for query in queries:
                terms = self._impacts(query.terms, notes)
                if self._most_terms is not None and len(terms) > self._most_terms:
                    notes[
                        f"queries of more than the {self._most_terms:,} terms that are taken, unless "
                        "indices.query.bool.max_clause_count says more"
                    ] += 1
                search = {"bool": {"must": [self._search(terms)], "_name": query.id}}
                yield b"{}\n" + json_line({"query": search, "size": 10, "_source": ["id"]})

        return [write_file(self._folder, "queries.ndjson", lines())]

    def _record(self, document: Document, notes: Counter[str]) -> bytes:
        name = document.id
        if len(name.encode()) > _MOST_ID:
            name = f"blake2b:{blake2b(name.encode(), digest_size=32).hexdigest()}"
            notes[f"ids of more than {_MOST_ID} bytes, of which _id is a digest"] += 1
        content: dict[str, Any] = {"id": document.id}
        if document.text is not None:
            content["text"] = document.text
        if document.fields:
            content["fields"] = {self._spelled[field]: value for field, value in document.fields.items()}
            if rest := sum(1 for field in self._timestamps if _finer(document.fields.get(field))):
                notes["timestamps that are searched for in milliseconds, the rest being in _source alone"] += rest
            if rest := sum(map(_too_long, map(document.fields.get, self._strings))):
                why = f"strings of more than {_MOST_LETTERS:,} characters, which are in _source and not searched for"
                notes[why] += rest
        content["impacts"] = self._impacts(document.terms, notes)
        if rest := inexact(document.terms.values(), _BITS):
            notes["impacts above 511 that Lucene cuts to 9 significant bits"] += rest
        return json_line({"index": {"_id": name}}) + json_line(content)

    def _impacts(self, terms: Terms, notes: Counter[str]) -> dict[str, int]:
        spelled = {self._spelled[term]: impact for term, impact in terms.items()}
        if rest := sum(1 for term in terms if self._spelled[term] != term):
            notes["impacts of terms that are spelled anew, a dot as %2E and a percent sign as %25"] += rest
        return spelled


def _too_long(value: FieldValue | None) -> int:
    """How many strings of a field's value are too long for a keyword."""
    strings = value if isinstance(value, list) else [value]
    return sum(1 for one in strings if isinstance(one, str) and len(one) > _MOST_LETTERS)


def _finer(timestamp: FieldValue | None) -> bool:
    """Whether a timestamp is no whole number of milliseconds."""
    return timestamp is not None and (microseconds_of(str(timestamp)) or 0) % 1_000 > 0
