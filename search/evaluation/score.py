"""Runs scored against judgments by ir-measures, side by side."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import SubprocessError
from typing import Any, TypeVar

from ...errors import Parameter, UsageError, short
from .trec_files import MOST_GRADE, Qrels, Run, read_qrels, read_run

MEASURES = ("nDCG@10", "RR@10", "R@1000", "AP")
# What the parameters of measures may be. trec_eval ends the process for a cutoff of 0, and has numbers of 64 bits.
_BOUNDS: dict[str, tuple[float, float]] = {
    "cutoff": (1, 1_000_000),
    "rel": (1, MOST_GRADE),
    "min_rel": (0, MOST_GRADE),
    "max_rel": (1, MOST_GRADE),
    **dict.fromkeys(("recall", "p", "alpha"), (0, 1)),
    **dict.fromkeys(("T", "beta"), (0, 1_000_000)),
}
# Of those that ir-measures asks: one that takes no larger grades, and one that computes measures of subtopics.
_GDEVAL, _GDEVAL_GRADE, _NDEVAL = "gdeval", 4, "pyndeval"
# What measures may lack that only some of those compute without.
_PARAMETERS: tuple[dict[str, int], ...] = ({"cutoff": 10}, {"rel": 1})
# What ir-measures and those that it asks raise where they cannot compute a measure.
_CANNOT = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, SubprocessError, TypeError, ValueError)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RunScores:
    """What a run scored. Each tuple has an entry a measure.

    means: over all judged queries; one without results counts 0. per_query: {judged query: value}. p: of a two-sided
    paired t-test over the judged queries against the first run; None for the first run itself, and where there is but
    one query. without_results: judged queries that the run lacks. unjudged: queries of the run that nobody judged,
    which count for nothing.
    """

    path: Path
    means: tuple[float, ...]
    per_query: tuple[dict[str, float], ...]
    p: tuple[float | None, ...]
    without_results: int
    unjudged: int


@dataclass(frozen=True, slots=True)
class Scores:
    """Runs side by side. measures: by the names of ir-measures. queries: how many are judged."""

    measures: tuple[str, ...]
    queries: int
    runs: tuple[RunScores, ...]


def score_runs(runs: Sequence[Path], qrels: Path, measures: Sequence[str] = MEASURES) -> Scores:
    """Score TREC runs. A mean is over every judged query, as trec_eval gives it with -c, and ir-measures always.

    Raises UsageError for a measure that ir-measures does not know or cannot compute here, or of which a parameter is
    out of its bounds, and SpartonError as read_run and read_qrels.
    """
    import ir_measures

    parsed = [_measure(name) for name in dict.fromkeys(measures)]
    computed_by = {measure: _program(measure) for measure in parsed}
    judged = read_qrels(qrels)
    _check_grades(computed_by, judged, qrels)
    try:
        evaluator = ir_measures.evaluator(parsed, _numbered(judged, judged))
    except _CANNOT as error:
        raise _not_computed(error) from error
    scored: list[RunScores] = []
    for path in runs:
        scored.append(_score(path, read_run(path), judged, evaluator, parsed, scored[0] if scored else None))
    return Scores(tuple(map(str, parsed)), len(judged), tuple(scored))


def _score(
    path: Path, run: Run, judged: Qrels, evaluator: Any, measures: Sequence[Any], first: RunScores | None
) -> RunScores:
    try:
        result = evaluator.calc(_numbered(run, judged))
    except _CANNOT as error:
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
        unjudged=len(run.keys() - judged.keys()),
    )


def paired_p(ours: dict[str, float], theirs: dict[str, float]) -> float | None:
    """p of Student's two-sided paired t-test over the queries; 1 where no query differs, None for a single query."""
    from scipy.stats import ttest_rel

    if len(ours) < 2:
        return None
    if ours == theirs:
        return 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # equal differences everywhere: p is 0, which is right
        return float(ttest_rel(list(ours.values()), [theirs[query] for query in ours]).pvalue)


def _numbered(by_query: Mapping[str, _T], judged: Qrels) -> dict[str, _T]:
    """The same under numbers: those of judged queries, from 0, then more. gdeval takes no other names of queries, and
    of one as `en-1` the 1 alone."""
    numbers = {query: str(number) for number, query in enumerate(judged)}
    return {numbers.setdefault(query, str(len(numbers))): entry for query, entry in by_query.items()}


def _program(measure: Any) -> str:
    """What computes a measure for ir-measures. Raises UsageError where nothing does."""
    able = [provider for provider in _providers() if provider.supports(measure)]
    if program := next((provider.NAME for provider in able if provider.is_available()), None):
        return str(program)
    found = f" is {short(str(measure))}, "
    if any(provider.NAME == _NDEVAL for provider in able):
        found += "which is of subtopics, and judgments are read without; expected a measure of documents, as nDCG@10"
    elif able:
        how = able[0].install_instructions() or f"see ir-measures for {able[0].NAME}"
        how = f"run `{how}`" if how.startswith("pip ") else f"{how[0].lower()}{how[1:]}"
        found += f"which needs {able[0].NAME}, and that is not installed; {how}"
    else:
        example = next((more for more in _with_more(measure) if any(one.supports(more) for one in _providers())), None)
        found += f"which lacks a parameter; expected it as in {example}" if example else "which nothing computes here"
    raise UsageError(Parameter("measure"), found)


def _providers() -> Sequence[Any]:
    import ir_measures

    providers: Sequence[Any] = ir_measures.DefaultPipeline.providers
    return providers


def _with_more(measure: Any) -> Iterator[Any]:
    """The measure with one parameter more."""
    for more in _PARAMETERS:
        if more.keys() <= measure.SUPPORTED_PARAMS.keys() - measure.params.keys():
            yield measure(**more)


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


def _measure(name: str) -> Any:
    import ir_measures

    try:
        measure: Any = ir_measures.parse_measure(name)
        measure.validate_params()
    except (*_CANNOT, NameError, SyntaxError, AssertionError, RecursionError, MemoryError) as error:
        raise UsageError(
            Parameter("measure"),
            f" is {short(name)}, which ir-measures does not know; expected names as nDCG@10, RR@10, R@1000, AP, P@5",
        ) from error
    for parameter, value in measure.params.items():
        whole = parameter in ("cutoff", "rel", "min_rel", "max_rel")
        least, most = _BOUNDS.get(parameter, (value, value))
        if isinstance(value, int | float) and not (least <= value <= most and (not whole or type(value) is int)):
            raise UsageError(
                Parameter("measure"),
                f" is {short(name)}, whose {parameter} is {short(value)}; expected "
                f"{'a whole number' if whole else 'a number'} from {least:,} to {most:,}",
            )
    return measure
