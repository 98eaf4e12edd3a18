"""Hands counts to Ray's metrics about once a second.

A counter of Ray's costs as much as a whole stage of a request; here requests add to plain
numbers, and this adds what has grown to Ray's counters. Prometheus finds them where Ray
exports its own, under names that begin with `ray_serve_app_`.
"""

from collections.abc import Iterable
from typing import Protocol

from ray.util import metrics

from serve_app.monitoring.catalogue import Metric, Sample
from serve_app.monitoring.series import Room, Series

PERIOD_S = 1.0


class Exporter(Protocol):
    """Takes the values of metrics once a period."""

    def export(self, samples: Iterable[Sample]) -> None:
        """Take the values of some metrics as they are now."""
        ...


class MetricsExporter:
    """Hands samples to Ray: gauges as they are, of counters what has grown.

    A total that shrank was started anew, and is all growth. Ray never forgets a series, so that
    of each metric only so many are taken as its line in the catalogue says.
    """

    def __init__(self) -> None:
        self._exported: dict[str, metrics.Counter | metrics.Gauge] = {}
        self._totals: dict[tuple[str, Series], float] = {}
        self._room = Room()

    def export(self, samples: Iterable[Sample]) -> None:
        """Take the values of some metrics as they are now."""
        for sample in samples:
            # Most have not changed, and an event loop waits for this.
            if self._totals.get((sample[0].name, sample[1])) != sample[2]:
                self._take(sample)
        for sample in self._room.samples():
            self._take(sample)

    def _take(self, sample: Sample) -> None:
        metric, labels, value = sample
        if not self._room.has_room(sample):
            return
        exported = self._exported.get(metric.name)
        if exported is None:
            exported = self._exported[metric.name] = _made(metric)
        tags = dict(zip(metric.labels, labels, strict=True))
        if isinstance(exported, metrics.Gauge):
            exported.set(value, tags)
            return
        key = (metric.name, labels)
        before = self._totals.get(key)
        if before is None:
            # Prometheus sees no growth in what it has never seen at 0, and `inc` refuses 0.
            exported._record(0.0, tags)  # noqa: SLF001
            before = 0.0
        grown = value - before if value >= before else value
        if grown > 0:
            exported.inc(grown, tags)
        self._totals[key] = value


def _made(metric: Metric) -> metrics.Counter | metrics.Gauge:
    kind = metrics.Counter if metric.kind == "counter" else metrics.Gauge
    return kind(metric.name, metric.meaning, tag_keys=metric.labels)
