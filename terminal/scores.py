"""Scores of runs as a table, as records with tabs between their parts, or as JSON for programs."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from ..errors import plural, short
from .screen import cells, columns, padded
from .streams import printable, to_json

if TYPE_CHECKING:
    from ..search.evaluation.score import RunScores, Scores

_COLUMN = 18  # cells of a measure's


def scores_table(scores: "Scores") -> str:
    """A line a run, a column a measure; p against the first run follows a value, corrected
    where several runs are compared with it. Where a terminal has no room for that,
    each run has its measures below it; a pipe gets tabs between the columns, p in columns of their own."""
    room = columns()
    if room is None:
        return _records(scores)
    names = [_name(run) for run in scores.runs]
    width = max(map(cells, names))
    titles = [max(_COLUMN, len(measure)) for measure in scores.measures]
    lines = [" " * width + "".join(f"  {m:<{n}}" for m, n in zip(scores.measures, titles, strict=True))]
    for name, run in zip(names, scores.runs, strict=True):
        values = (f"  {_value(mean, p):<{n}}" for mean, p, n in zip(run.means, run.p_holm, titles, strict=True))
        lines.append(padded(name, width) + "".join(values))
    lines = [line.rstrip() for line in lines]
    return "\n".join(lines) if max(map(cells, lines)) <= room else _blocks(scores)


def per_query_table(scores: "Scores") -> str:
    """Tab-separated: measure, query, and a value for each run; the mean is the query `all`."""
    lines = ["\t".join(["measure", "query", *(_name(run) for run in scores.runs)])]
    for column, measure in enumerate(scores.measures):
        for query in scores.runs[0].per_query[column]:
            lines.append(
                "\t".join([measure, printable(query), *(f"{run.per_query[column][query]:.4f}" for run in scores.runs)])
            )
        lines.append("\t".join([measure, "all", *(f"{run.means[column]:.4f}" for run in scores.runs)]))
    return "\n".join(lines)


def scores_json(scores: "Scores", per_query: bool) -> str:
    """Everything, as one JSON object."""

    def measured(run: "RunScores", column: int) -> dict[str, object]:
        values = {"per_query": run.per_query[column]} if per_query else {}
        return {"mean": run.means[column], "p": run.p[column], "p_holm": run.p_holm[column], **values}

    content = {
        "judged": scores.queries,
        "runs": [
            {
                "run": str(run.path),
                "measures": {measure: measured(run, column) for column, measure in enumerate(scores.measures)},
                "without_results": run.without_results,
                "unjudged": run.unjudged,
                "hits_left_out": asdict(run.left_out),
            }
            for run in scores.runs
        ],
    }
    return to_json(content)


def coverage_line(run: "RunScores", queries: int) -> str:
    """What to say of queries that are judged and have no results, or the other way round; empty if there are none."""
    parts = []
    if run.without_results:
        parts.append(f"{run.without_results:,} of {queries:,} judged queries have no results and count as 0")
    if run.unjudged:
        parts.append(f"{run.unjudged:,} queries have results and no judgments, and do not count")
    gone = run.left_out
    for count, words in (
        (gone.passages, "of a document that has a better passage"),
        (gone.own, "that are their query itself"),
        (gone.unjudged, "without a judgment"),
    ):
        if count:
            parts.append(f"{plural(count, 'hit')} {words} left out")
    if run.strangers:
        what, ours, theirs = run.strangers
        parts.append(
            f"no {what} of the run is judged: it has {short(ours)}, and the judgments have {short(theirs)}; see that "
            f"both call a {what} the same"
        )
    return f"{_name(run)}: {'; '.join(parts)}" if parts else ""


def correction_line(scores: "Scores") -> str:
    """What to say of p values that are corrected; empty where one run alone is compared with the first."""
    compared = len(scores.runs) - 1
    if compared < 2:
        return ""
    first = _name(scores.runs[0])
    return f"p is corrected by Holm's method for the {compared} runs that are compared with {first}"


def _name(run: "RunScores") -> str:
    return printable(str(run.path))


def _value(mean: float, p: float | None) -> str:
    return f"{mean:.4f}" if p is None else f"{mean:<8.4f}p {p:.3g}"


def _blocks(scores: "Scores") -> str:
    """Each run with its measures below it."""
    width, lines = max(map(len, scores.measures)), []
    for run in scores.runs:
        lines.append(_name(run))
        rows = zip(scores.measures, run.means, run.p_holm, strict=True)
        lines += [f"  {measure:<{width}}  {_value(mean, p)}" for measure, mean, p in rows]
    return "\n".join(lines)


def _records(scores: "Scores") -> str:
    lines = [["run", *(title for measure in scores.measures for title in (measure, f"{measure} p"))]]
    for run in scores.runs:
        values = (
            (f"{mean:.4f}", "" if p is None else f"{p:.3g}") for mean, p in zip(run.means, run.p_holm, strict=True)
        )
        lines.append([_name(run), *(value for pair in values for value in pair)])
    return "\n".join(map("\t".join, lines))
