"""The picture of the study: a year of answers and of distances, month by month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from examples.case_study.plot import Axis, Dots, Line, Mark, Panel, Shape, picture
from examples.flights.judging import Judged

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SHOWN = ("temp", "pressure", "humid")
_LEAST, _MOST = 0.01, 10.0
"""Of the axis of distances."""
_WEEK = 7.0
_THRESHOLD = 0.1


def months(
    by_version: Sequence[Mapping[int, Judged]], apart: Mapping[int, Mapping[str, float]]
) -> str:
    """What came and what each version expected; how far columns were from January."""
    axis = Axis("", 1, 12, labels=[(at + 1.0, name) for at, name in enumerate(_MONTHS)])
    first, second = by_version
    came: list[Shape] = [
        Line("late", [(float(at), one.late) for at, one in first.items()], 2),
        Line("expected by version 1", _expected(first), 0, dashed=True),
        Line("expected by version 2", _expected(second), 1, dashed=True),
        Dots("", _expected(second), 1, radius=4.0),
    ]
    highest = max(max(one.late, one.expected) for each in by_version for one in each.values())
    far: list[Shape] = [
        Line(name, [(float(at), one[name]) for at, one in apart.items() if at > 1], colour)
        for colour, name in enumerate(_SHOWN)
    ]
    far += [Line("the monitor's threshold", [(1, _THRESHOLD), (12, _THRESHOLD)], 4, dashed=True)]
    marks = (Mark(_WEEK, "trained again"),)
    panels = [
        Panel("Late arrivals", axis, Axis("share of arrivals", 0, highest * 1.15), came, marks),
        Panel("How far from January", axis, Axis("PSI", _LEAST, _MOST, log=True), far),
    ]
    return picture(
        "A year of flights",
        "Late arrivals by month and what versions expected; distances of columns from January.",
        panels,
    )


def _expected(months: Mapping[int, Judged]) -> list[tuple[float, float]]:
    return [(float(at), one.expected) for at, one in months.items()]
