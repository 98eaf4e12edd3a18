"""Every metric of ours, in one place: its name, what it counts, and by which labels.

Ray exports them under names that begin with `ray_`, and counters under names that end in
`_total`. Durations are counted in bins, as counters with a label `le`: Ray replays every
observation of its own histograms in Python, which costs more than a request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from serve_app.monitoring.histogram import Histogram


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: counters only grow, gauges are as they are now."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    labels: tuple[str, ...]


class Sample(NamedTuple):
    """The value of a metric for some values of its labels; of a counter the total so far."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Durations:
    """The three counters that make a histogram of seconds."""

    bucket: Metric
    seconds: Metric
    number: Metric


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"serve_app_{name}", "counter", meaning, labels)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"serve_app_{name}", "gauge", meaning, labels)


def _durations(name: str, meaning: str, *labels: str) -> Durations:
    return Durations(
        _counter(f"{name}_bucket", f"{meaning} Those of at most `le` seconds.", *labels, "le"),
        _counter(f"{name}_sum", f"{meaning} Their seconds added up.", *labels),
        _counter(f"{name}_count", f"{meaning} How many there were.", *labels),
    )


RESPONSES = _counter(
    "responses", "Answers that left a gateway, by the class or name of their status.",
    "protocol", "status",
)  # fmt: skip
REQUESTS = _counter(
    "requests", "Requests to an endpoint: answered, by the fallback, or the error's code.",
    "endpoint", "outcome",
)  # fmt: skip
ROWS = _counter("rows", "Rows of an endpoint's answers.", "endpoint")
REQUEST_SECONDS = _durations("request_seconds", "Requests to an endpoint.", "endpoint")
VARIANT_SECONDS = _durations(
    "variant_seconds", "Requests that a variant answered.", "endpoint", "version"
)
VARIANT_FAILURES = _counter(
    "variant_failures", "Requests that a variant could not answer and another one did.",
    "endpoint", "version", "code",
)  # fmt: skip
BATCHES = _counter("batches", "Calls to a version.", "version")
BATCH_ROWS = _counter("batch_rows", "Rows sent to a version.", "version")
BATCH_REQUESTS = _counter("batch_requests", "Requests in its calls.", "version")
BATCH_WAIT_SECONDS = _counter("batch_wait_seconds", "How long requests waited.", "version")
REFUSED = _counter("refused", "Requests refused as too many.", "version")
LARGEST_BATCH_ROWS = _gauge("largest_batch_rows", "Rows of the largest call so far.", "version")
CACHE_HITS = _counter("cache_hits", "Rows that a cache knew.", "endpoint")
CACHE_ROWS = _counter("cache_rows", "Rows looked up in a cache.", "endpoint")
TASK_FAILURES = _counter("task_failures", "Failures of background work.", "task")
BUSY = _gauge("busy", "Share of its time that a replica computes.", "version")
WAIT_MS = _gauge("wait_ms", "Milliseconds that work waits for a replica.", "version")
WAITING_REQUESTS = _gauge("waiting_requests", "Requests that wait for a version.", "version")
WANTED_REPLICAS = _gauge(
    "wanted_replicas", "Replicas that the load asks for, before bounds and delays.",
    "application", "deployment",
)  # fmt: skip


def metrics() -> list[Metric]:
    """All metrics, by name."""
    every: list[Metric] = []
    for value in globals().values():
        if isinstance(value, Metric):
            every.append(value)
        elif isinstance(value, Durations):
            every.extend((value.bucket, value.seconds, value.number))
    return sorted(every, key=lambda metric: metric.name)


def histogram_samples(
    durations: Durations, labels: tuple[str, ...], histogram: Histogram
) -> Iterator[Sample]:
    """The samples of a histogram: one per bin, their sum and number."""
    for bound, number in histogram.cumulative():
        yield Sample(durations.bucket, (*labels, bound), number)
    yield Sample(durations.seconds, labels, histogram.total_s)
    yield Sample(durations.number, labels, histogram.count)
