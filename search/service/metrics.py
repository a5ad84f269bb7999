"""What a service has done, as Prometheus reads it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from .current import CurrentSearcher

if TYPE_CHECKING:
    from ..searcher import Seconds

CONTENT_TYPE = "text/plain; version=0.0.4"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counts and times requests and queries. Threads may share it.

    Has a registry of its own, so that a program may have several services, or metrics that are not theirs.
    """

    def __init__(self) -> None:
        self.waiting = 0
        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            "sparton_requests", "Requests that got a response.", ("path", "status"), registry=registry
        )
        self._request_seconds = Histogram(
            "sparton_request_duration_seconds",
            "Seconds from a request's headers to its response's.",
            ("path", "status"),
            registry=registry,
            buckets=_SECONDS,
        )
        self._refused = Counter(
            "sparton_requests_refused", "Requests that no handler saw, by reason.", ("reason",), registry=registry
        )
        self._abandoned = Counter(
            "sparton_queries_abandoned", "Queries dropped because their client had gone.", registry=registry
        )
        self._closed = Counter(
            "sparton_connections_closed", "Connections closed or refused, as too slow or too many.", registry=registry
        )
        self._queries = Counter("sparton_queries", "Queries that were searched for.", registry=registry)
        self._seconds = Counter(
            "sparton_query_seconds", "Seconds that queries took, by part.", ("part",), registry=registry
        )
        self._query_seconds = Histogram(
            "sparton_query_duration_seconds",
            "Seconds that a query took, by part.",
            ("part",),
            registry=registry,
            buckets=_SECONDS,
        )
        self._batches = Histogram(
            "sparton_encoding_batch_queries",
            "Queries that were encoded together.",
            registry=registry,
            buckets=_SIZES,
        )
        self._gauges = _Gauges(self)
        registry.register(self._gauges)
        ProcessCollector(registry=registry)

    def watch(self, indexes: Mapping[str, CurrentSearcher]) -> None:
        """Tell of some indexes, by name, how many documents they have and of which generation they are."""
        self._gauges.indexes = indexes

    def add_request(self, path: str, status: int, seconds: float | None = None) -> None:
        """Count a request that got a response. path: as counted_path gives it. seconds: none of one that no handler
        saw."""
        labels = (path, str(status))
        self._requests.labels(*labels).inc()
        if seconds is not None:
            self._request_seconds.labels(*labels).observe(seconds)

    def add_refused(self, reason: str) -> None:
        """Count a request that no handler saw. reason: a word of ours, none of a client's."""
        self._refused.labels(reason).inc()

    def add_query(self, seconds: "Seconds") -> None:
        """Count a query and its seconds."""
        self._queries.inc()
        for part, spent in asdict(seconds).items():
            self._seconds.labels(part).inc(spent)
            self._query_seconds.labels(part).observe(spent)

    def add_encoded(self, queries: int) -> None:
        """Count a batch of queries that were encoded together."""
        self._batches.observe(queries)

    def add_abandoned(self) -> None:
        """Count a query that was dropped, as its client has gone."""
        self._abandoned.inc()

    def add_closed(self) -> None:
        """Count a connection that was closed or refused, as its client was too slow or others too many."""
        self._closed.inc()

    def text(self) -> str:
        """All of it in Prometheus's text format."""
        return generate_latest(_WithoutCreated(self._registry)).decode()


class _Gauges(Collector):
    """What is found out when it is asked for."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.indexes: Mapping[str, CurrentSearcher] = {}

    def collect(self) -> Iterator[Metric]:
        """The gauges as they are now. The registry calls this."""
        yield GaugeMetricFamily(
            "sparton_requests_waiting", "Requests that have no response yet.", value=self._metrics.waiting
        )
        documents = GaugeMetricFamily("sparton_documents", "Documents that can be found, by index.", labels=["index"])
        generation = GaugeMetricFamily("sparton_generation", "The generation that is searched.", labels=["index"])
        refused = GaugeMetricFamily(
            "sparton_generation_refused", "1 while an index as it is now is not taken up.", labels=["index"]
        )
        for name, current in self.indexes.items():
            refused.add_metric([name], current.refused is not None)
            with current.use() as searcher:
                documents.add_metric([name], len(searcher))
                generation.add_metric([name], searcher.manifest.number)
        yield documents
        yield generation
        yield refused


class _WithoutCreated(Collector):
    """A registry without the times at which its metrics were made, which are half of its lines."""

    def __init__(self, registry: Collector) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Its metrics. The writer of the text calls this."""
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
