"""How often an endpoint is asked, and how fast it answers, over time as pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.monitoring import words
from serve_app.monitoring.report import plot
from serve_app.monitoring.report.courses import AXIS, TALL, Frame, time_ticks
from serve_app.monitoring.report.markup import Markup, joined

_ROOM = 1.1
Moment = Mapping[str, Any]
Value = Callable[[Moment], float | None]


@dataclass(frozen=True, slots=True)
class TrafficPicture:
    """A picture of two courses at most, and what its full and its dashed line are."""

    title: str
    legend: str
    picture: Markup


@dataclass(frozen=True, slots=True)
class _Course:
    """A line of a picture: what it is, how it is drawn, and its value in a moment."""

    name: str
    kind: str
    value: Value


def traffic_pictures(course: Mapping[str, Any]) -> list[TrafficPicture]:
    """Requests, those without an answer, and latencies; none where nobody asked anything.

    `course` is as the admin API has it.
    """
    if not course["moments"]:
        return []
    step_s = course["step_s"]
    return [
        _picture(
            "Requests per second",
            course,
            (_Course("requests", "realised", lambda one: one["requests"] / step_s),),
        ),
        _picture(
            "Requests per second without an answer",
            course,
            (
                _Course("faults of this side", "realised", lambda one: one["faults"] / step_s),
                _Course("refused", "estimated", lambda one: one["refused"] / step_s),
            ),
        ),
        _picture(
            "Latency in milliseconds",
            course,
            (
                _Course("half of requests (p50)", "realised", lambda one: _ms(one["p50_s"])),
                _Course("99 of 100 (p99)", "estimated", lambda one: _ms(one["p99_s"])),
            ),
            has_gaps=True,
        ),
    ]


def _picture(
    title: str,
    course: Mapping[str, Any],
    drawn: Sequence[_Course],
    *,
    has_gaps: bool = False,
) -> TrafficPicture:
    """With gaps nothing is known of moments in which nobody asked; else it is 0 there."""
    from_s, until_s, step_s = course["since_s"], course["until_s"], course["step_s"]
    by_time = {one["at_s"]: one for one in course["moments"]}
    values: list[list[tuple[float, float | None]]] = []
    for line in drawn:
        points = [
            (at_s + step_s / 2, line.value(by_time[at_s]) if at_s in by_time else None)
            for at_s in range(from_s, until_s, step_s)
        ]
        values.append([(at_s, v if has_gaps else v or 0.0) for at_s, v in points])
    most = max((v for points in values for _, v in points if v is not None), default=0.0)
    frame = Frame(from_s, until_s, 0.0, most * _ROOM or 1.0)
    ticks = [(frame.down(at), words.number(at)) for at in words.ticks(0.0, frame.high, 3)]
    meaning = ", ".join(
        f"{line.name} {_last(points)} last" for line, points in zip(drawn, values, strict=True)
    )
    picture = plot.chart(
        title,
        f"{meaning}; at most {words.number(most)}",
        int(TALL + AXIS),
        *(plot.level(y) for y, _ in ticks),
        *(_line(points, frame, line.kind) for line, points in zip(drawn, values, strict=True)),
        *(plot.level_label(y, label) for y, label in ticks),
        plot.level(TALL, "base"),
        time_ticks(from_s, until_s, TALL),
    )
    styles = ("full line", "dashed line")
    legend = ", ".join(f"{style}: {line.name}" for style, line in zip(styles, drawn, strict=False))
    return TrafficPicture(title, legend if len(drawn) > 1 else "", picture)


def _line(points: Sequence[tuple[float, float | None]], frame: Frame, kind: str) -> Markup:
    runs: list[list[tuple[float, float]]] = [[]]
    for at_s, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((frame.across(at_s) * plot.WIDTH, frame.down(value)))
    lines = joined(*(plot.line(run, kind) for run in runs if run))
    return plot.stretched(0, plot.WIDTH, TALL, lines)


def _last(points: Sequence[tuple[float, float | None]]) -> str:
    known = [value for _, value in points if value is not None]
    return words.number(known[-1]) if known else "unknown"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
