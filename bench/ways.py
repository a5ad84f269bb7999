"""The ways to search of a benchmark, of what a command is given."""

from collections.abc import Sequence

from ..pipeline.options import EncoderOptions
from ..search.first_pass.register import LUCENE
from ..search.fusion.register import read_weights
from ..search.options import SearcherOptions
from ..search.ways import FUSED


def ways_of(
    names: Sequence[str] | None, encoding: EncoderOptions, rank_constant: int | None, weights: str | None
) -> tuple[SearcherOptions, ...]:
    """A record a way. encoding: whose device queries get too, where it is one that was chosen. rank_constant, weights:
    of those that fuse. Raises UsageError for a name or weights that cannot be meant, and for these without a way that
    fuses."""
    chosen = names or [LUCENE]
    given = {
        "rank_constant": rank_constant,
        "weights": None if weights is None else read_weights(weights),
    }
    several = encoding.device == "auto" or encoding.device == "all" or "," in encoding.device
    opened = {"device": "cpu" if several else encoding.device, "trust_remote_code": encoding.trust_remote_code}
    any_fuses = any(name in FUSED for name in chosen)
    return tuple(
        SearcherOptions(**opened, search_with=name, **(given if name in FUSED or not any_fuses else {}))  # type: ignore[arg-type]
        for name in chosen
    )
