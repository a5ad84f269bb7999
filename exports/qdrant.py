"""Qdrant: requests that upsert points with sparse vectors, a collection's settings, and queries."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar
from uuid import UUID, uuid5

from ..storage.fields import BOOLEAN, NUMBER, STRING, STRINGS, TIMESTAMP
from .documents import Document, Query, Terms, inexact
from .files import json_line, noting_larger, write_bounded, write_file, write_json
from .format import Target
from .names import Spelled, percent_encoded

_NAMES = UUID("6f2b0f0e-3f1d-5c1e-9a53-5f8d2c1b7e40")  # of which a point's id is made: any, once and for all
_BITS = 24  # of a float, as which Qdrant keeps values
_AROUND = b'{"points": [\n', b",", b"]}\n"  # points of a request
_MOST_BYTES = 32 * 2**20  # of a request
_TYPES = {STRING: "keyword", NUMBER: "float", BOOLEAN: "bool", TIMESTAMP: "datetime", STRINGS: "keyword"}


def point_id(name: str) -> str:
    """The id of a document's point: Qdrant takes whole numbers and UUIDs."""
    return str(uuid5(_NAMES, name))


class Qdrant:
    """Qdrant's requests. A term's index is its number among all terms."""

    needs_numbers: ClassVar[bool] = True
    joins: ClassVar[bool] = False
    most_pieces: ClassVar[int] = 10_000

    def __init__(self, target: Target) -> None:
        self._folder, self._fields, self._numbers = target.folder, target.fields, target.numbers
        self._spelled = Spelled(percent_encoded('"'))  # which nothing could escape in a path

    def describe(self) -> Sequence[str]:
        """Write collection.json, of which a collection is made, and payload-indexes.jsonl, what makes each of these."""
        indexes = [
            {"field_name": f'fields."{self._spelled[field.name]}"', "field_schema": _TYPES[field.kind]}
            for field in self._fields
        ]
        return [
            write_json(self._folder, "collection.json", {"vectors": {}, "sparse_vectors": {"impacts": {}}}),
            write_file(self._folder, "payload-indexes.jsonl", map(json_line, indexes)),
        ]

    def write(self, piece: str, documents: Iterable[Document], notes: Counter[str]) -> Sequence[str]:
        """Write the points of a piece."""
        records: Iterable[bytes] = (json_line(self._point(document, notes)) for document in documents)
        most = _MOST_BYTES - len(_AROUND[0]) - len(_AROUND[2])
        why = "documents of more than the 32 MiB that a request may have, unless service.max_request_size_mb says more"
        records = noting_larger(records, most, why, notes)
        return write_bounded(self._folder, f"points-{piece}", ".json", records, around=_AROUND)

    def join(self, pieces: Sequence[str], notes: Counter[str]) -> Sequence[str]:
        """Requests are sent as they are."""
        return ()

    def write_queries(self, queries: Iterable[Query], notes: Counter[str]) -> Sequence[str]:
        """Write queries.jsonl: the id of a topic, and the request that asks for it."""

        def lines() -> Iterator[bytes]:
            for query in queries:
                known = {term: impact for term, impact in query.terms.items() if term in self._numbers}
                if rest := len(query.terms) - len(known):
                    notes["terms of queries left out that no document has"] += rest
                request = {"query": self._vector(known), "using": "impacts", "limit": 10, "with_payload": ["id"]}
                yield json_line({"id": query.id, "request": request})

        return [write_file(self._folder, "queries.jsonl", lines())]

    def _point(self, document: Document, notes: Counter[str]) -> Any:
        if rest := inexact(document.terms.values(), _BITS):
            notes["impacts above 16,777,216 that Qdrant rounds to 24 significant bits"] += rest
        payload: dict[str, Any] = {"id": document.id}
        if document.text is not None:
            payload["text"] = document.text
        if document.fields:
            payload["fields"] = {self._spelled[field]: value for field, value in document.fields.items()}
        vector = {"impacts": self._vector(document.terms)}
        return {"id": point_id(document.id), "vector": vector, "payload": payload}

    def _vector(self, terms: Terms) -> dict[str, list[int]]:
        return {"indices": [self._numbers[term] for term in terms], "values": list(terms.values())}
