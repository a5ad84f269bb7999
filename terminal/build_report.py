"""What a build left behind, and how it is told."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import listed, named, plural
from ..pipeline.progress import Work
from ..storage.index_folder import SKIPPED, TITLES
from ..storage.manifest import Counts
from .streams import printable, rounded, to_json


@dataclass(frozen=True, slots=True, repr=False)
class BuildReport:
    """What a build left behind. Seconds and `work` are of this call; `resumed` is False for a build from scratch.

    indexing_seconds: after encoding, besides which much of the Lucene index is built. work: what was encoded, and
    where the time went. unused: columns of the corpus that are neither id nor text. skipped: how many rows were left
    out because they could not be read, by what is wrong with them. beside_seconds: by names of indexes beside Lucene's,
    what building each took, of those that were built.
    """

    index: Path | str
    counts: Counts
    resumed: bool
    encoding_seconds: float
    indexing_seconds: float
    work: Work
    unused: tuple[str, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    beside_seconds: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        seconds = self.encoding_seconds + self.indexing_seconds
        return f"<BuildReport of {self.index}: {counts_line(self.counts)}, {seconds:.1f} s>"

    def times(self) -> str:
        """A line about seconds and speed."""
        line = f"encoding {self.encoding_seconds:.1f} s"
        work, timing = self.work, self.work.timing
        if work.tokens:
            documents, tokens = (count / self.encoding_seconds for count in (work.rows - work.kept, work.tokens))
            shares = [
                f"{name} {seconds / timing.total:.0%}"
                for name, seconds in (
                    ("tokenizing", timing.reading),
                    ("model", timing.encoding),
                    ("writing", timing.writing),
                )
            ]
            gpu = f"; GPU busy {min(1.0, timing.gpu / self.encoding_seconds):.0%}" if timing.gpu else ""
            line += f" ({documents:,.0f} documents/s, {tokens:,.0f} tokens/s; {', '.join(shares)}{gpu})"
        resumed = " (resumed: what was finished was kept)" if self.resumed else ""
        beside = "".join(f", {TITLES[name]} {seconds:.1f} s" for name, seconds in self.beside_seconds.items())
        return f"{line}, Lucene {self.indexing_seconds:.1f} s{beside}{resumed}"

    def left_out(self) -> list[str]:
        """A line about each kind of thing in the corpus that is not in the index."""
        lines = [f"columns not used: {printable(listed(list(map(named, self.unused))))}"] if self.unused else []
        if self.skipped:
            lines.append(f"the rows that are left out are listed in {self.index}/{SKIPPED}")
        return lines

    def as_json(self) -> str:
        """Everything, as one JSON object."""
        timing = self.work.timing
        content = {
            "index": str(self.index),
            "resumed": self.resumed,
            "counts": asdict(self.counts),
            "columns not used": list(self.unused),
            "rows left out": dict(self.skipped),
            "encoded": {"rows": self.work.rows - self.work.kept, "tokens": self.work.tokens},
            "seconds": {
                "encoding": round(self.encoding_seconds, 3),
                "lucene": round(self.indexing_seconds, 3),
                **{name: rounded(self.beside_seconds.get(name)) for name in TITLES},
                "by stage": {name: round(seconds, 3) for name, seconds in asdict(timing).items()},
            },
        }
        return to_json(content)


def counts_line(counts: Counts) -> str:
    """What was read and what became of it."""
    parts = [f"{plural(counts.documents, 'document')} of {plural(counts.rows, 'row')}"]
    if counts.documents:
        parts.append(f"{counts.postings / counts.documents:.1f} terms a document")
    for count, words in (
        (counts.dropped_bad, "left out as unreadable"),
        (counts.dropped_no_text, "dropped for having no text"),
        (counts.dropped_no_terms, "dropped for having no term"),
        (counts.truncated, "cut at the maximum length"),
        (counts.split, "split into passages"),
        (counts.zeros, "terms left out for having an impact of 0"),
    ):
        if count:
            parts.append(f"{count:,} {words}")
    return ", ".join(parts)
