"""Documents and queries as every format gets them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from ..errors import SpartonError
from ..search.evaluation.run import encode_topics
from ..search.evaluation.topics import TopicOptions, read_topics
from ..search.searcher import Searcher
from ..storage.fields import FieldValue
from ..storage.generations import not_as_written
from ..storage.index_folder import COLLECTION
from ..storage.manifest import Manifest, PartFile, load_manifest
from ..storage.markers import file_digest

Terms = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Document:
    """A document of an index, or a passage of an index of those. text: None where it is not stored."""

    id: str
    text: str | None
    fields: Mapping[str, FieldValue]
    terms: Terms


@dataclass(frozen=True, slots=True)
class Query:
    """A topic with the terms that this index's queries get. text: None of one that was a vector."""

    id: str
    text: str | None
    terms: Terms


def read_documents(folder: Path, manifest: Manifest, parts: Iterable[PartFile]) -> Iterator[Document]:
    """The documents of some parts of an index, in order.

    Raises SpartonError for a part that is not what was written, before the first document of it, or that an update has
    taken away.
    """
    for part in parts:
        path = folder / COLLECTION / part.name
        try:
            whole = file_digest(path) == part.digest
        except OSError:
            whole = False
        if not whole and load_manifest(folder).state != manifest.state:
            raise SpartonError(
                f"the index {folder} was updated while it was exported; export it again, to another folder"
            )
        if not whole:
            raise not_as_written(path)
        with path.open("rb") as lines:
            yield from map(_document, lines)


def read_queries(searcher: Searcher, topics: Path, reading: TopicOptions, notes: Counter[str]) -> Iterator[Query]:
    """The topics of a file as queries of an index, in order. notes: hears of those that are left out, without a
    term."""
    encoded = encode_topics(searcher, read_topics(topics, reading))
    for topic, (_, terms) in zip(read_topics(topics, reading), encoded, strict=True):
        if terms:
            yield Query(topic.id, topic.text, terms)
        else:
            notes["queries left out, without a term that the model knows"] += 1


def inexact(impacts: Iterable[int], bits: int) -> int:
    """How many impacts have more significant bits than a float of so many keeps."""
    return sum(1 for impact in impacts if impact >> bits and impact & ((1 << (impact.bit_length() - bits)) - 1))


def terms_in(documents: Iterable[Document]) -> Sequence[str]:
    """All terms that documents have, in order of their bytes, which is that of their letters' numbers."""
    every: set[str] = set()
    for document in documents:
        every.update(document.terms)
    return sorted(every)


def _document(line: bytes) -> Document:
    content = orjson.loads(line)
    return Document(content["id"], content.get("contents"), content.get("fields", {}), content["vector"])
