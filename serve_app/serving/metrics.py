"""Hands counts to Ray's metrics about once a second.

A counter of Ray's costs as much as a whole stage of a request; here requests add to plain
numbers, and this adds what has grown to Ray's counters. Prometheus finds them where Ray
exports its own, under names that begin with `ray_serve_app_`.
"""

from collections.abc import Iterable

from ray.util import metrics

from serve_app.monitoring.catalogue import Metric, Sample

PERIOD_S = 1.0


class MetricsExporter:
    """Hands samples to Ray: gauges as they are, of counters what has grown.

    A total that shrank was started anew, and is all growth.
    """

    def __init__(self) -> None:
        self._exported: dict[Metric, metrics.Counter | metrics.Gauge] = {}
        self._totals: dict[tuple[str, tuple[str, ...]], float] = {}

    def export(self, samples: Iterable[Sample]) -> None:
        """Take the values of some metrics as they are now."""
        for metric, labels, value in samples:
            exported = self._exported.get(metric)
            if exported is None:
                exported = self._exported[metric] = _made(metric)
            tags = dict(zip(metric.labels, labels, strict=True))
            if isinstance(exported, metrics.Gauge):
                exported.set(value, tags)
                continue
            key = (metric.name, labels)
            before = self._totals.get(key, 0.0)
            grown = value - before if value >= before else value
            if grown > 0:
                exported.inc(grown, tags)
            self._totals[key] = value


def _made(metric: Metric) -> metrics.Counter | metrics.Gauge:
    kind = metrics.Counter if metric.kind == "counter" else metrics.Gauge
    return kind(metric.name, metric.meaning, tag_keys=metric.labels)
