"""What a format of an export is."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from ..storage.fields import Field
from .documents import Document, Query


@dataclass(frozen=True, slots=True)
class Target:
    """Where an export goes, and what is known of the index before its documents are read.

    fields: that documents may have. numbers: {term: number}, of all terms that documents have; empty for a format that
    does not need it.
    """

    folder: Path
    fields: Sequence[Field]
    numbers: Mapping[str, int] = field(default_factory=dict)


class Format(Protocol):
    """A format, for one export. Whatever a method writes appears whole, under names that depend on nothing but its
    arguments, and with the same bytes each time; it returns these names, as paths within the folder.

    needs_numbers: whether terms are numbers to it. joins: whether files of pieces become others, by `join`, and are
    removed then. most_pieces: in how many a collection may be cut.
    notes: what is clipped, renamed or left out, in words, and of how much.
    """

    needs_numbers: ClassVar[bool]
    joins: ClassVar[bool]
    most_pieces: ClassVar[int]

    def __init__(self, target: Target) -> None: ...

    def describe(self) -> Sequence[str]:
        """Write what does not depend on the documents, as a mapping or a schema."""

    def write(self, piece: str, documents: Iterable[Document], notes: Counter[str]) -> Sequence[str]:
        """Write the documents of a piece of the collection. piece: its number, in digits."""

    def join(self, pieces: Sequence[str], notes: Counter[str]) -> Sequence[str]:
        """Write of the files of all pieces what remains."""

    def write_queries(self, queries: Iterable[Query], notes: Counter[str]) -> Sequence[str]:
        """Write queries."""
