"""Which terms of a text are kept."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...storage.manifest import EncoderSpec
from ..options import EncoderOptions
from .impacts import Impacts, from_rows


@dataclass(frozen=True, slots=True)
class Pruning:
    """The rules for a text's terms, each a field that is None where it does not apply."""

    top_terms: int | None = None

    def prune(self, impacts: Impacts, done: Collection[str] = ()) -> Impacts:
        """What the rules keep. done: names of those that impacts went through already."""
        for name, rule in RULES.items():
            bound = getattr(self, name)
            if bound is not None and name not in done:
                impacts = rule(impacts, bound)
        return impacts


def pruning_for(options: EncoderOptions, spec: EncoderSpec) -> Pruning:
    """The rules that the user's options and the model's own spec make together."""
    return Pruning(top_terms=_fewest(options.top_terms, spec.top_terms))


def _fewest(*limits: int | None) -> int | None:
    """The lowest of some limits, of which None is no limit."""
    return min((limit for limit in limits if limit is not None), default=None)


def heaviest_terms(impacts: Impacts, most: int) -> Impacts:
    """At most that many of each row's heaviest, the lower term id first among equals."""
    kept = []
    for terms, values in impacts:
        if len(terms) > most:
            chosen = np.sort(np.lexsort((terms, -values.astype(np.int64)))[:most])
            terms, values = terms[chosen], values[chosen]
        kept.append((terms, values))
    return from_rows(kept)


# A function for each field of Pruning, in the order in which they apply. `top_terms` stays the first: the kernels of
# quantize_triton.py apply it before there are Impacts.
RULES: Mapping[str, Callable[[Impacts, Any], Impacts]] = {"top_terms": heaviest_terms}
