"""How much each query of a run differs from the first run's, as a picture."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from ...errors import Parameter, SpartonError, UsageError
from ...storage.atomic import check_output, output_file, refuse_inputs
from .score import Scores

_PLOT = Parameter("plot")

_ABOVE, _BELOW = "#2a7f62", "#b5483a"
_MOST_NAMES = 40  # of queries that a panel has room for
_LONGEST_NAME = 20  # characters


def check_plot(path: Path, runs: Sequence[Path], qrels: Path) -> None:
    """Find out, before anything is scored, whether a plot of `runs` can be drawn to `path`.

    Raises UsageError for a single run, an unknown ending, a file that cannot be written, or one that is read;
    SpartonError if matplotlib is not installed.
    """
    if len(runs) < 2:
        raise UsageError(_PLOT, " draws differences between runs; give it two or more")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SpartonError(_PLOT, " needs matplotlib, which is not installed; run `pip install matplotlib`") from error
    formats = sorted(Figure().canvas.get_supported_filetypes())
    if _kind(path) not in formats:
        raise UsageError(_PLOT, f" is {path}; expected a file that ends in one of {', '.join(formats)}")
    check_output(_PLOT, path)
    refuse_inputs(_PLOT, [path], {**{run: f"the run {run}" for run in runs}, qrels: f"the judgments {qrels}"})


def plot_differences(scores: Scores, path: Path) -> None:
    """Draw, for each measure and each run but the first, the differences per query, largest first; write to `path`,
    in the format that its ending names.

    path: one that check_plot has nothing against.
    """
    from matplotlib.figure import Figure

    first, *others = scores.runs
    figure = Figure(figsize=(4.5 * len(scores.measures), 2.6 * len(others)), layout="constrained")
    axes = figure.subplots(len(others), len(scores.measures), squeeze=False)
    for row, run in zip(axes, others, strict=True):
        for column, (panel, measure) in enumerate(zip(row, scores.measures, strict=True)):
            base = first.per_query[column]
            _bars(panel, {query: value - base[query] for query, value in run.per_query[column].items()})
            mean, p = run.means[column] - first.means[column], run.p_holm[column]
            panel.set_title(f"{measure}: {mean:+.4f}" + ("" if p is None else f", p = {p:.3g}"), fontsize="medium")
        row[0].set_ylabel(f"{run.path.name}\nminus {first.path.name}")
    for panel in axes[-1]:
        panel.set_xlabel(f"{scores.queries} judged queries, by difference")
    picture = BytesIO()  # some formats go back to fill in sizes, which a pipe does not let them
    figure.savefig(picture, format=_kind(path), dpi=150)
    with output_file(path) as stream:
        stream.write(picture.getvalue())


def _kind(path: Path) -> str:
    return path.suffix.removeprefix(".").lower()


def _named(ordered: dict[str, float]) -> dict[int, str]:
    """{place: id} of the queries that are named: all, or where they are many those at both ends that differ."""
    names = {
        place: query if len(query) <= _LONGEST_NAME else f"{query[: _LONGEST_NAME - 1]}…"
        for place, query in enumerate(ordered)
    }
    if len(names) <= _MOST_NAMES:
        return names
    most, values = _MOST_NAMES // 2, list(ordered.values())
    return {place: name for place, name in names.items() if values[place] and not most <= place < len(names) - most}


def _bars(panel: Any, differences: dict[str, float]) -> None:
    """differences: by query."""
    ordered = dict(sorted(differences.items(), key=lambda one: -one[1]))
    colours = [_ABOVE if value > 0 else _BELOW for value in ordered.values()]
    panel.bar(range(len(ordered)), list(ordered.values()), width=1.0, color=colours)
    panel.axhline(0, color="black", linewidth=0.8)
    names = _named(ordered)
    panel.set_xticks(list(names))
    # An id may hold what matplotlib takes for a formula.
    panel.set_xticklabels(list(names.values()), rotation=90, fontsize=6, parse_math=False)
    panel.spines[["top", "right", "bottom"]].set_visible(False)
