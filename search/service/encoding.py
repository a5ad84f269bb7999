"""One thread that encodes: all texts that wait, together, of each request in turn."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

from ..searcher import Searcher
from .awaited import fail, settle
from .metrics import Metrics

# Of a batch: queries, and letters, by which a batch of long texts takes no longer than one of many short ones.
_MOST_QUERIES, _MOST_LETTERS = 64, 8_192
# Queries that are encoded and not yet answered, with which no further batch is begun: it would wait as well, and what
# comes meanwhile would be no part of it.
_AHEAD = 32


@dataclass(eq=False, slots=True)
class Encoded:
    """A query on its way, or a text whose terms are all that is wanted. explain: whether its input terms are wanted.
    content: makes its answer once it is encoded. is_document: whether it is encoded as documents are.

    terms, input_terms: as Searcher's. seconds: when they were known, by perf_counter. hits: of the answer, once it
    is made. answered: what is awaited.
    """

    searcher: Searcher
    text: str
    explain: bool
    content: "Callable[[Encoded], bytes]"
    is_document: bool = False
    terms: Mapping[str, int] = field(default_factory=dict)
    input_terms: frozenset[str] = frozenset()
    hits: int = 0
    seconds: float = 0.0
    answered: "Future[bytes]" = field(default_factory=Future)

    def settle(self) -> bool:
        """Make the answer, or say what came between; return whether anybody waits for it."""
        return settle(self.answered, partial(self.content, self))

    def fail(self, error: Exception) -> None:
        """Have whoever awaits it get an error."""
        fail(self.answered, error)


class EncodingThread:
    """Encodes what is added. hand_on: begins what follows, of a query that is encoded. metrics: count batches, and
    queries that nobody awaits any more.

    A batch is whatever waits when the one before it is done, so that a query alone waits for nothing. It has a query of
    each request in turn, so that a request with many keeps nobody else waiting for all of them.
    """

    def __init__(self, hand_on: "Callable[[Encoded], Future[None]]", metrics: Metrics) -> None:
        self._hand_on, self._metrics = hand_on, metrics
        self._requests: deque[deque[Encoded]] = deque()
        self._changed = threading.Condition()
        self._ahead = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="encode", daemon=True)
        self._thread.start()

    def add(self, queries: Sequence[Encoded]) -> None:
        """Have the queries of a request encoded."""
        with self._changed:
            self._requests.append(deque(queries))
            self._changed.notify()

    def close(self) -> list[Encoded]:
        """Begin nothing more; return what waits."""
        with self._changed:
            self._closed = True
            waiting = [query for request in self._requests for query in request]
            self._requests.clear()
            self._changed.notify()
        return waiting

    def join(self, seconds: float) -> None:
        """Wait for what is being encoded, once it is closed, and no longer than some seconds."""
        self._thread.join(seconds)

    def _run(self) -> None:
        while batch := self._take():
            for alike in dict.fromkeys(map(_encoded_by, batch)):
                self._encode([query for query in batch if _encoded_by(query) == alike])

    def _take(self) -> list[Encoded]:
        """The next queries that somebody awaits; none once it is closed."""
        with self._changed:
            while not self._closed:
                batch: list[Encoded] = []
                letters = 0
                most = _MOST_QUERIES if self._ahead < _AHEAD else 0
                while self._requests and len(batch) < most and letters < _MOST_LETTERS:
                    request = self._requests.popleft()
                    query = request.popleft()
                    if request:
                        self._requests.append(request)
                    if query.answered.cancelled():
                        self._metrics.add_abandoned()
                        continue
                    batch.append(query)
                    letters += len(query.text)
                if batch:
                    self._ahead += len(batch)
                    return batch
                self._changed.wait()
        return []

    def _encode(self, queries: list[Encoded]) -> None:
        """Encode what is encoded by the same, and hand it on."""
        searcher, texts = queries[0].searcher, [query.text for query in queries]
        try:
            every = searcher.document_terms_each(texts) if queries[0].is_document else searcher.terms_each(texts)
            self._metrics.add_encoded(len(queries))
        except Exception as error:  # of one of them, perhaps, of which the others know nothing
            if len(queries) == 1:
                queries[0].fail(error)
                self._done(1)
                return
            for query in queries:
                self._encode([query])
            return
        for query, terms in zip(queries, every, strict=True):
            query.terms = terms
            query.seconds = perf_counter()
            try:
                if query.explain:
                    query.input_terms = query.searcher.input_terms(query.text)
                self._hand_on(query).add_done_callback(lambda _: self._done(1))
            except Exception as error:
                query.fail(error)
                self._done(1)

    def _done(self, count: int) -> None:
        with self._changed:
            self._ahead -= count
            self._changed.notify()


def _encoded_by(query: Encoded) -> tuple[int, bool]:
    """What tells texts that can be encoded together: of queries their encoder, which generations of an index share."""
    encoder = None if query.is_document else getattr(query.searcher, "encoder", None)  # what fails must fail later
    return id(query.searcher if encoder is None else encoder), query.is_document
