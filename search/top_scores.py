"""The documents with the largest scores, ties in order of id: found in ranges of documents, by threads that are idle.

Lucene's collector by score and id reads the id of each document that it keeps for a while, which for a thousand hits is
thousands of ids. Its collector by score alone keeps the order of documents among equal scores, and passes over those
that have no more than the least of what it keeps. So for many hits that one is asked for some more than are wanted:
where the last of these has less than the last that is wanted, all with that score are among them, and ids decide. Where
it has not, the other is asked.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..indexer.java import alone_at_first, is_alone, java_class, java_function
from .document_ids import DocumentIds
from .idle_cores import GoOn, IdleCores, idle_cores
from .lucene_hits import ScoredDoc, hits_of, scored_docs

_SEARCH = "org.apache.lucene.search."
_LEAST_RANGE, _MOST_RANGES = 2**14, 16
_MANY = 100  # hits, from which on reading their ids afterwards is quicker
_MORE_SHARE = 16  # of the hits that are wanted: as many more are collected
_END = 2**31 - 1


@dataclass(frozen=True, slots=True)
class _Range:
    """Documents of a segment, by their numbers in it. leaf: the segment's number."""

    leaf: int
    start: int
    stop: int


class TopScores:
    """Finds them in an open index. Threads may share it. searcher: Lucene's. order: Lucene's, by score and by id. ids:
    of its documents.

    cores: whose threads help. least: documents of a range, of which a segment has as many as it takes, and one thread
    takes one after the other.
    """

    def __init__(
        self,
        searcher: Any,
        order: Any,
        ids: DocumentIds,
        cores: IdleCores | None = None,
        least: int = _LEAST_RANGE,
    ) -> None:
        self._searcher, self._order, self._ids, self._cores = searcher, order, ids, cores or idle_cores()
        self._leaves = tuple(searcher.getIndexReader().leaves())
        sizes = [int(leaf.reader().maxDoc()) for leaf in self._leaves]
        self._live = tuple(leaf.reader().getLiveDocs() for leaf in self._leaves)
        size = max(least, -(-sum(sizes) // _MOST_RANGES))
        self._ranges = [
            _Range(leaf, start, min(start + size, documents))
            for leaf, documents in enumerate(sizes)
            for start in range(0, documents, size)
        ]

    def rank(self, query: Any, k: int, accepted: Sequence[Any] | None = None) -> list[ScoredDoc]:
        """The k best documents of a query. accepted: of each segment the documents that may be among them, as Bits.

        Raises DamagedIndexError for an id that is no text.
        """
        # With one term as many documents have the same score as have the same impact.
        if k >= _MANY and isinstance(query, java_class(f"{_SEARCH}BooleanQuery")):
            with alone_at_first("by score", accepted is None):
                if (found := self._by_score(query, k, accepted)) is not None:
                    return found
        with alone_at_first("by score and id", type(query).__name__, accepted is None):
            return hits_of(self._collected(query, _by_score_and_id(self._order, k), accepted))

    def _by_score(self, query: Any, k: int, accepted: Sequence[Any] | None) -> list[ScoredDoc] | None:
        """As rank; None where more have the last score than were collected."""
        asked = k + k // _MORE_SHARE
        hits = self._collected(query, _by_score(asked), accepted)
        if not len(hits):
            return []
        with alone_at_first("ids of hits"):
            numbers, scores = _numbers_and_scores(hits)
            if len(hits) == asked and scores[-1] == scores[k - 1]:
                return None
            among = int(np.count_nonzero(scores >= scores[min(k, len(hits)) - 1]))
            return self._read(numbers[:among], scores[:among], k)

    def _collected(self, query: Any, manager: Any, accepted: Sequence[Any] | None) -> Any:
        """What a CollectorManager collects of all ranges, as ScoreDoc[]."""
        mode = java_class(f"{_SEARCH}ScoreMode").TOP_SCORES
        weight = self._searcher.createWeight(self._searcher.rewrite(query), mode, 1.0)
        ranges, making = iter(self._ranges), threading.Lock()

        def collect(go_on: GoOn) -> Any:
            """One thread's part: each next range that nobody has, in which its scorers only go forwards."""
            with making:  # Lucene 10 keeps a list of them
                collector = manager.newCollector()
            current, scorer, leaf_collector = -1, None, None
            while go_on() and (one := next(ranges, None)) is not None:
                if one.leaf != current:
                    leaf, current = self._leaves[one.leaf], one.leaf
                    scorer = weight.bulkScorer(leaf)
                    leaf_collector = collector.getLeafCollector(leaf) if scorer is not None else None
                if scorer is not None:
                    bits = self._live[one.leaf] if accepted is None else accepted[one.leaf]
                    scorer.score(leaf_collector, bits, one.start, one.stop)
            return collector

        collectors = self._cores.share(collect, 0 if is_alone() else len(self._ranges) - 1)
        return manager.reduce(java_class("java.util.Arrays").asList(collectors)).scoreDocs

    def _read(self, numbers: np.ndarray, scores: np.ndarray, k: int) -> list[ScoredDoc]:
        """The k best of some documents; ids decide where scores are equal."""
        order = np.argsort(numbers)
        return best_of(numbers[order], scores[order], self._ids.of(numbers[order]), k)


def best_of(numbers: np.ndarray, scores: np.ndarray, names: Sequence[bytes], k: int) -> list[ScoredDoc]:
    """The k best of some documents, ties in order of id. names: their ids."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=np.nan)) + 1  # of runs of equal scores
    lengths = np.diff(ends, prepend=0)
    for start, end in np.stack((ends - lengths, ends), 1)[(lengths > 1) & (ends - lengths < k)].tolist():
        order[start:end] = sorted(order[start:end].tolist(), key=names.__getitem__)
    rows = order[:k]
    found = map(bytes.decode, map(names.__getitem__, rows.tolist()))
    return scored_docs(numbers[rows].tolist(), found, scores[rows].tolist())


def _by_score(k: int) -> Any:
    """What collects the k best by score alone, and lets Lucene pass over documents that cannot be among them."""
    collector = java_class(f"{_SEARCH}TopScoreDocCollector")
    if hasattr(collector, "createSharedManager"):
        return collector.createSharedManager(k, None, k)
    return java_class(f"{_SEARCH}TopScoreDocCollectorManager")(k, None, k)  # Lucene 10


def _by_score_and_id(order: Any, k: int) -> Any:
    collector = java_class(f"{_SEARCH}TopFieldCollector")
    if hasattr(collector, "createSharedManager"):
        return collector.createSharedManager(order, k, None, k)
    return java_class(f"{_SEARCH}TopFieldCollectorManager")(order, k, None, k)


def _numbers_and_scores(hits: Any) -> tuple[np.ndarray, np.ndarray]:
    """Of a ScoreDoc[], in its order."""
    number, score = _getters()
    every = java_class("java.util.Arrays").asList(hits)
    numbers = np.array(memoryview(every.stream().mapToInt(number).toArray()))
    return numbers, np.array(memoryview(every.stream().mapToDouble(score).toArray()))


@cache
def _getters() -> tuple[Any, Any]:
    """Of a ScoreDoc its number and its score, as functions of Java's."""
    handles, method_type = java_class("java.lang.invoke.MethodHandles"), java_class("java.lang.invoke.MethodType")
    anything, hit = java_class("java.lang.Object"), java_class(f"{_SEARCH}ScoreDoc")
    integer, single, double = (java_class(f"java.lang.{name}").TYPE for name in ("Integer", "Float", "Double"))
    lookup = handles.publicLookup()
    number = lookup.findGetter(hit, "doc", integer).asType(method_type.methodType(integer, anything))
    score = lookup.findGetter(hit, "score", single).asType(method_type.methodType(double, anything))
    return java_function("ToIntFunction", number), java_function("ToDoubleFunction", score)
