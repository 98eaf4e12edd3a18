"""Metrics that are estimated without labels, as series beside those that labels give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from serve_app.monitoring.estimated import WindowEstimate
from serve_app.monitoring.report.document import MetricPoint, MetricSeries
from serve_app.monitoring.report.quality_series import SHOWN, point_of

Estimates = Mapping[str, tuple[MetricPoint, ...]]


def estimates_of(windows: Sequence[WindowEstimate], window_s: int, since_s: float) -> Estimates:
    """The points of each metric, oldest first, of windows that end after a time."""
    points: dict[str, list[MetricPoint]] = {}
    for one in sorted(windows, key=lambda one: one.start_s):
        end_s = one.start_s + window_s
        if end_s > since_s:
            for name, metric in one.metrics.items():
                points.setdefault(name, []).append(point_of(one.start_s, end_s, metric))
    return {name: tuple(some) for name, some in points.items()}


def with_estimates(
    metrics: Sequence[MetricSeries], estimates: Estimates
) -> tuple[MetricSeries, ...]:
    """The series with what is estimated of them, and those that are estimated alone."""
    known = {one.metric for one in metrics}
    beside = [
        MetricSeries(one.metric, one.realised, estimates.get(one.metric, ()), one.registered)
        for one in metrics
    ]
    alone = [
        MetricSeries(name, (), estimates[name])
        for name in SHOWN
        if name in estimates and name not in known
    ]
    return (*beside, *alone)
