"""Which terms of a text are kept.

Rules look at impacts, not at weights: whole numbers, of which every device and a table give the same. Each rule is
asked of all the terms that the model gives, and keeps the heaviest of them, the lower term id first among equals; a
term stays if every rule keeps it. So in whatever order they are asked, the rule that keeps the fewest decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ...storage.manifest import EncoderSpec
from ..options import EncoderOptions
from .impacts import Impacts, offsets_of


@dataclass(frozen=True, slots=True)
class Pruning:
    """The rules for a text's terms, each a field that is None where it does not apply.

    top_terms: so many of the heaviest. prune_ratio: those of at least this part of the heaviest. prune_mass: the
    fewest of the heaviest that together have this part of the sum of all. min_impact: those of at least this impact.
    """

    top_terms: int | None = None
    prune_ratio: float | None = None
    prune_mass: float | None = None
    min_impact: int | None = None

    @property
    def rules(self) -> frozenset[str]:
        """The names of those that apply."""
        return frozenset(one.name for one in fields(self) if getattr(self, one.name) is not None)

    def prune(self, impacts: Impacts) -> Impacts:
        """What the rules keep of impacts that none of them has changed."""
        bounds = ((rule, getattr(self, name)) for name, rule in RULES.items())
        kept = [rule(impacts, bound) for rule, bound in bounds if bound is not None]
        return _chosen(impacts, np.logical_and.reduce(kept)) if kept else impacts


KEEP_ALL = Pruning()


def pruning_for(options: EncoderOptions, spec: EncoderSpec) -> Pruning:
    """The rules that the user's options and the model's own spec make together: the fewer top terms of both, and the
    user's ratio before the model's."""
    ratio = spec.prune_ratio if options.prune_ratio is None else options.prune_ratio
    return Pruning(
        top_terms=_fewest(options.top_terms, spec.top_terms),
        prune_ratio=ratio or None,
        prune_mass=options.prune_mass,
        min_impact=options.min_impact,
    )


def _fewest(*limits: int | None) -> int | None:
    """The lowest of some limits, of which None is no limit."""
    return min((limit for limit in limits if limit is not None), default=None)


def heaviest_terms(impacts: Impacts, most: int) -> np.ndarray:
    """bool [postings]: at most that many of each text's heaviest."""
    if np.diff(impacts.offsets).max(initial=0) <= most:
        return np.ones(len(impacts.values), bool)
    order, rows = _heaviest_first(impacts), _rows(impacts)
    kept = np.empty(len(order), bool)
    kept[order] = np.arange(len(order)) - impacts.offsets[rows] < most  # what a sort by rows leaves in its row
    return kept


def terms_by_ratio(impacts: Impacts, ratio: float) -> np.ndarray:
    """bool [postings]: those whose impact / the text's largest is at least the ratio."""
    kept: np.ndarray = impacts.values >= least_part(_reduced(np.maximum, impacts), ratio)[_rows(impacts)]
    return kept


def terms_by_mass(impacts: Impacts, mass: float) -> np.ndarray:
    """bool [postings]: the fewest of each text's heaviest whose sum / the sum of all is at least the mass."""
    order, rows = _heaviest_first(impacts), _rows(impacts)
    sums = np.concatenate([[0], np.cumsum(impacts.values[order], dtype=np.int64)])
    heavier = sums[:-1] - sums[impacts.offsets[rows]]
    kept = np.empty(len(order), bool)
    kept[order] = heavier < least_part(_reduced(np.add, impacts), mass)[rows]
    return kept


def terms_by_impact(impacts: Impacts, least: int) -> np.ndarray:
    """bool [postings]: those of at least this impact."""
    kept: np.ndarray = impacts.values >= least
    return kept


def least_part(wholes: np.ndarray, part: float) -> np.ndarray:
    """int64: of each whole, 0 or more, the least number of which number / whole >= part holds.

    So 7 is a part of 0.07 of 100, as people mean it, which 0.07 * 100 in floating point exceeds. The numbers are below
    2^52, so that the product is wrong by less than one.
    """
    least: np.ndarray = np.floor(part * wholes).astype(np.int64)
    least += least / np.maximum(wholes, 1) < part
    return least


def _reduced(function: np.ufunc, impacts: Impacts) -> np.ndarray:
    """int64 [n]: a sum or a maximum of each text's impacts, 0 of a text without any."""
    reduced = np.zeros(len(impacts), np.int64)
    filled = np.flatnonzero(np.diff(impacts.offsets))
    if len(filled):
        reduced[filled] = function.reduceat(impacts.values, impacts.offsets[filled], dtype=np.int64)
    return reduced


def _rows(impacts: Impacts) -> np.ndarray:
    """int64 [postings]: the row of each posting."""
    return np.repeat(np.arange(len(impacts)), np.diff(impacts.offsets))


def _heaviest_first(impacts: Impacts) -> np.ndarray:
    """int64 [postings]: the order of postings by row, then heaviest first, then by term. One number a posting sorts
    sooner than two do, and terms ascend already."""
    return np.argsort((_rows(impacts) << 32) - impacts.values, kind="stable")


def _chosen(impacts: Impacts, kept: np.ndarray) -> Impacts:
    if kept.all():
        return impacts
    counts = np.bincount(_rows(impacts)[kept], minlength=len(impacts))
    return Impacts(offsets_of(counts), impacts.terms[kept], impacts.values[kept], impacts.vocabulary)


# A function for each field of Pruning: from impacts and its bound to which postings it keeps.
RULES: Mapping[str, Callable[[Impacts, Any], np.ndarray]] = {
    "top_terms": heaviest_terms,
    "prune_ratio": terms_by_ratio,
    "prune_mass": terms_by_mass,
    "min_impact": terms_by_impact,
}
