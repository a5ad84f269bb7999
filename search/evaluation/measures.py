"""The names of measures, as ir-measures or trec_eval has them, and what computes them."""

import re
from collections.abc import Iterator, Sequence
from subprocess import SubprocessError
from typing import Any

from ...errors import Parameter, UsageError, short
from .trec_files import MOST_GRADE

# What the parameters of measures may be. trec_eval ends the process for a cutoff of 0, and has numbers of 64 bits.
_BOUNDS: dict[str, tuple[float, float]] = {
    "cutoff": (1, 1_000_000),
    "rel": (1, MOST_GRADE),
    "min_rel": (0, MOST_GRADE),
    "max_rel": (1, MOST_GRADE),
    **dict.fromkeys(("recall", "p", "alpha"), (0, 1)),
    **dict.fromkeys(("T", "beta"), (0, 1_000_000)),
}
_NDEVAL = "pyndeval"  # of those that ir-measures asks, the one that computes measures of subtopics
# What measures may lack that only some of those compute without.
_PARAMETERS: tuple[dict[str, int], ...] = ({"cutoff": 10}, {"rel": 1})
# What ir-measures and those that it asks raise where they cannot compute a measure.
CANNOT = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, SubprocessError, TypeError, ValueError)
_UNPARSED = (*CANNOT, NameError, SyntaxError, AssertionError, RecursionError, MemoryError)
_TREC = re.compile(r"[A-Za-z][A-Za-z_]*([._][0-9]+(\.[0-9]+)?(,[0-9]+(\.[0-9]+)?)*)?")


def parse_measures(name: str) -> list[Any]:
    """The measures that a name means, of ir-measures as nDCG@10, or of trec_eval as ndcg_cut_10 or ndcg_cut.5,10.

    Raises UsageError for a name that neither has, and for a parameter that is out of its bounds.
    """
    import ir_measures

    try:
        measures: list[Any] = [ir_measures.parse_measure(name)]
        measures[0].validate_params()
    except _UNPARSED as error:
        measures = _of_trec(name)
        if not measures:
            raise UsageError(
                Parameter("measure"),
                f" is {short(name)}, which ir-measures does not know; expected names as nDCG@10, RR@10, R@1000, AP, "
                "P@5, or trec_eval's, as ndcg_cut_10",
            ) from error
    for measure in measures:
        _check_bounds(measure, name)
    return measures


def _of_trec(name: str) -> list[Any]:
    """The measures that trec_eval calls so; none for what it does not have, and for a name that means a set of them."""
    import ir_measures

    pattern = _TREC.fullmatch(name)
    if pattern is None:
        return []
    try:
        from pytrec_eval import supported_nicknames

        found: list[Any] = [] if name in supported_nicknames else ir_measures.parse_trec_measure(name)
    except (ImportError, *_UNPARSED):
        return []
    return found if len(found) == 1 or pattern[1] else []


def _check_bounds(measure: Any, name: str) -> None:
    for parameter, value in measure.params.items():
        whole = parameter in ("cutoff", "rel", "min_rel", "max_rel")
        least, most = _BOUNDS.get(parameter, (value, value))
        if isinstance(value, int | float) and not (least <= value <= most and (not whole or type(value) is int)):
            raise UsageError(
                Parameter("measure"),
                f" is {short(name)}, whose {parameter} is {short(value)}; expected "
                f"{'a whole number' if whole else 'a number'} from {least:,} to {most:,}",
            )


def programs_of(names: Sequence[str]) -> dict[Any, str]:
    """The measures that names mean, in order and each once, and what computes each for ir-measures.

    Raises UsageError as parse_measures, and where nothing computes one.
    """
    measures = dict.fromkeys(measure for name in names for measure in parse_measures(name))
    return {measure: _program_of(measure) for measure in measures}


def _program_of(measure: Any) -> str:
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
