"""Checks of options that need neither torch nor the model, so that a wrong one is told at once."""

from ..errors import UsageError
from ..storage.manifest import DTYPES

SHARD_ROWS = 8_192
SCALE = 100.0
DEFAULT_MAX_LENGTH = 512  # tokens


def check_encoding_options(
    max_length: int | None, dtype: str, scale: float, top_terms: int | None, batch_tokens: int | None
) -> None:
    """Raise UsageError for the first option that cannot be meant."""
    if dtype != "auto" and dtype not in DTYPES:
        raise UsageError(f"--dtype is {dtype!r}; expected auto, float32, bfloat16 or float16")
    if not 0 < scale <= 1_000_000:
        raise UsageError(f"--scale is {scale:g}; expected above 0 and at most 1,000,000")
    for option, value, least in (
        ("--max-length", max_length, 3),
        ("--top-terms", top_terms, 1),
        ("--batch-tokens", batch_tokens, 1),
    ):
        if value is not None and value < least:
            raise UsageError(f"{option} is {value}; expected at least {least}")


def fewest(*limits: int | None) -> int | None:
    """The lowest of some limits, of which None is no limit."""
    return min((limit for limit in limits if limit is not None), default=None)
