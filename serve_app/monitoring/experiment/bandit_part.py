"""The part of the page about a bandit: the share of each arm over time, and what it earns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serve_app.monitoring import words
from serve_app.monitoring.experiment.effect_charts import Span
from serve_app.monitoring.experiment.lanes import named
from serve_app.monitoring.report import plot
from serve_app.monitoring.report.courses import AXIS, Frame, time_ticks
from serve_app.monitoring.report.courses import TALL as COURSE_TALL
from serve_app.monitoring.report.markup import NOTHING, Markup, element, name_of, shortened
from serve_app.monitoring.report.tables import more, table

MOST_ARMS = 40
_HEADS = ("arm", "share now", "decisions with a reward", "mean reward", "if it always answered")


def bandit_part(arms: Sequence[Mapping[str, Any]] | None, span: Span) -> Markup | None:
    """A row and a chart for each arm, as `serve-app monitor watch bandits` has them."""
    if not arms:
        return None
    shown = arms[:MOST_ARMS]
    cards = [_card(one, span) for one in shown if one.get("course")]
    sentence = (
        "Shares follow what arms earn. The last column is what all requests would have earned "
        "with that arm alone, estimated from the probabilities with which arms were chosen."
    )
    return element(
        "section",
        element("h2", "Bandit"),
        element("p", sentence, class_="note"),
        element("div", *cards, class_="grid2") if cards else None,
        table(_HEADS, [_row(one) for one in shown], range(1, len(_HEADS))),
        more(len(arms), MOST_ARMS),
    )


def _row(one: Mapping[str, Any]) -> Markup:
    cells = (
        _share(one.get("share")),
        f"{one['decisions']:,}",
        NOTHING if one.get("mean") is None else words.number(one["mean"]),
        _value(one.get("value")),
    )
    return element(
        "tr",
        element("td", named(one["version"]), class_="name"),
        *(element("td", cell, class_="n") for cell in cells),
    )


def _value(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return NOTHING
    names = ("value", "low", "high")
    middle, low, high = (words.number(float(f"{value[name]:.3g}")) for name in names)
    return f"{middle} ({low} to {high})"


def _share(share: float | None) -> str:
    return "by request" if share is None else words.share(share)


def _card(one: Mapping[str, Any], span: Span) -> Markup:
    """The share of an arm as steps: it stands until the next one."""
    frame = Frame(span.from_s, span.to_s, 0.0, 1.0)
    points: list[plot.Point] = []
    known = sorted((float(at["at_s"]), float(at["share"])) for at in one["course"])
    for at_s, share in known:
        x = min(max(frame.across(at_s), 0.0), 1.0) * plot.WIDTH
        if points:
            points.append((x, points[-1][1]))
        points.append((x, frame.down(share)))
    points.append((plot.WIDTH, points[-1][1]))
    ticks = [(frame.down(at), words.share(at)) for at in (0.5, 1.0)]
    facts = f"{_share(one.get('share'))} now; {words.plural(one['decisions'], 'decision')}"
    drawn = plot.chart(
        shortened(one["version"]),
        facts,
        int(COURSE_TALL + AXIS),
        *(plot.level(y) for y, _ in ticks),
        plot.stretched(0, plot.WIDTH, COURSE_TALL, plot.line(points, "realised")),
        *(plot.level_label(y, label) for y, label in ticks),
        plot.level(COURSE_TALL, "base"),
        time_ticks(span.from_s, span.to_s, COURSE_TALL),
    )
    name = element("h4", name_of(one["version"]), title=shortened(one["version"], 600))
    return element("div", name, drawn, element("p", facts, class_="facts"), class_="card")
