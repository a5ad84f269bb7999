"""What passes between reading and encoding."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """One document: its id and the text to encode (its text columns, joined with a space)."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Shard:
    """A run of consecutive corpus rows, the unit of encoding, resuming and indexing.

    `rows` counts the corpus rows it covers; `documents` are those that have text, in input order.
    """

    number: int
    rows: int
    documents: tuple[Document, ...]

    @property
    def empty(self) -> int:
        """How many of its rows have no text and were left out."""
        return self.rows - len(self.documents)
