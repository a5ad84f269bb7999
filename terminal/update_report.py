"""What a change of an index did, and how it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import listed, plural
from ..storage.index_folder import TITLES
from .streams import rounded, to_json


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """What a change of an index did. generation: that the index has now; the same as before where nothing changed.

    added: documents that are new. changed_text: those whose text was another, which were encoded again. changed_fields:
    those of which only fields were others. unchanged: those that were given just as they are. removed: that were in the
    index and are not any more. lost: those of them whose text gives no term any more. without_text, without_terms: rows
    that have none and so are in no index. missing: ids that were to be deleted and are none of the index's. documents:
    that the index has now. merged: whether what is dead was merged away. skipped: how many rows were left out because
    they could not be read, by what is wrong with them.
    beside: the generation of each index beside Lucene's, by its name. beside_seconds: that building each took, of those
    that were built.
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
    lost: int = 0
    merged: bool = False
    encoding_seconds: float = 0.0
    seconds: float = 0.0
    skipped: Mapping[str, int] = field(default_factory=dict)
    beside: Mapping[str, int] = field(default_factory=dict)
    beside_seconds: Mapping[str, float] = field(default_factory=dict)

    def summary(self) -> str:
        """A line about what was done."""
        lacking = self.removed - self.lost if self.without_text else 0  # an update removes for that alone
        have = ("it has" if lacking == 1 else "they have"), ("it has" if self.lost == 1 else "they have")
        parts = [
            f"{count:,} {words}"
            for count, words in (
                (self.added, "added"),
                (self.changed_text, "with another text"),
                (self.changed_fields, "with other fields"),
                (self.unchanged, "unchanged"),
                (lacking, f"removed, as {have[0]} no text"),
                (self.lost, f"removed, as {have[1]} no term"),
                (self.removed - lacking - self.lost, "removed"),
                (self.without_text - lacking, "without text"),
                (self.without_terms - self.lost, "without a term"),
                (len(self.missing), f"not in the index ({listed(self.missing)})"),
            )
            if count
        ]
        if self.merged:
            parts.append("what was dead is merged away")
        parts += [f"{TITLES[name]} index of generation {self.beside[name]:,} built" for name in self.beside_seconds]
        done = ", ".join(parts) or "nothing to do"
        return f"{self.index}: {done}; {plural(self.documents, 'document')}, generation {self.generation:,}"

    def remarks(self) -> list[str]:
        """A line about what of the index the change has left behind, and what to do."""
        return [
            f"--with {name} is refused until the {TITLES[name]} index is renewed: `sparton compact {self.index} --also "
            f"{name}`"
            for name, number in self.beside.items()
            if number != self.generation
        ]

    def times(self) -> str:
        """A line about seconds."""
        beside = ((TITLES[name], seconds) for name, seconds in self.beside_seconds.items())
        kinds = ("encoding", self.encoding_seconds), *beside
        parts = [f"{what} {seconds:.1f} s" for what, seconds in kinds if seconds]
        return f"{self.seconds:.1f} s" + (f", of which {', '.join(parts)}" if parts else "")

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
                **{f"{name} generation": self.beside.get(name) for name in TITLES},
                "seconds": {
                    "encoding": round(self.encoding_seconds, 3),
                    **{name: rounded(self.beside_seconds.get(name)) for name in TITLES},
                    "all": round(self.seconds, 3),
                },
            }
        )
