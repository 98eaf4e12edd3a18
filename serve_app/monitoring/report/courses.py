"""Metrics over time: as labels say with their intervals, as estimated, and label coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.monitoring import words
from serve_app.monitoring.report import plot
from serve_app.monitoring.report.document import LabelPoint, MetricPoint, MetricSeries
from serve_app.monitoring.report.markup import Markup, joined, shortened

TALL, AXIS = 120.0, 18.0
"""How high what is drawn over time is, and the axis below it."""
_TOP = 10.0
_COVERAGE = 34.0
_LEAST_SPAN = 0.02
"""A metric that hardly changes is not made to look as if it did."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What is drawn: moments from left to right, values from bottom to top."""

    from_s: float
    to_s: float
    low: float
    high: float

    def across(self, at_s: float) -> float:
        """The share of the width at which a moment lies."""
        return (at_s - self.from_s) / (self.to_s - self.from_s)

    def down(self, value: float) -> float:
        """How far from the top a value lies, in pixels; those beyond lie on the frame."""
        share = (value - self.low) / (self.high - self.low)
        return _TOP + (1 - min(max(share, 0.0), 1.0)) * (TALL - _TOP)


def metric_chart(series: MetricSeries, from_s: float, to_s: float) -> Markup:
    """A metric over time; says in words what it was last."""
    frame = _frame(series, from_s, to_s)
    ticks = [(frame.down(at), words.number(at)) for at in words.ticks(frame.low, frame.high, 4)]
    registered = None
    if series.registered is not None and frame.low <= series.registered <= frame.high:
        registered = plot.level(frame.down(series.registered), "registered")
    return plot.chart(
        shortened(series.metric),
        metric_in_words(series),
        int(TALL + AXIS),
        *(plot.level(y) for y, _ in ticks),
        registered,
        _course(series.estimated, frame, "estimated"),
        _course(series.realised, frame, "realised"),
        *(plot.level_label(y, label) for y, label in ticks),
        plot.level(TALL, "base"),
        time_ticks(from_s, to_s, TALL),
    )


def metric_in_words(series: MetricSeries) -> str:
    """What it was last, by labels and as estimated, and at registration."""
    meaning = [
        f"{name} {point_in_words(known[-1])}"
        for name, points in (("by labels", series.realised), ("estimated", series.estimated))
        if (known := [point for point in points if point.value is not None])
    ]
    if series.registered is not None:
        meaning.append(f"at registration {words.number(series.registered)}")
    return ", ".join(meaning) or "not known"


def point_in_words(point: MetricPoint) -> str:
    """A value with its interval, as far as it has them."""
    if point.value is None:
        return "not defined"
    shown = words.number(point.value)
    if point.low is None or point.high is None:
        return shown
    return f"{shown} ({words.number(point.low)} to {words.number(point.high)})"


def coverage_chart(labels: Sequence[LabelPoint], from_s: float, to_s: float) -> Markup:
    """The share of rows that have a label by now, for each stretch of time."""
    frame = Frame(from_s, to_s, 0.0, 1.0)
    bars = []
    for one in labels:
        if one.predicted:
            left, right = (_inside(frame.across(at)) for at in (one.start_s, one.end_s))
            share = min(one.labelled / one.predicted, 1.0)
            gap = 0.1 * (right - left)
            bars.append(plot.bar(left, right - left - gap, 0, _COVERAGE, "ref"))
            height = share * _COVERAGE
            bars.append(plot.bar(left, right - left - gap, _COVERAGE - height, height, "now-bar"))
    predicted, labelled = sum(x.predicted for x in labels), sum(x.labelled for x in labels)
    covered = words.share(labelled / predicted) if predicted else "none"
    meaning = f"{labelled:,} of {words.plural(predicted, 'row')} have a label by now ({covered})"
    return plot.chart(
        "label coverage",
        meaning,
        int(_COVERAGE + AXIS),
        *bars,
        plot.level(_COVERAGE, "base"),
        time_ticks(from_s, to_s, _COVERAGE),
    )


def time_ticks(from_s: float, to_s: float, top: float) -> Markup:
    """The axis of time below a chart."""
    span_s = to_s - from_s
    moments = words.ticks_of_time(from_s, to_s, 4)
    ticks = [((at_s - from_s) / span_s, label) for at_s, label in moments]
    marks = [plot.upright(at, top, 3, "grid") for at, _ in ticks]
    return joined(*marks, plot.time_axis(ticks, top + 14))


def _course(points: Sequence[MetricPoint], frame: Frame, kind: str) -> Markup:
    """Line and interval of neighbouring points; where one is not known there is a gap."""
    drawn, dots = [], []
    for run in _runs(points):
        middle = [(_inside(frame.across((p.start_s + p.end_s) / 2)) * plot.WIDTH, p) for p in run]
        bounded = [(x, p) for x, p in middle if p.low is not None and p.high is not None]
        if bounded:
            upper = [(x, frame.down(p.high)) for x, p in bounded if p.high is not None]
            lower = [(x, frame.down(p.low)) for x, p in bounded if p.low is not None]
            if len(bounded) == 1:
                upper = [(upper[0][0] - 3, upper[0][1]), (upper[0][0] + 3, upper[0][1])]
                lower = [(lower[0][0] - 3, lower[0][1]), (lower[0][0] + 3, lower[0][1])]
            drawn.append(plot.area([*upper, *reversed(lower)], f"{kind}-band"))
        values = [(x, frame.down(p.value)) for x, p in middle if p.value is not None]
        drawn.append(plot.line(values, kind))
        dots += [plot.dot(x / plot.WIDTH, y, f"{kind}-dot") for x, y in values]
    return joined(plot.stretched(0, plot.WIDTH, TALL, *drawn), *dots)


def _runs(points: Sequence[MetricPoint]) -> list[list[MetricPoint]]:
    runs: list[list[MetricPoint]] = [[]]
    for point in points:
        if point.value is None or (runs[-1] and point.start_s > runs[-1][-1].end_s):
            runs.append([])
        if point.value is not None:
            runs[-1].append(point)
    return [run for run in runs if run]


def _frame(series: MetricSeries, from_s: float, to_s: float) -> Frame:
    """Room for all values and what of their intervals is not far away."""
    points = [p for p in (*series.realised, *series.estimated) if p.value is not None]
    values = [p.value for p in points if p.value is not None]
    bounds = [b for p in points for b in (p.low, p.high) if b is not None]
    if series.registered is not None:
        values.append(series.registered)
    if not values:
        return Frame(from_s, to_s, 0.0, 1.0)
    low, high = min(values), max(values)
    far = max(2 * (high - low), _LEAST_SPAN * max(abs(low), abs(high)), 1e-9)
    near = [b for b in bounds if low - far <= b <= high + far]
    low, high = min([low, *near]), max([high, *near])
    least = _LEAST_SPAN * max(abs(low), abs(high), 1e-9)
    missing = max(0.0, least - (high - low)) / 2
    edge = 0.06 * max(high - low, least)
    return Frame(from_s, to_s, low - missing - edge, high + missing + edge)


def _inside(share: float) -> float:
    return min(max(share, 0.0), 1.0)
