"""Which hits of a query count: documents for their passages, not the query's own, those that are judged."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from ...options import Option, Options, that_is

_MORE = 3  # times as many hits are asked for where passages become documents
_SEPARATOR = that_is("what separates document and passage in an id, as #", bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class HitOptions(Options):
    """What becomes of a query's hits. remove_query: a hit whose id is the query's is left out. max_passage: ids are
    those of passages, of which the part before the last of these separators is the document's; a document has the score
    of its best passage."""

    remove_query: Annotated[
        bool, Option("Leave out a hit whose id is the query's own, as for ArguAna and Quora.", "Hits")
    ] = False
    max_passage: Annotated[
        str | None,
        Option(
            "Ids are of passages: a document, the part before the last '#' (or what is given), has its best score.",
            "Hits",
            _SEPARATOR,
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringOptions(HitOptions):
    """The same of runs that are scored. judged_only: documents without a judgment for the query are left out before
    anything is computed, as by trec_eval -J."""

    judged_only: Annotated[
        bool, Option("Score only documents that have a judgment for the query (trec_eval -J).", "Hits")
    ] = False


ALL_HITS = ScoringOptions()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many hits do not count, by why: passages of documents that have a better one, hits that are the query
    itself, hits without a judgment."""

    passages: int = 0
    own: int = 0
    unjudged: int = 0

    def __add__(self, other: "LeftOut") -> "LeftOut":
        return LeftOut(self.passages + other.passages, self.own + other.own, self.unjudged + other.unjudged)


def document_of(name: str, separator: str) -> str:
    """The document of a passage: the part of its id before the last separator; the whole id where there is none."""
    return name.rpartition(separator)[0] or name


def hits_that_count(
    hits: Mapping[str, float], query: str, options: ScoringOptions, judged: Collection[str]
) -> tuple[dict[str, float], LeftOut]:
    """{id: score} of what counts of {id: score}, and how much does not. judged: documents with a judgment for the
    query; looked at with judged_only."""
    kept = dict(hits)
    if options.max_passage is not None:
        kept = {}
        for name, score in hits.items():
            document = document_of(name, options.max_passage)
            kept[document] = max(score, kept.get(document, score))
    passages, own, before = len(hits) - len(kept), 0, len(kept)
    if options.remove_query:
        kept.pop(query, None)
        own, before = before - len(kept), len(kept)
    if options.judged_only:
        kept = {name: score for name, score in kept.items() if name in judged}
    return kept, LeftOut(passages, own, before - len(kept))


def best_hits(
    search: Callable[[int], Sequence[tuple[str, float]]], query: str, k: int, options: HitOptions
) -> tuple[list[tuple[str, float]], bool]:
    """The k best hits that count, best first, ties in order of id, and whether the query's own was left out.

    search: gives so many hits in that order. It is asked for more until there are enough of different documents.
    """
    wanted = k + options.remove_query
    if options.max_passage is None:
        found = list(search(wanted))
        kept = [hit for hit in found if not (options.remove_query and hit[0] == query)]
        return kept[:k], len(kept) < len(found)
    asked = wanted * _MORE
    while True:
        passages = search(asked)
        best: dict[str, float] = {}
        for name, score in passages:
            best.setdefault(document_of(name, options.max_passage), score)
        own = options.remove_query and best.pop(query, None) is not None
        ranked = sorted(best.items(), key=lambda hit: (-hit[1], hit[0]))
        # Passages that tie with the last of them may be of documents that come first by their id.
        if len(passages) < asked or (len(ranked) >= k and passages[-1][1] < ranked[k - 1][1]):
            return ranked[:k], own
        asked *= _MORE
