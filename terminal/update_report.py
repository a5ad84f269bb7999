"""What a change of an index did, and how it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import listed
from .streams import to_json


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """What a change of an index did. generation: that the index has now; the same as before where nothing changed.

    added: documents that are new. changed_text: those whose text was another, which were encoded again. changed_fields:
    those of which only fields were others. unchanged: those that were given just as they are. removed: that were in the
    index and are not any more. without_text, without_terms: rows that have none and so are in no index. missing: ids
    that were to be deleted and are none of the index's. documents: that the index has now. merged: whether what is dead
    was merged away. skipped: how many rows were left out because they could not be read, by what is wrong with them.
    """

    index: Path | str
    generation: int
    documents: int
    added: int = 0
    changed_text: int = 0
    changed_fields: int = 0
    unchanged: int = 0
    removed: int = 0
    without_text: int = 0
    without_terms: int = 0
    missing: tuple[str, ...] = ()
    merged: bool = False
    encoding_seconds: float = 0.0
    seconds: float = 0.0
    skipped: Mapping[str, int] = field(default_factory=dict)

    def summary(self) -> str:
        """A line about what was done."""
        parts = [
            f"{count:,} {words}"
            for count, words in (
                (self.added, "added"),
                (self.changed_text, "with another text"),
                (self.changed_fields, "with other fields"),
                (self.unchanged, "unchanged"),
                (self.removed, "removed"),
                (self.without_text, "without text"),
                (self.without_terms, "without a term"),
                (len(self.missing), f"not in the index ({listed(self.missing)})"),
            )
            if count
        ]
        if self.merged:
            parts.append("what was dead is merged away")
        done = ", ".join(parts) or "nothing to do"
        return f"{self.index}: {done}; {self.documents:,} documents, generation {self.generation:,}"

    def times(self) -> str:
        """A line about seconds."""
        return f"{self.seconds:.1f} s, of which encoding {self.encoding_seconds:.1f} s"

    def as_json(self) -> str:
        """Everything, as one JSON object."""
        return to_json(
            {
                "index": str(self.index),
                "generation": self.generation,
                "documents": self.documents,
                "added": self.added,
                "changed text": self.changed_text,
                "changed fields": self.changed_fields,
                "unchanged": self.unchanged,
                "removed": self.removed,
                "without text": self.without_text,
                "without terms": self.without_terms,
                "missing": list(self.missing),
                "merged": self.merged,
                "rows left out": dict(self.skipped),
                "seconds": {"encoding": round(self.encoding_seconds, 3), "all": round(self.seconds, 3)},
            }
        )
