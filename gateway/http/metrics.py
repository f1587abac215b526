"""What the gateway counts: requests by route and status, and how long they took.

Counting is two dictionary look-ups; the shape that Prometheus wants is made when it asks.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.http.request_body import BodyBudget
from gateway.security.connection_limits import client_connections

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
NO_ROUTE = "-"


class Metrics(Collector):
    """Counts what this process answered."""

    def __init__(self, bodies: BodyBudget) -> None:
        self._bodies = bodies
        self._answers: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._times: dict[str, list[int]] = {}
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self.sockets = 0
        self.shared_hits = self.shared_misses = 0

    def add(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._answers[route, method, status] += 1
        times = self._times.get(route)
        if times is None:
            times = self._times[route] = [0] * (len(BUCKETS) + 1)
        times[bisect_left(BUCKETS, seconds)] += 1
        self._seconds[route] += seconds

    def collect(self) -> Iterator[Metric]:
        """What Prometheus asks for."""
        answers = CounterMetricFamily(
            "http_requests", "Requests answered", labels=["route", "method", "status"]
        )
        for (route, method, status), count in list(self._answers.items()):
            answers.add_metric([route, method, str(status)], count)
        yield answers
        times = HistogramMetricFamily("http_request_seconds", "Time to answer a request", labels=["route"])
        for route, counts in list(self._times.items()):
            times.add_metric([route], _cumulative(counts), self._seconds[route])
        yield times
        shared = CounterMetricFamily(
            "shared_answers",
            "Reads of the catalogue by whether a kept answer served them",
            labels=["outcome"],
        )
        shared.add_metric(["hit"], self.shared_hits)
        shared.add_metric(["miss"], self.shared_misses)
        yield shared
        yield GaugeMetricFamily(
            "client_connections", "Client connections that are open", value=client_connections().count
        )
        yield GaugeMetricFamily(
            "request_body_bytes", "Bytes of request bodies that are held", value=self._bodies.held
        )
        yield GaugeMetricFamily(
            "websocket_connections", "WebSocket connections that are open", value=self.sockets
        )


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    total, buckets = 0, []
    for bound, count in zip([*map(str, BUCKETS), "+Inf"], counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
