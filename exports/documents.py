"""Documents and queries as every format gets them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..search.evaluation.run import encode_topics
from ..search.evaluation.topics import TopicOptions, read_topics
from ..search.searcher import Searcher
from ..storage.fields import FieldValue

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


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an index, as it is exported at once. documents: how many it has. read: gives them, and raises
    SpartonError where they are not what was written."""

    documents: int
    read: Callable[[], Iterator[Document]]


class Source(Protocol):
    """Where the documents of an index come from, always in the same order."""

    def pieces(self, most: int) -> Sequence[Piece]:
        """All of it, in about so many pieces at most."""

    def terms(self) -> Sequence[str] | None:
        """All terms that the documents have, in order of their bytes; None where only reading them tells."""

    def close(self) -> None:
        """Close what is open."""


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


def as_double(number: float, notes: Counter[str]) -> float:
    """A number as a float of 64 bits. notes: hears of whole numbers for which that is another number."""
    double = float(number)
    if double != number:
        notes["whole numbers beyond 2^53 in fields, rounded to a double"] += 1
    return double


def terms_in(documents: Iterable[Document]) -> Sequence[str]:
    """All terms that documents have, in order of their bytes, which is that of their letters' numbers."""
    every: set[str] = set()
    for document in documents:
        every.update(document.terms)
    return sorted(every)
