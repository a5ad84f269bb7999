"""What a service has done, as Prometheus reads it."""

import threading
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..searcher import Seconds


class Metrics:
    """Counts requests by path and status, and seconds of queries by what they were spent on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._queries = 0
        self._seconds = {"encode": 0.0, "search": 0.0, "fetch": 0.0}
        self.waiting = 0
        self._abandoned = self._closed = 0

    def add_request(self, path: str, status: int) -> None:
        """Count a request that got a response."""
        with self._lock:
            self._requests[path, status] += 1

    def add_query(self, seconds: "Seconds") -> None:
        """Count a query and its seconds."""
        with self._lock:
            self._queries += 1
            for part, spent in asdict(seconds).items():
                self._seconds[part] += spent

    def add_abandoned(self) -> None:
        """Count a query that was dropped, as its client has gone."""
        with self._lock:
            self._abandoned += 1

    def add_closed(self) -> None:
        """Count a connection that was closed or refused, as its client was too slow or others too many."""
        with self._lock:
            self._closed += 1

    def text(self) -> str:
        """All of it in Prometheus's text format."""
        with self._lock:
            lines = ["# TYPE sparton_requests_total counter"]
            for (path, status), count in sorted(self._requests.items()):
                lines.append(f'sparton_requests_total{{path="{path}",status="{status}"}} {count}')
            lines += ["# TYPE sparton_queries_total counter", f"sparton_queries_total {self._queries}"]
            lines.append("# TYPE sparton_query_seconds_total counter")
            for part, seconds in self._seconds.items():
                lines.append(f'sparton_query_seconds_total{{part="{part}"}} {seconds:.6f}')
            lines += [
                "# TYPE sparton_queries_abandoned_total counter",
                f"sparton_queries_abandoned_total {self._abandoned}",
            ]
            lines += ["# TYPE sparton_connections_closed_total counter"]
            lines += [f"sparton_connections_closed_total {self._closed}"]
            lines += ["# TYPE sparton_requests_waiting gauge", f"sparton_requests_waiting {self.waiting}"]
        return "\n".join(lines) + "\n"
