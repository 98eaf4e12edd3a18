"""How many replicas a deployment was to have over time, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serve_app.monitoring import words
from serve_app.monitoring.report import plot
from serve_app.monitoring.report.courses import time_ticks
from serve_app.monitoring.report.markup import Markup, shortened

TALL, AXIS = 60.0, 18.0
_TOP = 8.0
_LEAST_SPAN_S = 60.0


def scaling_picture(deployment: Mapping[str, Any], now_s: float) -> Markup:
    """The course of its replicas from the first change that is known until now.

    `deployment` is as `serve-app status --json` has it, with one change at least.
    """
    changes = sorted(deployment["changes"], key=lambda one: one["at_s"])
    span_s = max(now_s - changes[0]["at_s"], _LEAST_SPAN_S)
    from_s: float = changes[0]["at_s"] - 0.05 * span_s
    to_s: float = max(now_s, changes[-1]["at_s"])
    most: int = max(max(one["from"], one["to"]) for one in changes) or 1

    def across(at_s: float) -> float:
        return plot.WIDTH * (at_s - from_s) / (to_s - from_s)

    def down(replicas: float) -> float:
        return _TOP + (1 - replicas / most) * (TALL - _TOP)

    course = [(0.0, down(changes[0]["from"]))]
    for one in changes:
        course += [(across(one["at_s"]), down(one["from"])), (across(one["at_s"]), down(one["to"]))]
    course.append((plot.WIDTH, down(changes[-1]["to"])))
    last = changes[-1]
    meaning = (
        f"{words.plural(last['to'], 'replica')} since {words.moment(last['at_s'])}, "
        f"at most {most} in {words.plural(len(changes), 'change')}"
    )
    name = f"{deployment['application']} {deployment['deployment']}"
    return plot.chart(
        shortened(name),
        meaning,
        int(TALL + AXIS),
        plot.level(down(most)),
        plot.stretched(0, plot.WIDTH, TALL, plot.line(course, "realised")),
        plot.level_label(down(most), f"{most}"),
        plot.level(TALL, "base"),
        time_ticks(from_s, to_s, TALL),
    )
