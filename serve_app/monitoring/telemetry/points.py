"""The catalogue's metrics as OpenTelemetry's: sums, gauges, and histograms of our own bins.

Nothing is observed anew: what was counted in bins is sent in those bins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from serve_app import __version__
from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import Durations, Sample
from serve_app.monitoring.histogram import BOUNDS_S
from serve_app.monitoring.series import Room, Series
from serve_app.monitoring.telemetry.tracing import SCOPE

_UNITS = {"_seconds": "s", "_ratio": "1", "_bytes": "By"}
_UNKNOWN: Any = None
"""The least and the greatest duration, which nobody counts: the protocol lets them out."""
Values = Mapping[str, Mapping[Series, float]]
"""By the name of a metric and the values of its labels."""
Total = tuple[float, ...]
"""Of a sum its value; of a histogram how many fell into each bin, then their seconds."""
Key = tuple[str, Series]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was counted until some time, in nanoseconds since 1970."""

    at_ns: int
    values: Values


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be sent of a reading, how many points it has, and all totals in it."""

    data: MetricsData
    points: int
    at_ns: int
    totals: Mapping[Key, Total]


class Points:
    """Takes samples, and makes of them what a collector is sent.

    With `delta` each export holds what has grown since the last one that was taken; what failed to
    arrive is in the next. A total that shrank was started anew, and is all growth.
    """

    def __init__(self, resource: Resource, *, delta: bool, now_ns: Callable[[], int]) -> None:
        self._resource = resource
        self._delta = delta
        self._now_ns = now_ns
        self._room = Room()
        self._values: dict[str, dict[Series, float]] = {}
        self._metrics: dict[str, catalogue.Metric] = {}
        self._durations = catalogue.histogram_parts()
        self._totals: dict[Key, Total] = {}
        self._starts_ns: dict[Key, int] = {}
        self._since_ns = self._began_ns = now_ns()

    def export(self, samples: Iterable[Sample]) -> None:
        """Take the values of some metrics as they are now."""
        for sample in samples:
            self._take(sample)
        for sample in self._room.samples():
            self._take(sample)

    def read(self) -> Reading:
        """What was taken since the last reading; a gauge that nobody sets any more ends."""
        values, self._values = self._values, {}
        return Reading(self._now_ns(), values)

    def made(self, reading: Reading) -> Export:
        """What is sent of a reading. Everything that was sampled stands in it or did not grow."""
        totals: dict[Key, Total] = {}
        metrics: list[Metric] = []
        for name, by_series in reading.values.items():
            metric, durations = self._metrics[name], self._durations.get(name)
            if metric.kind == "gauge":
                metrics.append(self._gauge(metric, by_series, reading.at_ns))
            elif durations is None:
                own: dict[Key, Total] = {(name, one): (total,) for one, total in by_series.items()}
                totals.update(own)
                metrics.append(self._sum(metric, own, reading.at_ns))
            elif name == durations.bucket.name:
                own = dict(_binned(durations, reading.values))
                totals.update(own)
                metrics.append(self._histogram(durations, own, reading.at_ns))
        metrics = [metric for metric in metrics if metric.data.data_points]
        points = sum(len(metric.data.data_points) for metric in metrics)
        scope = ScopeMetrics(InstrumentationScope(SCOPE, __version__), metrics, "")
        data = MetricsData([ResourceMetrics(self._resource, [scope], "")])
        return Export(data, points, reading.at_ns, totals)

    def arrived(self, export: Export) -> None:
        """Count the next growth from here: a collector has taken an export."""
        self._totals.update(export.totals)
        self._since_ns = export.at_ns

    def _take(self, sample: Sample) -> None:
        metric, labels, value = sample
        if self._room.has_room(sample):
            self._metrics[metric.name] = metric
            self._values.setdefault(metric.name, {})[labels] = value

    def _gauge(
        self, metric: catalogue.Metric, by_series: Mapping[Series, float], at_ns: int
    ) -> Metric:
        points = [
            NumberDataPoint(_labelled(metric.labels, series), 0, at_ns, value)
            for series, value in by_series.items()
            if math.isfinite(value)
        ]
        return Metric(metric.name, metric.meaning, _unit(metric.name), Gauge(points))

    def _sum(self, metric: catalogue.Metric, totals: Mapping[Key, Total], at_ns: int) -> Metric:
        points = [
            NumberDataPoint(_labelled(metric.labels, series), start_ns, at_ns, value)
            for (_, series), start_ns, (value,) in self._to_send(totals)
        ]
        data = Sum(points, self._temporality, is_monotonic=True)
        return Metric(metric.name, metric.meaning, _unit(metric.name), data)

    def _histogram(self, durations: Durations, totals: Mapping[Key, Total], at_ns: int) -> Metric:
        labels = durations.number.labels
        points = [
            HistogramDataPoint(
                attributes=_labelled(labels, series),
                start_time_unix_nano=start_ns,
                time_unix_nano=at_ns,
                count=int(sum(bins)),
                sum=seconds,
                bucket_counts=[int(number) for number in bins],
                explicit_bounds=BOUNDS_S,
                min=_UNKNOWN,
                max=_UNKNOWN,
            )
            for (_, series), start_ns, (*bins, seconds) in self._to_send(totals)
        ]
        data = Histogram(points, self._temporality)
        return Metric(durations.name, durations.meaning, _unit(durations.name), data)

    def _to_send(self, totals: Mapping[Key, Total]) -> Iterator[tuple[Key, int, Total]]:
        """Which series are sent, since when they count, in nanoseconds, and what."""
        for key, total in totals.items():
            former = self._totals.get(key)
            anew = former is not None and any(
                now < before for now, before in zip(total, former, strict=True)
            )
            if not self._delta:
                if anew:
                    self._starts_ns[key] = self._since_ns
                yield key, self._starts_ns.get(key, self._began_ns), total
                continue
            grown = total if former is None or anew else _difference(total, former)
            if any(grown):
                yield key, self._since_ns, grown

    @property
    def _temporality(self) -> AggregationTemporality:
        if self._delta:
            return AggregationTemporality.DELTA
        return AggregationTemporality.CUMULATIVE


def _binned(durations: Durations, values: Values) -> Iterator[tuple[Key, Total]]:
    """The histograms of some counters: those of bins count all that is at most their bound."""
    bins: dict[Series, list[float]] = {}
    # Samples of one histogram come with their bounds ascending, and dictionaries keep order.
    for (*series, _), number in values[durations.bucket.name].items():
        bins.setdefault(tuple(series), []).append(number)
    seconds = values.get(durations.seconds.name, {})
    for labels, below in bins.items():
        if labels in seconds and len(below) == len(BOUNDS_S) + 1:
            single = (now - before for now, before in zip(below, [0.0, *below], strict=False))
            yield (durations.name, labels), (*single, seconds[labels])


def _difference(total: Total, former: Total) -> Total:
    return tuple(now - before for now, before in zip(total, former, strict=True))


def _labelled(names: tuple[str, ...], series: Series) -> dict[str, str]:
    return dict(zip(names, series, strict=True))


def _unit(name: str) -> str:
    return next((unit for end, unit in _UNITS.items() if name.endswith(end)), "")
