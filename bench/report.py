"""What a benchmark found, as Markdown and as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..search.evaluation.hits import ScoringOptions
from ..search.evaluation.score import RunScores, Scores
from .published import Published

_OURS = "this run"
_REUSED = " (the index was there, and was used again)"


@dataclass(frozen=True, slots=True)
class BenchReport:
    """A benchmark's results, and all that one needs to have them again.

    name, kind, split: of the collection. documents: that it has; counts: what became of them. queries: that are judged.
    left_out: what is not used, by why. model, settings: name and digests. reused: whether the index was there and
    complete. seconds: of each stage. bytes: of the index, by part. ways: how each run of `scores` was searched. k: hits
    a query.
    """

    name: str
    kind: str
    split: str | None
    documents: int
    queries: int
    counts: Mapping[str, int]
    left_out: Mapping[str, int]
    model: Mapping[str, str | None]
    settings: str
    versions: Mapping[str, str]
    reused: bool
    seconds: Mapping[str, float]
    bytes: Mapping[str, int]
    ways: tuple[str, ...]
    k: int
    hits: ScoringOptions
    scores: Scores
    published: Published

    def content(self) -> dict[str, Any]:
        """All of it, for JSON."""
        measures = self.scores.measures
        return {
            "collection": {
                "name": self.name,
                "format": self.kind,
                "split": self.split,
                "documents": self.documents,
                "judged queries": self.queries,
            },
            "counts": dict(self.counts),
            "left out": dict(self.left_out),
            "model": dict(self.model),
            "settings": self.settings,
            "versions": dict(self.versions),
            "random seeds": [],
            "index reused": self.reused,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "bytes": dict(self.bytes),
            "k": self.k,
            "hits": {name: getattr(self.hits, name) for name in ("remove_query", "max_passage", "judged_only")},
            "runs": [
                {
                    "with": way,
                    "run": run.path.name,
                    "measures": dict(zip(measures, run.means, strict=True)),
                    "p": dict(zip(measures, run.p, strict=True)),
                    "p_holm": dict(zip(measures, run.p_holm, strict=True)),
                    "without_results": run.without_results,
                    "hits_left_out": asdict(run.left_out),
                }
                for way, run in zip(self.ways, self.scores.runs, strict=True)
            ],
            "published": [asdict(figure) for figure in self.published.figures],
            "published, remark": self.published.remark,
        }

    def table(self) -> list[str]:
        """The lines of the table of measures, in Markdown."""
        measures = self.scores.measures
        lines = [f"| system | {' | '.join(measures)} | source |", f"|---|{'---:|' * len(measures)}---|"]
        for way, run in zip(self.ways, self.scores.runs, strict=True):
            cells = " | ".join(_cell(run, column) for column in range(len(measures)))
            lines.append(f"| `--with {way}` | {cells} | {_OURS} |")
        for figure in self.published.figures:
            values = (figure.measures.get(measure) for measure in measures)
            cells = " | ".join("" if value is None else f"{value:.4f}" for value in values)
            lines.append(f"| {figure.system} | {cells} | published: {figure.source} |")
        return lines

    def markdown(self) -> str:
        """The report as people read it."""
        split = f", split {self.split}" if self.split else ""
        lines = [
            f"# {_text(self.name)}",
            "",
            f"{self.documents:,} documents, {self.queries:,} judged queries (format {self.kind}{split}); the "
            f"{self.k:,} best hits of each query. Means are over all judged queries.",
            "",
            *self.table(),
            "",
        ]
        if len(self.scores.runs) > 1:
            lines += [f"p: a paired t-test against the first run{_corrected(self.scores)}.", ""]
        if self.published.remark:
            lines += [f"{self.published.remark[0].upper()}{self.published.remark[1:]}.", ""]
        lines += [
            "## How",
            "",
            f"- Model: {_text(str(self.model['name']))}"
            f"{' at ' + str(self.model['revision']) if self.model.get('revision') else ''}, {self.model['digest']}.",
            f"- Settings of the index: {self.settings}{_REUSED if self.reused else ''}.",
            f"- Hits: {_hits(self.hits)}.",
            "- Random seeds: none; nothing is drawn at random.",
            f"- Versions: {', '.join(f'{name} {value}' for name, value in self.versions.items())}.",
            "",
            "## Counts",
            "",
            *(f"- {name.replace('_', ' ')}: {value:,}" for name, value in self.counts.items()),
            *(f"- left out, {name}: {value:,}" for name, value in self.left_out.items()),
            "",
            "## Seconds",
            "",
            *(f"- {name}: {value:,.1f}" for name, value in self.seconds.items()),
            "",
            "## Index on disk, bytes",
            "",
            *(f"- {name}: {value:,}" for name, value in self.bytes.items()),
        ]
        return "\n".join(lines) + "\n"


def _cell(run: RunScores, column: int) -> str:
    p = run.p_holm[column]
    return f"{run.means[column]:.4f}" + ("" if p is None else f" (p {p:.3g})")


def _corrected(scores: Scores) -> str:
    compared = len(scores.runs) - 1
    return f", corrected by Holm's method for {compared} comparisons" if compared > 1 else ""


def _hits(hits: ScoringOptions) -> str:
    words = [
        "a query's own document is left out" if hits.remove_query else "",
        f"a document has the score of its best passage, before {hits.max_passage!r}" if hits.max_passage else "",
        "documents without a judgment are left out of scoring" if hits.judged_only else "",
    ]
    return "; ".join(filter(None, words)) or "all"


def _text(name: str) -> str:
    """A name as Markdown shows it, on one line."""
    return "".join(f"\\{letter}" if letter in "\\`*_<>[]|#" else letter for letter in " ".join(name.split()))
