"""The documents with the largest scores, ties in order of id: found in ranges of documents, by threads that are idle.

Lucene's collector by score and id reads the id of each document that it keeps for a while, which for a thousand hits is
thousands of ids. Its collector by score alone keeps the order of documents among equal scores, and passes over those
that have no more than the least of what it keeps. So for many hits that one is asked for some more than are wanted:
where the last of these has less than the last that is wanted, all with that score are among them, and ids decide. Where
it has not, the other is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..indexer.java import from_java, java_class, java_ints
from .idle_cores import GoOn, IdleCores, idle_cores
from .lucene_hits import DamagedIndexError, ScoredDoc, read_hits

_SEARCH = "org.apache.lucene.search."
_LEAST_RANGE, _MOST_RANGES = 2**14, 16
_MANY = 100  # hits, from which on reading their ids afterwards is quicker
_MORE_SHARE = 16  # of the hits that are wanted: as many more are collected
_END = 2**31 - 1
_BETWEEN = b"\xff"  # in no text in UTF-8


@dataclass(frozen=True, slots=True)
class _Range:
    """Documents of a segment, by their numbers in it. leaf: the segment's number."""

    leaf: int
    start: int
    stop: int


class TopScores:
    """Finds them in an open index. Threads may share it. searcher: Lucene's. order: Lucene's, by score and by id.

    cores: whose threads help. least: documents of a range, of which a segment has as many as it takes, and one thread
    takes one after the other.
    """

    def __init__(self, searcher: Any, order: Any, cores: IdleCores | None = None, least: int = _LEAST_RANGE) -> None:
        self._searcher, self._order, self._cores = searcher, order, cores or idle_cores()
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
        if k < _MANY or not isinstance(query, java_class(f"{_SEARCH}BooleanQuery")):
            return self._by_score_and_id(query, k, accepted)
        asked = k + k // _MORE_SHARE
        hits = self._collected(query, _by_score(asked), accepted)
        if len(hits) <= k:
            return self._read(*_numbers_and_scores(hits), k)
        numbers, scores = _numbers_and_scores(hits)
        if len(hits) == asked and scores[-1] == scores[k - 1]:
            return self._by_score_and_id(query, k, accepted)
        among = int(np.count_nonzero(scores >= scores[k - 1]))
        return self._read(numbers[:among], scores[:among], k)

    def _by_score_and_id(self, query: Any, k: int, accepted: Sequence[Any] | None) -> list[ScoredDoc]:
        hits = self._collected(query, _by_score_and_id(self._order, k), accepted)
        ranked = read_hits(from_java(java_class("java.util.Arrays").toString(hits)))
        if len(ranked) != len(hits):
            raise DamagedIndexError(f"{len(hits) - len(ranked)} hits have no id")
        return ranked

    def _collected(self, query: Any, manager: Any, accepted: Sequence[Any] | None) -> Any:
        """What a CollectorManager collects of all ranges, as ScoreDoc[]."""
        mode = java_class(f"{_SEARCH}ScoreMode").TOP_SCORES
        weight = self._searcher.createWeight(self._searcher.rewrite(query), mode, 1.0)
        ranges = iter(self._ranges)

        def collect(go_on: GoOn) -> Any:
            """One thread's part: each next range that nobody has, in which its scorers only go forwards."""
            collector, current, scorer, leaf_collector = manager.newCollector(), -1, None, None
            while go_on() and (one := next(ranges, None)) is not None:
                if one.leaf != current:
                    leaf, current = self._leaves[one.leaf], one.leaf
                    scorer = weight.bulkScorer(leaf)
                    leaf_collector = collector.getLeafCollector(leaf) if scorer is not None else None
                if scorer is not None:
                    bits = self._live[one.leaf] if accepted is None else accepted[one.leaf]
                    scorer.score(leaf_collector, bits, one.start, one.stop)
            return collector

        collectors = self._cores.share(collect, len(self._ranges) - 1)
        return manager.reduce(java_class("java.util.Arrays").asList(collectors)).scoreDocs

    def _read(self, numbers: np.ndarray, scores: np.ndarray, k: int) -> list[ScoredDoc]:
        """The k best of some documents, which are in the order of their scores; ids decide where scores are equal."""
        order = np.argsort(numbers)
        names = [b""] * len(order)
        for row, name in zip(order.tolist(), _ids(self._searcher.getIndexReader(), numbers[order]), strict=True):
            names[row] = name
        rows: Sequence[int] = range(len(names))
        if (scores[1:] == scores[:-1]).any():
            rows = sorted(rows, key=lambda row: (-scores[row], names[row]))
        every = list(zip(numbers.tolist(), names, scores.tolist(), strict=True))
        try:
            return [ScoredDoc(every[row][0], every[row][1].decode(), every[row][2]) for row in rows[:k]]
        except UnicodeDecodeError as error:
            raise DamagedIndexError(f"an id is no text: {error}") from error


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
    if not len(hits):
        return np.empty(0, np.int32), np.empty(0)
    number, score = _getters()
    every = java_class("java.util.Arrays").asList(hits)
    numbers = np.array(memoryview(every.stream().mapToInt(number).toArray()))
    return numbers, np.array(memoryview(every.stream().mapToDouble(score).toArray()))


def _ids(reader: Any, numbers: np.ndarray) -> list[bytes]:
    """The ids of documents, whose numbers ascend. Raises DamagedIndexError where one has none."""
    if not len(numbers):
        return []
    values = java_class("org.apache.lucene.index.MultiDocValues").getBinaryValues(reader, "id")
    if values is None:
        raise DamagedIndexError(f"{len(numbers)} hits have no id")
    every = java_class("java.util.stream.IntStream").of(java_ints(numbers.tolist()))
    names = every.mapToObj(_as_function("IntFunction", _id_of_number().bindTo(values)))
    joined = names.collect(java_class("java.util.stream.Collectors").joining(_BETWEEN.decode("latin-1")))
    latin = java_class("java.nio.charset.StandardCharsets").ISO_8859_1
    found = bytes(memoryview(joined.getBytes(latin))).split(_BETWEEN)
    if len(found) != len(numbers):
        raise DamagedIndexError("a hit has no id, or one that is no text")
    return found


@cache
def _getters() -> tuple[Any, Any]:
    """Of a ScoreDoc its number and its score, as functions of Java's."""
    handles, method_type = java_class("java.lang.invoke.MethodHandles"), java_class("java.lang.invoke.MethodType")
    anything, hit = java_class("java.lang.Object"), java_class(f"{_SEARCH}ScoreDoc")
    integer, single, double = (java_class(f"java.lang.{name}").TYPE for name in ("Integer", "Float", "Double"))
    lookup = handles.publicLookup()
    number = lookup.findGetter(hit, "doc", integer).asType(method_type.methodType(integer, anything))
    score = lookup.findGetter(hit, "score", single).asType(method_type.methodType(double, anything))
    return _as_function("ToIntFunction", number), _as_function("ToDoubleFunction", score)


@cache
def _id_of_number() -> Any:
    """Of BinaryDocValues and a document's number its id: a String with a character for each byte, as Latin-1 has it, or
    a separator more where there is none."""
    handles, method_type = java_class("java.lang.invoke.MethodHandles"), java_class("java.lang.invoke.MethodType")
    values, reference = (
        java_class("org.apache.lucene.index.BinaryDocValues"),
        java_class("org.apache.lucene.util.BytesRef"),
    )
    text, octets, charset = java_class("java.lang.String"), java_class("byte[]"), java_class("java.nio.charset.Charset")
    integer, truth = java_class("java.lang.Integer").TYPE, java_class("java.lang.Boolean").TYPE
    lookup = handles.publicLookup()
    has = lookup.findVirtual(values, "advanceExact", method_type.methodType(truth, integer))
    read = lookup.findVirtual(values, "binaryValue", method_type.methodType(reference))
    new = lookup.findConstructor(
        text, method_type.methodType(java_class("java.lang.Void").TYPE, octets, integer, integer, charset)
    )
    new = handles.insertArguments(new, 3, java_class("java.nio.charset.StandardCharsets").ISO_8859_1)
    parts = [
        lookup.findGetter(reference, name, kind)
        for name, kind in (("bytes", octets), ("offset", integer), ("length", integer))
    ]
    of_parts = new
    for position, getter in enumerate(parts):
        of_parts = handles.filterArguments(of_parts, position, getter)
    once = handles.permuteArguments(of_parts, method_type.methodType(text, reference), java_ints([0, 0, 0]))
    value = handles.dropArguments(handles.filterReturnValue(read, once), 1, integer)
    none = handles.dropArguments(handles.constant(text, _BETWEEN.decode("latin-1")), 0, values, integer)
    return handles.guardWithTest(has, value, none)


def _as_function(name: str, handle: Any) -> Any:
    proxies = java_class("java.lang.invoke.MethodHandleProxies")
    return proxies.asInterfaceInstance(java_class(f"java.util.function.{name}").class_, handle)
