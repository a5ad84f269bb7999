"""Runs scored against judgments by ir-measures, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import SubprocessError
from typing import Any, TypeVar

from ...errors import Parameter, UsageError, short
from .hits import ALL_HITS, LeftOut, ScoringOptions, document_of, hits_that_count
from .measures import CANNOT, programs_of
from .significance import holm
from .significance import paired_p as paired_p
from .trec_files import Qrels, Run, read_qrels, read_run

MEASURES = ("nDCG@10", "RR@10", "R@1000", "AP")
# Of those that ir-measures asks: one that takes no larger grades.
_GDEVAL, _GDEVAL_GRADE = "gdeval", 4
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RunScores:
    """What a run scored. Each tuple has an entry a measure.

    means: over all judged queries; one without results counts 0. per_query: {judged query: value}. p: of a two-sided
    paired t-test over the judged queries against the first run; None for the first run itself, and where there is but
    one query. p_holm: the same, corrected by Holm's method for the number of runs that are compared with the first.
    without_results: judged queries that the run lacks. unjudged: queries of the run that nobody judged, which count for
    nothing. left_out: hits that do not count. strangers: where the run and the judgments have no query in common, or no
    document, an example of each; the first entry says of which, "query" or "document".
    """

    path: Path
    means: tuple[float, ...]
    per_query: tuple[dict[str, float], ...]
    p: tuple[float | None, ...]
    without_results: int
    unjudged: int
    p_holm: tuple[float | None, ...] = ()
    left_out: LeftOut = field(default_factory=LeftOut)
    strangers: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """Runs side by side. measures: by the names of ir-measures. queries: how many are judged."""

    measures: tuple[str, ...]
    queries: int
    runs: tuple[RunScores, ...]


def score_runs(
    runs: Sequence[Path], qrels: Path, measures: Sequence[str] = MEASURES, hits: ScoringOptions = ALL_HITS
) -> Scores:
    """Score TREC runs. A mean is over every judged query, as trec_eval gives it with -c, and ir-measures always.

    measures: by the names of ir-measures or of trec_eval. hits: which of them count.

    Raises UsageError for a measure that ir-measures does not know or cannot compute here, or of which a parameter is
    out of its bounds, and SpartonError as read_run and read_qrels.
    """
    import ir_measures

    computed_by = programs_of(measures)
    parsed = list(computed_by)
    judged = read_qrels(qrels)
    _check_grades(computed_by, judged, qrels)
    try:
        evaluator = ir_measures.evaluator(parsed, _numbered(judged, judged))
    except CANNOT as error:
        raise _not_computed(error) from error
    scored: list[RunScores] = []
    for path in runs:
        scored.append(_score(path, read_run(path), judged, evaluator, parsed, scored[0] if scored else None, hits))
    return Scores(tuple(map(str, parsed)), len(judged), _corrected(scored))


def _score(
    path: Path,
    run: Run,
    judged: Qrels,
    evaluator: Any,
    measures: Sequence[Any],
    first: RunScores | None,
    hits: ScoringOptions,
) -> RunScores:
    left_out, strangers, unjudged = LeftOut(), _strangers(run, judged, hits), len(run.keys() - judged.keys())
    if hits != ALL_HITS:
        counting = {query: hits_that_count(found, query, hits, judged.get(query, ())) for query, found in run.items()}
        left_out = sum((gone for query, (_, gone) in counting.items() if query in judged), left_out)
        run = {query: kept for query, (kept, _) in counting.items() if kept}
    try:
        result = evaluator.calc(_numbered(run, judged))
    except CANNOT as error:
        raise _not_computed(error) from error
    values: dict[Any, dict[str, float]] = {measure: dict.fromkeys(judged, 0.0) for measure in measures}
    queries = list(judged)
    for metric in result.per_query:
        values[metric.measure][queries[int(metric.query_id)]] = metric.value
    per_query = tuple(values[measure] for measure in measures)
    return RunScores(
        path,
        tuple(result.aggregated[measure] for measure in measures),
        per_query,
        tuple(paired_p(ours, theirs) for ours, theirs in zip(per_query, first.per_query, strict=True))
        if first
        else (None,) * len(measures),
        without_results=len(judged.keys() - run.keys()),
        unjudged=unjudged,
        left_out=left_out,
        strangers=strangers,
    )


def _strangers(run: Run, judged: Qrels, hits: ScoringOptions) -> tuple[str, str, str] | None:
    """An example of what a run and judgments call otherwise: their queries, if they have none in common, or else their
    documents."""
    shared = [query for query in run if query in judged]
    if not shared:
        return "query", next(iter(run)), next(iter(judged))
    documents = replace(hits, judged_only=True, remove_query=False)
    if any(hits_that_count(run[query], query, documents, judged[query])[0] for query in shared):
        return None
    example = next(iter(run[shared[0]]))
    if hits.max_passage is not None:
        example = document_of(example, hits.max_passage)
    return "document", example, next(iter(judged[shared[0]]))


def _corrected(scored: Sequence[RunScores]) -> tuple[RunScores, ...]:
    """The runs with their p values corrected, of each measure for all comparisons with the first run."""
    columns = [holm([run.p[column] for run in scored]) for column in range(len(scored[0].p) if scored else 0)]
    return tuple(replace(run, p_holm=tuple(column[row] for column in columns)) for row, run in enumerate(scored))


def _numbered(by_query: Mapping[str, _T], judged: Qrels) -> dict[str, _T]:
    """The same under numbers: those of judged queries, from 0, then more. gdeval takes no other names of queries, and
    of one as `en-1` the 1 alone."""
    numbers = {query: str(number) for number, query in enumerate(judged)}
    return {numbers.setdefault(query, str(len(numbers))): entry for query, entry in by_query.items()}


def _check_grades(computed_by: Mapping[Any, str], judged: Qrels, qrels: Path) -> None:
    """Raise UsageError for a measure whose program does not take the grades."""
    most = max(grade for grades in judged.values() for grade in grades.values())
    for measure, program in computed_by.items():
        if program == _GDEVAL and most > _GDEVAL_GRADE:
            raise UsageError(
                Parameter("measure"),
                f" is {short(str(measure))}, which {program} computes for grades of at most {_GDEVAL_GRADE}, and "
                f"{qrels} has {most}; choose another, as nDCG@10",
            )


def _not_computed(error: Exception) -> UsageError:
    words = "a program that computes them failed" if isinstance(error, SubprocessError) else error
    return UsageError(f"these measures cannot be computed here: {words or type(error).__name__}")
