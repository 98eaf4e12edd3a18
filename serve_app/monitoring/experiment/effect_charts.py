"""An effect as it came to be, beside the others, and what is believed of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.monitoring import words
from serve_app.monitoring.experiment import figures
from serve_app.monitoring.experiment.document import Comparison, EffectPoint, MetricResult
from serve_app.monitoring.experiment.figures import Scale, scale_of
from serve_app.monitoring.experiment.lanes import (
    TALL,
    axis_of,
    interval,
    lane,
    lanes,
    mark,
    named,
    strip,
)
from serve_app.monitoring.report import plot
from serve_app.monitoring.report.courses import AXIS, Frame, time_ticks
from serve_app.monitoring.report.courses import TALL as COURSE_TALL
from serve_app.monitoring.report.markup import Markup, element, joined, shortened

VERDICTS = {
    "better": ("\N{BLACK UP-POINTING TRIANGLE} better", "good"),
    "worse": ("\N{BLACK DOWN-POINTING TRIANGLE} worse", "bad"),
    "not worse": ("\N{CHECK MARK} not worse", "good"),
    "undecided": ("undecided", "muted"),
    "no data": ("no data", "muted"),
}
"""What a verdict is called, and its colour, which says nothing else."""
_DENSITY = 34.0
_REACH = 3.2
"""How many standard deviations of a density are drawn."""
_STEPS = 64


@dataclass(frozen=True, slots=True)
class Span:
    """The time that charts show, in seconds since 1970."""

    from_s: float
    to_s: float


def verdict(comparison: Comparison) -> Markup:
    """The verdict with its mark."""
    meaning, kind = VERDICTS[comparison.verdict]
    return element("span", meaning, class_=kind)


def limit_of(metric: MetricResult) -> float | None:
    """The effect at which a verdict turns, where that is not 0.

    A guardrail may be worse by its margin, any other metric has to be better by it.
    """
    if not metric.margin:
        return None
    up = metric.better == "higher"
    return metric.margin if up != (metric.role == "guardrail") else -metric.margin


def effects(metric: MetricResult) -> Markup | None:
    """The effects of all variants on one scale, with 0 and the margin."""
    known = [one for one in metric.comparisons if one.effect is not None]
    if not known:
        return None
    scale = _scale(metric)
    rows = []
    for one in metric.comparisons:
        meaning = figures.difference(one.effect, one.low, one.high)
        drawn = strip(
            f"{shortened(one.variant)}: {meaning}, {one.verdict}",
            mark(scale, 0.0, "zero"),
            _margin(metric, scale, TALL),
            interval(scale, one.effect, one.low, one.high),
        )
        last = joined(verdict(one), element("div", meaning, class_="muted"))
        rows.append(lane(named(one.variant), drawn, last))
    return lanes(rows, axis_of(scale))


def beliefs(metric: MetricResult) -> Markup | None:
    """The posterior of each effect: its density, the chance to beat the baseline, what is lost."""
    known = [one for one in metric.comparisons if one.chance_to_beat is not None]
    if not known:
        return None
    spread = [moments for one in known if (moments := _moments(one)) is not None]
    scale = scale_of(
        [0.0, *(mean for mean, _ in spread)],
        [mean + side * _REACH * sd for mean, sd in spread for side in (-1, 1)],
    )
    rows = []
    for one in known:
        meaning = f"{figures.chance(one.chance_to_beat)} to beat the baseline"
        title = f"{shortened(one.variant)}: {meaning}"
        moments = _moments(one)
        if moments is None:
            drawn = strip(title, *_chance_bar(one.chance_to_beat or 0.0))
        else:
            drawn = _density(title, metric, scale, moments)
        lost = f"expected loss {figures.size(one.expected_loss)}"
        if one.chance_best is not None:
            lost += f", best of all {figures.chance(one.chance_best)}"
        last = joined(element("b", meaning), element("div", lost, class_="muted"))
        rows.append(lane(named(one.variant), drawn, last))
    return lanes(rows, axis_of(scale) if spread else None)


def course(metric: MetricResult, one: Comparison, span: Span) -> Markup:
    """An effect and its interval at each look; says in words what it was last."""
    points = [point for point in one.course if math.isfinite(point.effect)]
    limit = limit_of(metric)
    last = points[-1:]
    # Early intervals are so wide that what is known by now could not be read beside them.
    late = points[len(points) // 2 :]
    ends = [bound for point in last for bound in (point.low, point.high)]
    middle = [0.0, *ends, *(point.effect for point in late)]
    scale = scale_of(
        middle if limit is None else [*middle, limit],
        [bound for point in late for bound in (point.low, point.high)],
    )
    frame = Frame(span.from_s, span.to_s, scale.low, scale.high)
    ticks = [(frame.down(at), figures.signed(at)) for at in words.ticks(scale.low, scale.high, 4)]
    return plot.chart(
        shortened(one.variant),
        "; ".join(figures.difference(point.effect, point.low, point.high) for point in last)
        or "no look had enough units",
        int(COURSE_TALL + AXIS),
        *(plot.level(y) for y, _ in ticks),
        plot.stretched(0, plot.WIDTH, COURSE_TALL, *_drawn(points, frame)),
        plot.level(frame.down(0.0), "zero"),
        None if limit is None else plot.level(frame.down(limit), "margin"),
        *(_dot(point, frame) for point in last),
        *(plot.level_label(y, label) for y, label in ticks),
        plot.level(COURSE_TALL, "base"),
        time_ticks(span.from_s, span.to_s, COURSE_TALL),
    )


def _scale(metric: MetricResult) -> Scale:
    limit = limit_of(metric)
    some = [one for one in metric.comparisons if one.effect is not None]
    middle = [0.0, *(one.effect for one in some if one.effect is not None)]
    bounds = [bound for one in some for bound in (one.low, one.high) if bound is not None]
    return scale_of(middle if limit is None else [*middle, limit], bounds)


def _margin(metric: MetricResult, scale: Scale, tall: float) -> Markup | None:
    limit = limit_of(metric)
    return None if limit is None else mark(scale, limit, "margin", tall)


def _moments(one: Comparison) -> tuple[float, float] | None:
    """Mean and standard deviation of what is believed of an effect, where they can be drawn."""
    mean, deviation = one.posterior_mean, one.posterior_deviation
    if mean is None or deviation is None:
        return None
    if not (math.isfinite(mean) and math.isfinite(deviation) and deviation > 0):
        return None
    return mean, deviation


def _density(
    meaning: str, metric: MetricResult, scale: Scale, moments: tuple[float, float]
) -> Markup:
    """The normal density, its own highest point as high as there is room; the better side full."""
    mean, deviation = moments
    low = max(scale.low, mean - _REACH * deviation)
    high = min(scale.high, mean + _REACH * deviation)
    places = sorted(
        {low + (high - low) * at / _STEPS for at in range(_STEPS + 1)} | _zero(low, high)
    )
    outline = [
        (
            scale.across(at) * plot.WIDTH,
            _DENSITY - (_DENSITY - 3) * math.exp(-(((at - mean) / deviation) ** 2) / 2),
        )
        for at in places
    ]
    sides = {
        up: [
            point for at, point in zip(places, outline, strict=True) if (at >= 0 if up else at <= 0)
        ]
        for up in (True, False)
    }
    full = metric.better == "higher"
    return strip(
        meaning,
        plot.stretched(
            0,
            plot.WIDTH,
            _DENSITY,
            _under(sides[full], "belief-better"),
            _under(sides[not full], "belief-worse"),
            plot.line(outline, "now"),
        ),
        mark(scale, 0.0, "zero", _DENSITY),
        tall=_DENSITY,
    )


def _zero(low: float, high: float) -> set[float]:
    return {0.0} if low < 0 < high else set()


def _under(outline: Sequence[plot.Point], kind: str) -> Markup | None:
    if len(outline) < 2:
        return None
    floor = [(outline[-1][0], _DENSITY), (outline[0][0], _DENSITY)]
    return plot.area([*outline, *floor], kind)


def _chance_bar(chance: float) -> tuple[Markup, ...]:
    inside = min(max(chance, 0.0), 1.0)
    return (
        plot.bar(0, 1, 5, TALL - 10, "ref"),
        plot.bar(0, inside, 5, TALL - 10, "now-bar"),
        plot.upright(0.5, 0, TALL, "zero"),
    )


def _drawn(points: Sequence[EffectPoint], frame: Frame) -> list[Markup]:
    """The interval as an area, and the effect as a line in it."""
    if not points:
        return []
    bounded = [one for one in points if not (math.isnan(one.low) or math.isnan(one.high))]
    upper = [(_x(one, frame), frame.down(_finite(one.high))) for one in bounded]
    lower = [(_x(one, frame), frame.down(_finite(one.low))) for one in bounded]
    drawn = []
    if len(bounded) > 1:
        drawn.append(plot.area([*upper, *reversed(lower)], "realised-band"))
    elif bounded:
        (x, top), (_, floor) = upper[0], lower[0]
        drawn.append(
            plot.area([(x - 3, top), (x + 3, top), (x + 3, floor), (x - 3, floor)], "realised-band")
        )
    drawn.append(
        plot.line([(_x(one, frame), frame.down(one.effect)) for one in points], "realised")
    )
    return drawn


def _dot(point: EffectPoint, frame: Frame) -> Markup:
    return plot.dot(_x(point, frame) / plot.WIDTH, frame.down(point.effect), "realised-dot", 3.5)


def _x(point: EffectPoint, frame: Frame) -> float:
    return min(max(frame.across(point.at_s), 0.0), 1.0) * plot.WIDTH


def _finite(value: float) -> float:
    """Bounds that are not there yet lie on the edge of the chart."""
    return value if math.isfinite(value) else math.copysign(1e300, value)
