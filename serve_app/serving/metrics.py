"""Counts of the gateway for Prometheus, handed to Ray's metrics about once a second.

A counter of Ray's costs as much as a whole stage of a request; here requests add to plain
numbers, and this adds what has grown to Ray's counters. Prometheus finds them where Ray
exports its own, under names that begin with `ray_serve_app_`.
"""

from collections.abc import Callable, Mapping

from ray.util import metrics

from serve_app.core.batcher import Counters
from serve_app.core.cache import RowCache
from serve_app.core.supervisor import TaskStatus
from serve_app.core.workload import Load

PERIOD_S = 1.0


class Growing:
    """A counter of Ray's that is told totals; what shrinks was started anew."""

    def __init__(self, name: str, description: str, tag: str) -> None:
        self._counter = metrics.Counter(name, description, tag_keys=(tag,))
        self._tag = tag
        self._told: dict[str, float] = {}

    def tell(self, key: str, total: float) -> None:
        """Take the total of one tag's value."""
        before = self._told.get(key, 0.0)
        grown = total - before if total >= before else total
        if grown > 0:
            self._counter.inc(grown, {self._tag: key})
        self._told[key] = total


class TaskMetrics:
    """Tells Ray how often the background work of a process failed; `process` names it."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._failures = Growing("serve_app_task_failures", "Failures of background work.", "task")

    def tell(self, statuses: Mapping[str, TaskStatus]) -> None:
        """Tell what has grown."""
        for name, status in statuses.items():
            self._failures.tell(f"{self._process}: {name}", status.failures)


class LoadMetrics:
    """Tells Ray how busy a replica of `version` is and how long work waits for it."""

    def __init__(self, version: str) -> None:
        self._tags = {"version": version}
        self._busy = metrics.Gauge(
            "serve_app_busy", "Share of its time that a replica computes.", ("version",)
        )
        self._wait = metrics.Gauge(
            "serve_app_wait_ms", "Milliseconds that work waits for a replica.", ("version",)
        )
        self._waiting = metrics.Gauge(
            "serve_app_waiting_requests", "Requests that wait for a version.", ("version",)
        )

    def tell(self, load: Load) -> None:
        """Tell what one block of time was like."""
        self._busy.set(load.busy, self._tags)
        self._wait.set(load.wait_ms, self._tags)
        self._waiting.set(load.waiting_requests, self._tags)


class GatewayMetrics:
    """Tells Ray what coalescers and caches have counted."""

    def __init__(
        self,
        coalesced: Callable[[], Mapping[str, Counters]],
        caches: Callable[[], Mapping[str, RowCache]],
    ) -> None:
        self._coalesced = coalesced
        self._caches = caches
        self._calls = Growing("serve_app_batches", "Calls to a version.", "version")
        self._rows = Growing("serve_app_batch_rows", "Rows sent to a version.", "version")
        self._requests = Growing("serve_app_batch_requests", "Requests in its calls.", "version")
        self._waited = Growing(
            "serve_app_batch_wait_seconds", "Time that requests waited to leave.", "version"
        )
        self._refused = Growing("serve_app_refused", "Requests refused as too many.", "version")
        self._largest = metrics.Gauge(
            "serve_app_largest_batch_rows", "Rows of the largest call so far.", ("version",)
        )
        self._hits = Growing("serve_app_cache_hits", "Rows that a cache knew.", "endpoint")
        self._asked = Growing("serve_app_cache_rows", "Rows looked up in a cache.", "endpoint")

    def tell(self) -> None:
        """Tell everything that has grown."""
        for version, counters in self._coalesced().items():
            self._calls.tell(version, counters.calls)
            self._rows.tell(version, counters.rows)
            self._requests.tell(version, counters.requests)
            self._waited.tell(version, counters.waited_s)
            self._refused.tell(version, counters.refused)
            self._largest.set(counters.largest_batch, {"version": version})
        for endpoint, cache in self._caches().items():
            self._hits.tell(endpoint, cache.hits)
            self._asked.tell(endpoint, cache.rows)
