"""Several ways to search at once, whose rankings are fused."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from ..errors import Parameter, UsageError, listed, short
from ..storage.fields import Field
from .anserini_scores import as_anserini
from .explain import Match
from .facets import Facets
from .fusion.fusion import Fusion, Ranking
from .impact_index import Selection
from .lucene_hits import ScoredDoc
from .max_passage import document_of
from .way import Encode, Terms, Way

# Documents of each way that are fused, or more where more are wanted: so up to here hits depend on no number of hits.
DEPTH = 1_000
_NO_NUMBER = -1


class FusedWay:
    """As Way. A query's terms are those of each way by its name. ways: what is searched, by name. passages: whether
    their documents are passages; a document's is that of the way in which it has the first rank."""

    fused, takes_vectors, numbered = True, False, False

    def __init__(self, ways: Mapping[str, Way], fusion: Fusion, *, passages: bool) -> None:
        self._ways, self._fusion, self._passages = dict(ways), fusion, passages
        self.needs_model = any(way.needs_model for way in ways.values())

    def terms(self, texts: Sequence[str], encode: Encode) -> list[dict[str, Any]]:
        """As Way."""
        each = [way.terms(texts, encode) for way in self._ways.values()]
        return [
            {name: terms for name, terms in zip(self._ways, several, strict=True) if terms}
            for several in zip(*each, strict=True)
        ]

    def rank(self, terms: Terms, most: int, selection: Selection) -> list[ScoredDoc]:
        """As Way. Filters are those of each way, and ties are in order of id."""
        self.refuse(order=selection.order is not None)
        for name, own in terms.items():
            if name not in self._ways or not isinstance(own, Mapping):
                expected = f"{listed(list(self._ways))}, each with a mapping of terms"
                raise UsageError(f"the terms of a query have {short(name)}; expected {expected}")
        depth = max(DEPTH, most)
        found = [way.rank(terms.get(name, {}), depth, selection) for name, way in self._ways.items()]
        named = [[(self._document(one.id), one.score) for one in ranked] for ranked in found]
        if self._fusion.needs_scores:
            named = list(map(_as_in_a_run, named))
        fused = self._fusion.fuse(named)[:most]
        best: dict[str, tuple[int, str]] = {}  # rank and passage
        for ranked in found if self._passages else ():
            for rank, one in enumerate(ranked):
                before = best.setdefault(self._document(one.id), (rank, one.id))
                if rank < before[0]:
                    best[self._document(one.id)] = rank, one.id
        return [ScoredDoc(_NO_NUMBER, best[name][1] if self._passages else name, score) for name, score in fused]

    def refuse(self, *, order: bool = False, facets: bool = False, explain: bool = False) -> None:
        """As Way: hits of several searches have a place, and nothing else in common."""
        asked = {"sort": order, "facets": facets, "explain": explain}
        for what in (name for name, is_asked in asked.items() if is_asked):
            raise self._refusal(what)

    def facets(self, terms: Terms, fields: Sequence[Field], selection: Selection) -> Facets:
        """As Way. Raises UsageError."""
        raise self._refusal("facets")

    def explain(self, terms: Terms, ids: Sequence[str]) -> list[list[Match]]:
        """As Way. Raises UsageError."""
        raise self._refusal("explain")

    def close(self) -> None:
        """As Way."""
        with ExitStack() as every:
            for way in self._ways.values():
                every.callback(way.close)

    def _refusal(self, what: str) -> UsageError:
        return UsageError(
            Parameter(what),
            f" is of one search, and {'+'.join(self._ways)} fuses the ranks of {len(self._ways)}; use ",
            Parameter("search_with", "lucene"),
            " or ",
            Parameter("search_with", "bm25"),
        )

    def _document(self, name: str) -> str:
        return document_of(name) if self._passages else name


def _as_in_a_run(ranking: Ranking) -> list[tuple[str, float]]:
    """A ranking with the scores that a run of it has, so that runs which are fused give the same hits."""
    written = as_anserini([score for _, score in ranking])
    return [(name, float(score)) for (name, _), score in zip(ranking, written, strict=True)]
