"""Lanes: a name, what is drawn of it, and the same in words, one below the other."""

from __future__ import annotations

import math
from collections.abc import Iterable

from serve_app.monitoring import words
from serve_app.monitoring.experiment.figures import Scale
from serve_app.monitoring.report import plot
from serve_app.monitoring.report.markup import Child, Markup, element, joined, name_of, shortened

TALL = 22
_MIDDLE = TALL / 2


def lanes(rows: Iterable[Markup], axis: Markup | None = None) -> Markup:
    """The lanes; an axis stands below what is drawn."""
    last = None if axis is None else lane(None, axis, None, hidden=True)
    return element("ul", *rows, last, class_="lanes")


def lane(name: Child, drawn: Markup | None, last: Child, *, hidden: bool = False) -> Markup:
    """One of them."""
    return element(
        "li",
        element("div", name, class_="name"),
        element("div", drawn, class_="strip"),
        element("div", last, class_="last"),
        class_="lane",
        aria_hidden="true" if hidden else None,
    )


def strip(meaning: str, *content: Child, tall: float = TALL) -> Markup:
    """What is drawn in a lane, with the same in words."""
    return element(
        "svg",
        element("title", meaning),
        *content,
        class_="lane-strip",
        width="100%",
        height=tall,
        role="img",
        aria_label=meaning,
    )


def interval(scale: Scale, value: float | None, low: float | None, high: float | None) -> Markup:
    """An interval as a line with caps, and its value as a dot; what is cut has an arrow instead."""
    parts: list[Markup] = []
    if low is not None and high is not None and not (math.isnan(low) or math.isnan(high)):
        left, right = scale.across(low), scale.across(high)
        parts.append(plot.bar(left, max(right - left, 0.002), _MIDDLE - 3, 6, "interval"))
        for at, bound, arrow in (
            (left, low, "\N{LEFTWARDS ARROW}"),
            (right, high, "\N{RIGHTWARDS ARROW}"),
        ):
            if scale.holds(bound):
                parts.append(plot.upright(at, _MIDDLE - 5, 10, "cap"))
            else:
                anchor = "start" if arrow == "\N{LEFTWARDS ARROW}" else "end"
                place = "0" if anchor == "start" else "100%"
                parts.append(
                    element(
                        "text", arrow, x=place, y=_MIDDLE - 5, class_="tick", text_anchor=anchor
                    )
                )
    if value is not None and math.isfinite(value):
        parts.append(plot.dot(scale.across(value), _MIDDLE, "realised-dot", 4))
    return joined(*parts)


def mark(scale: Scale, value: float, kind: str, tall: float = TALL) -> Markup | None:
    """An upright line at a value, where it can be seen."""
    return plot.upright(scale.across(value), 0, tall, kind) if scale.holds(value) else None


def axis_of(scale: Scale, *, as_shares: bool = False) -> Markup:
    """The values below lanes."""
    ticks = [
        (scale.across(at), words.share(at) if as_shares else words.number(float(f"{at:.6g}")))
        for at in words.ticks(scale.low, scale.high, 4)
        if scale.holds(at)
    ]
    marks = [plot.upright(at, 0, 4, "grid") for at, _ in ticks]
    return element("svg", *marks, plot.time_axis(ticks, 15), class_="axis", width="100%", height=18)


def named(name: str, note: str = "") -> Markup:
    """A name that somebody gave, whole where one points at it."""
    after = element("span", f" {note}", class_="muted") if note else None
    return element("span", name_of(name), after, title=shortened(name, 600))
