"""The part of the page about who was asked how often, and whether weights say the same."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serve_app.monitoring import words
from serve_app.monitoring.experiment import figures
from serve_app.monitoring.experiment.document import (
    ArmTraffic,
    EpochRatio,
    ExperimentReport,
    SampleRatio,
)
from serve_app.monitoring.experiment.effect_charts import Span
from serve_app.monitoring.experiment.lanes import TALL, lane, lanes, named, strip
from serve_app.monitoring.report import plot
from serve_app.monitoring.report.courses import AXIS, Frame, time_ticks
from serve_app.monitoring.report.courses import TALL as COURSE_TALL
from serve_app.monitoring.report.legend import legend, line_key
from serve_app.monitoring.report.markup import NOTHING, Markup, element, joined, name_of, shortened
from serve_app.monitoring.report.tables import more, table

MOST_EPOCHS = 10
MOST_VARIANTS = 40
LEAST_UNITS = 50
"""So many new units, of all variants together, make a point of a share."""
MOST_STRETCHES = 40


@dataclass(frozen=True, slots=True)
class Stretch:
    """New units by variant in some time."""

    from_s: float
    to_s: float
    units: Mapping[str, int]

    @property
    def total(self) -> int:
        """Those of all variants."""
        return sum(self.units.values())


def traffic_part(report: ExperimentReport, span: Span) -> Markup:
    """A chart and a row for each variant, then the sample-ratio check."""
    arms = report.traffic[:MOST_VARIANTS]
    title = element("h2", "Traffic")
    if not any(one.units or one.requests for one in arms):
        sentence = "No request of this experiment has been answered yet."
        return element("section", title, element("p", sentence), _ratio(report.ratio))
    return element(
        "section",
        title,
        _shares(report, arms, span),
        _table(report, arms),
        more(len(report.traffic), MOST_VARIANTS),
        _ratio(report.ratio),
    )


def stretches_of(traffic: Sequence[ArmTraffic]) -> list[Stretch]:
    """New units in stretches of time, of which each has enough of them to tell a share."""
    courses = {
        one.variant: sorted((point.until_s, point.units) for point in one.course)
        for one in traffic
        if one.course
    }
    times_s = sorted({at_s for course in courses.values() for at_s, _ in course})
    counted = [{name: _by(course, at_s) for name, course in courses.items()} for at_s in times_s]
    total = sum(counted[-1].values()) if counted else 0
    least = max(LEAST_UNITS, total / MOST_STRETCHES)
    made: list[Stretch] = []
    from_s, before = (times_s[0] if times_s else 0.0), dict.fromkeys(courses, 0)
    for at_s, now in zip(times_s, counted, strict=True):
        new = {name: max(0, now[name] - before[name]) for name in courses}
        one, count = Stretch(from_s, at_s, new), sum(new.values())
        if count >= least:
            made.append(one)
            from_s, before = at_s, now
        elif count and at_s == times_s[-1]:
            # Too few to tell a share by themselves.
            made.append(_together(made.pop(), one) if made else one)
    return made


def _together(one: Stretch, after: Stretch) -> Stretch:
    units = {name: count + after.units[name] for name, count in one.units.items()}
    return Stretch(one.from_s, after.to_s, units)


def _by(course: Sequence[tuple[float, int]], at_s: float) -> int:
    """The units until a time."""
    place = bisect_right(course, at_s, key=lambda point: point[0])
    return course[place - 1][1] if place else 0


def _shares(report: ExperimentReport, arms: Sequence[ArmTraffic], span: Span) -> Markup | None:
    """The share of new units of each variant over time, beside what its weight wants."""
    stretches = stretches_of(report.traffic)
    if not stretches:
        return None
    epochs = () if report.ratio is None else report.ratio.epochs
    keys = legend(
        (
            line_key("realised", f"the variant's share of new {report.unit}s"),
            line_key("margin", "what its weight wants"),
        )
    )
    cards = [_card(one, stretches, epochs, span, report.unit) for one in arms]
    return joined(keys, element("div", *cards, class_="grid2"))


def _card(
    arm: ArmTraffic,
    stretches: Sequence[Stretch],
    epochs: Sequence[EpochRatio],
    span: Span,
    unit: str,
) -> Markup:
    facts = words.plural(arm.units, unit)
    if arm.share is not None:
        facts += f", {words.share(arm.share)} of all"
    if arm.wanted is not None:
        facts += f"; its weight wants {words.share(arm.wanted)} now"
    return element(
        "div",
        element("h3", name_of(arm.variant), title=shortened(arm.variant, 600)),
        _chart(arm, stretches, epochs, span, facts),
        element("p", facts, class_="facts"),
        class_="card",
    )


def _chart(
    arm: ArmTraffic,
    stretches: Sequence[Stretch],
    epochs: Sequence[EpochRatio],
    span: Span,
    facts: str,
) -> Markup:
    shares = [
        ((one.from_s + one.to_s) / 2, one.units.get(arm.variant, 0) / one.total)
        for one in stretches
    ]
    wanted = _wanted(arm, epochs, span)
    most = max([share for _, share in [*shares, *wanted]] + [0.05])
    frame = Frame(span.from_s, span.to_s, 0.0, min(1.0, 1.15 * most))
    ticks = [(frame.down(at), words.share(at)) for at in words.ticks(0.0, frame.high, 3)[1:]]
    points = [(_x(at_s, frame), frame.down(share)) for at_s, share in shares]
    lines = [plot.line([(_x(at_s, frame), frame.down(to)) for at_s, to in wanted], "margin")]
    return plot.chart(
        shortened(arm.variant),
        facts,
        int(COURSE_TALL + AXIS),
        *(plot.level(y) for y, _ in ticks),
        plot.stretched(
            0,
            plot.WIDTH,
            COURSE_TALL,
            *(lines if wanted else []),
            plot.line(points, "realised"),
        ),
        *(plot.level_label(y, label) for y, label in ticks),
        plot.level(COURSE_TALL, "base"),
        time_ticks(span.from_s, span.to_s, COURSE_TALL),
    )


def _wanted(arm: ArmTraffic, epochs: Sequence[EpochRatio], span: Span) -> list[tuple[float, float]]:
    """What the weights of each epoch want, as steps; where none is known, what those of now do."""
    ordered = sorted(epochs, key=lambda one: one.since_s)
    steps = []
    for place, one in enumerate(ordered):
        total = sum(one.expected.values())
        if total > 0 and arm.variant in one.expected:
            until_s = ordered[place + 1].since_s if place + 1 < len(ordered) else span.to_s
            share = one.expected[arm.variant] / total
            steps += [(max(one.since_s, span.from_s), share), (until_s, share)]
    if not steps and arm.wanted is not None:
        steps = [(span.from_s, arm.wanted), (span.to_s, arm.wanted)]
    return steps


def _x(at_s: float, frame: Frame) -> float:
    return min(max(frame.across(at_s), 0.0), 1.0) * plot.WIDTH


def _table(report: ExperimentReport, arms: Sequence[ArmTraffic]) -> Markup:
    units = "subjects" if report.unit == "subject" else "counted requests"
    heads = ("variant", "requests", units, "share", "wanted", "errors", "labelled")
    rows = [
        element(
            "tr",
            element("td", named(one.variant), class_="name"),
            *(
                element("td", cell, class_="n")
                for cell in (
                    f"{one.requests:,}",
                    f"{one.units:,}",
                    NOTHING if one.share is None else words.share(one.share),
                    NOTHING if one.wanted is None else words.share(one.wanted),
                    f"{one.errors:,}",
                    f"{one.labelled:,}",
                )
            ),
        )
        for one in arms
    ]
    return table(heads, rows, range(1, len(heads)))


def _ratio(ratio: SampleRatio | None) -> Markup | None:
    """The sample-ratio check, the newest epochs of weights first."""
    title = element("h3", "Sample-ratio check")
    if ratio is None:
        return joined(title, element("p", "It is not known yet."))
    threshold = words.number(ratio.threshold)
    result = f"p = {figures.probability(ratio.p_value)}, below {threshold} it is a mismatch"
    if ratio.p_value is None:
        sentence = "Nothing can be said yet: too few units were assigned."
    elif ratio.mismatch:
        sentence = (
            f"Mismatch ({result}): variants do not have the units that their weights say, so no "
            "result of this experiment can be trusted. Look for who is lost or counted twice."
        )
    else:
        sentence = f"Variants have the units that their weights say ({result})."
    mark = element("b", sentence, class_="bad") if ratio.mismatch else sentence
    newest = sorted(ratio.epochs, key=lambda one: -one.since_s)
    return joined(
        title,
        element("p", mark),
        *(_epoch(one) for one in newest[:MOST_EPOCHS]),
        more(len(newest), MOST_EPOCHS),
    )


def _epoch(one: EpochRatio) -> Markup:
    """The units of an epoch beside those that there should be: a broad bar, and one within it."""
    names = list(dict.fromkeys([*one.expected, *one.counts]))[:MOST_VARIANTS]
    most = max([*one.expected.values(), *one.counts.values(), 1])
    rows = []
    for name in names:
        counted, expected = one.counts.get(name, 0), one.expected.get(name, 0.0)
        meaning = f"{counted:,}, expected {words.number(round(expected, 1))}"
        drawn = strip(
            f"{shortened(name)}: {meaning}",
            plot.bar(0, expected / most, 3, TALL - 6, "ref"),
            plot.bar(0, counted / most, 8, TALL - 16, "now-bar"),
        )
        rows.append(lane(named(name), drawn, meaning))
    since = f"Weights of epoch {one.epoch}, since {words.moment(one.since_s)}"
    p_value = "" if one.p_value is None else f": p = {figures.probability(one.p_value)}"
    return joined(element("h4", f"{since}{p_value}"), lanes(rows))
