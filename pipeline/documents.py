"""What passes between reading and encoding."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents by column: id, text (the text columns, joined with a space) and fields of each.

    fields: a JSON object a document, as it will be written, "" for none; or an empty tuple where the index has none.
    digests: of the text of each (see part_lines.py), to be kept where the text itself is not; or an empty tuple.

    Two tuples of strings travel between processes ten times as fast as an object for each document would.
    """

    ids: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Shard:
    """A run of consecutive corpus rows, the unit of encoding, resuming and indexing.

    rows: how many of the corpus it covers. documents: those that have text, in input order. bad: how many were left out
    because they cannot be read.
    """

    number: int
    rows: int
    documents: Documents
    bad: int = 0

    @property
    def empty(self) -> int:
        """How many of its rows have no text and were left out."""
        return self.rows - self.bad - len(self.documents)
