"""What an export wrote, and how it is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import plural
from .streams import to_json


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export wrote. notes: what was clipped, renamed or left out, in words, and of how much. resumed: whether
    files of an earlier run were kept. seconds: of this run."""

    output: Path
    to: str
    documents: int
    postings: int
    queries: int
    files: int
    size: int
    notes: Mapping[str, int]
    resumed: bool
    seconds: float

    def summary(self) -> str:
        """A line about what there is now."""
        queries = f", {self.queries:,} {'query' if self.queries == 1 else 'queries'}" if self.queries else ""
        return (
            f"{self.output}: {plural(self.documents, 'document')}, {plural(self.postings, 'posting')}{queries} for "
            f"{self.to}, {plural(self.files, 'file')}, {self.size:,} bytes"
        )

    def remarks(self) -> list[str]:
        """A line about each kind of thing that is not just as the index has it."""
        return [f"{count:,} {words}" for words, count in self.notes.items()]

    def times(self) -> str:
        """A line about seconds."""
        return f"{self.seconds:.1f} s" + (" (resumed: what was finished was kept)" if self.resumed else "")

    def as_json(self) -> str:
        """Everything, as one JSON object."""
        return to_json(
            {
                "output": str(self.output),
                "to": self.to,
                "documents": self.documents,
                "postings": self.postings,
                "queries": self.queries,
                "files": self.files,
                "bytes": self.size,
                "notes": dict(self.notes),
                "resumed": self.resumed,
                "seconds": round(self.seconds, 3),
            }
        )
