"""The parts that charts are made of: they are as wide as their place, and their text never is.

What has an area lies in a coordinate system of its own that is stretched (`stretched`); text,
dots and lines of the axes are placed by percentages. So a chart is legible on a phone and on
paper without any script.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from serve_app.monitoring.report.markup import Child, Markup, element, joined

WIDTH = 1000.0
"""Of the coordinates that are stretched to the width of the page."""
Point = tuple[float, float]


def chart(title: str, description: str, height: int, *content: Child, **data: str) -> Markup:
    """A chart of so many pixels' height, with words for those who cannot see it."""
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *content,
        class_="chart",
        width="100%",
        height=height,
        role="img",
        aria_label=f"{title}. {description}",
        **data,
    )


def stretched(top: float, width: float, height: float, *content: Child) -> Markup:
    """Content of a coordinate system `width` x `height`, stretched over the chart from `top` on."""
    return element(
        "svg",
        *content,
        x="0",
        y=top,
        width="100%",
        height=height,
        viewBox=f"0 0 {_short(width)} {_short(height)}",
        preserveAspectRatio="none",
    )


def line(points: Sequence[Point], kind: str) -> Markup:
    """A line through points; one point alone is a short one."""
    if len(points) == 1:
        ((x, y),) = points
        points = [(x - 2, y), (x + 2, y)]
    return element(
        "path", d=_path(points), class_=kind, fill="none", vector_effect="non-scaling-stroke"
    )


def area(points: Sequence[Point], kind: str) -> Markup:
    """A closed area."""
    return element("path", d=f"{_path(points)}z", class_=kind)


def steps(lefts: Sequence[float], heights: Sequence[float], floor: float) -> list[Point]:
    """The outline of bars side by side: bar `n` reaches from `lefts[n]` to `lefts[n + 1]`."""
    points: list[Point] = [(lefts[0], floor)]
    for left, right, height in zip(lefts[:-1], lefts[1:], heights, strict=True):
        points += [(left, height), (right, height)]
    return [*points, (lefts[-1], floor)]


def boxes(places: Iterable[int], height: float, kind: str, top: float = 0.0) -> Markup | None:
    """Boxes one unit wide at whole places, neighbours as one."""
    runs: list[list[int]] = []
    for place in sorted(places):
        if runs and runs[-1][1] == place:
            runs[-1][1] = place + 1
        else:
            runs.append([place, place + 1])
    if not runs:
        return None
    tall, at = _short(height), _short(top)
    path = "".join(f"M{a} {at}h{b - a}v{tall}h-{b - a}z" for a, b in runs)
    return element("path", d=path, class_=kind, shape_rendering="crispEdges")


def time_axis(ticks: Sequence[tuple[float, str]], top: float) -> Markup:
    """The labels of moments, each at its share of the width from 0 to 1."""
    labels = []
    for at, label in ticks:
        anchor = "start" if at < 0.03 else "end" if at > 0.97 else "middle"
        labels.append(
            element("text", label, x=_percent(at), y=top, class_="tick", text_anchor=anchor)
        )
    return joined(*labels)


def level(y: float, kind: str = "grid") -> Markup:
    """A horizontal line over the whole width."""
    return element("line", x1="0", x2="100%", y1=y, y2=y, class_=kind)


def level_label(y: float, label: str) -> Markup:
    """What a horizontal line stands for, just above it."""
    return element("text", label, x="0", y=y - 3, class_="tick")


def dot(at: float, y: float, kind: str, radius: float = 2.5) -> Markup:
    """A dot at a share of the width."""
    return element("circle", cx=_percent(at), cy=y, r=radius, class_=kind)


def bar(left: float, width: float, y: float, height: float, kind: str) -> Markup:
    """A bar at shares of the width."""
    return element("rect", x=_percent(left), y=y, width=_percent(width), height=height, class_=kind)


def upright(at: float, top: float, height: float, kind: str) -> Markup:
    """An upright line at a share of the width."""
    return element("line", x1=_percent(at), x2=_percent(at), y1=top, y2=top + height, class_=kind)


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in points)


def _percent(share: float) -> str:
    return f"{_short(100 * share)}%"


def _short(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text
