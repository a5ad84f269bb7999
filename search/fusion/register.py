"""The fusions by name: a new one is an entry here, and a file."""

from collections.abc import Sequence
from numbers import Integral, Real

from ...errors import Parameter, UsageError, short
from ...options import read_number
from .fusion import Fusion
from .reciprocal_rank import K, ReciprocalRank
from .weighted_sum import WeightedSum

_MOST_WEIGHT = 1_000_000


def open_fusion(
    rankings: int,
    *,
    rank_constant: int | None = None,
    weights: Sequence[float] | None = None,
    each: str = "run",
) -> Fusion:
    """A weighted sum where there are weights, else reciprocal rank fusion.

    rankings: how many will be fused. rank_constant: the k of reciprocal rank fusion. each: what has a weight, as a
    sentence has it after "each". Raises UsageError for both, or where there are not as many weights as rankings.
    """
    if rank_constant is not None and (not isinstance(rank_constant, Integral) or rank_constant < 0):
        raise UsageError(Parameter("rank_constant"), f" is {short(rank_constant)}; expected a whole number from 0 on")
    if weights is None:
        return ReciprocalRank(K if rank_constant is None else rank_constant)
    if rank_constant is not None:
        raise UsageError(
            Parameter("rank_constant"),
            " is for reciprocal rank fusion and ",
            Parameter("weights"),
            " for a weighted sum; leave out one of them",
        )
    if len(weights) != rankings:
        expected = f"{rankings}, one for each {each}"
        raise UsageError(Parameter("weights"), f" has {len(weights):,} numbers; expected {expected}")
    for weight in weights:
        if not isinstance(weight, Real) or not 0 <= weight <= _MOST_WEIGHT:
            raise UsageError(Parameter("weights"), f" has {short(weight)}; expected numbers from 0 to {_MOST_WEIGHT:,}")
    if not any(weights):
        raise UsageError(Parameter("weights"), " has zeros alone; expected one above 0")
    return WeightedSum([float(weight) for weight in weights])


def read_weights(text: str) -> tuple[float, ...]:
    """Weights that someone typed, with commas between. Raises UsageError for what is no number."""
    return tuple(float(read_number(Parameter("weights"), part, float)) for part in text.split(","))
