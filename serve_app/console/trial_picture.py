"""The trials of a search as a picture: what each came to, and the best so far."""

from __future__ import annotations

from collections.abc import Sequence

from serve_app.monitoring import words
from serve_app.monitoring.report import plot
from serve_app.monitoring.report.markup import Markup, shortened

TALL, AXIS = 110.0, 18.0
_TOP = 8.0
MOST_DOTS = 200
"""Of more trials the line alone is drawn."""


def trial_picture(trials: Sequence[tuple[int, float]], metric: str, *, greater: bool) -> Markup:
    """Values by the number of their trial, each with a dot, and the best so far as a line.

    `greater` says that more of the metric is better; there has to be one trial at least.
    """
    values = [value for _, value in trials]
    low, high = min(values), max(values)
    edge = 0.06 * (high - low) or 0.01 * abs(high) or 0.01
    low, high = low - edge, high + edge
    first, last = trials[0][0], max(trials[-1][0], trials[0][0] + 1)

    def across(number: float) -> float:
        return (number - first) / (last - first)

    def down(value: float) -> float:
        return _TOP + (1 - (value - low) / (high - low)) * (TALL - _TOP)

    better = max if greater else min
    best, course = values[0], []
    for number, value in trials:
        course.append((across(number) * plot.WIDTH, down(best)))
        best = better(best, value)
        course.append((across(number) * plot.WIDTH, down(best)))
    course.append((plot.WIDTH, down(best)))
    ticks = [(down(at), words.number(at)) for at in words.ticks(low, high, 4)]
    dots = [plot.dot(across(number), down(value), "estimated-dot") for number, value in trials]
    meaning = (
        f"{words.plural(len(trials), 'trial')} judged; the best came to {words.number(best)}, the "
        f"first to {words.number(values[0])}"
    )
    labels = [(0.0, f"trial {first}"), (1.0, f"trial {last}")]
    return plot.chart(
        f"{shortened(metric)} by trial",
        meaning,
        int(TALL + AXIS),
        *(plot.level(y) for y, _ in ticks),
        plot.stretched(0, plot.WIDTH, TALL, plot.line(course, "realised")),
        *(dots if len(dots) <= MOST_DOTS else ()),
        *(plot.level_label(y, label) for y, label in ticks),
        plot.level(TALL, "base"),
        plot.time_axis(labels, TALL + 14),
    )
