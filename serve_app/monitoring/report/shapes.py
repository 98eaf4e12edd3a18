"""Distributions: what rows looked like in training, as an area, and now, as an outline."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.monitoring import words
from serve_app.monitoring.report import plot
from serve_app.monitoring.report.cells import OTHER, UNSEEN
from serve_app.monitoring.report.document import Distribution
from serve_app.monitoring.report.markup import Markup, element, joined, name_of, shortened

_TALL, _ROOM, _AXIS = 84.0, 8.0, 16.0
_TAIL = 40.0
"""How wide what lies outside of the range of training is drawn, of 1,000."""
_PEAK = 12.0
"""How often the highest bar may be higher than all of the same height would be: beyond that,
bins are drawn equally wide."""
MOST_ROWS = 14
"""Values or names of which more are bars side by side."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where each bin begins and ends, of 1,000, and whether that is by its values."""

    lefts: tuple[float, ...]
    by_value: bool
    is_even: bool


def distribution(one: Distribution, *, wide: bool = False) -> Markup:
    """The chart of a feature or prediction; a wide one is higher."""
    if not sum(one.reference) and not sum(one.current):
        return element("p", "no values, in training or now", class_="note")
    if one.kind == "numbers" and len(one.edges) > 1:
        return _bins(one, 1.6 if wide else 1.0)
    return _names(one) if len(one.labels) <= MOST_ROWS else _bars(one)


def largest_change(one: Distribution) -> str:
    """Which cell changed most, in words; empty where nothing can be compared."""
    before, now = _shares(one.reference), _shares(one.current)
    if not sum(before) or not sum(now):
        return ""
    at = max(range(len(before)), key=lambda place: abs(now[place] - before[place]))
    return f"{cell_name(one, at)}: {words.share(now[at])}, was {words.share(before[at])}"


def cell_name(one: Distribution, at: int) -> str:
    """What a cell is called: a range, or a name."""
    if one.kind != "numbers":
        return shortened(one.labels[at])
    if at == 0:
        return f"below {_value(one, one.edges[0])}"
    if at == len(one.reference) - 1:
        return f"above {_value(one, one.edges[-1])}"
    low, high = _value(one, one.edges[at - 1]), _value(one, one.edges[at])
    return low if low == high else f"{low} to {high}"


def scale_of(one: Distribution) -> Scale:
    """Bins by their values, unless few of them would take all of the height."""
    edges, inner = one.edges, _shares(one.reference)[1:-1]
    tails = [_TAIL if one.reference[at] or one.current[at] else 0.0 for at in (0, -1)]
    left, right = tails[0], plot.WIDTH - tails[1]
    span = edges[-1] - edges[0]
    widths = [after - before for before, after in itertools.pairwise(edges)]
    by_value = math.isfinite(span) and span > 0 and all(width > 0 for width in widths)
    if by_value:
        peak = max(share * span / width for share, width in zip(inner, widths, strict=True))
        by_value = peak <= _PEAK
    if by_value:
        places = [left + (edge - edges[0]) / span * (right - left) for edge in edges]
    else:
        places = [left + at * (right - left) / len(widths) for at in range(len(edges))]
    is_even = not by_value or max(widths) <= 1.001 * min(widths)
    lefts = [*([0.0] if tails[0] else []), *places, *([plot.WIDTH] if tails[1] else [])]
    return Scale(tuple(lefts), by_value, is_even)


def _bins(one: Distribution, zoom: float) -> Markup:
    scale, tall = scale_of(one), _TALL * zoom
    begin = 0 if one.reference[0] or one.current[0] else 1
    end = len(one.reference) - (0 if one.reference[-1] or one.current[-1] else 1)
    both = [_shares(counts)[begin:end] for counts in (one.reference, one.current)]
    wide = [b - a for a, b in zip(scale.lefts[:-1], scale.lefts[1:], strict=True)]
    mean = plot.WIDTH / len(wide)
    # Areas are shares: what is drawn wider is lower.
    heights = [
        [s / width * mean if scale.by_value else s for s, width in zip(shares, wide, strict=True)]
        for shares in both
    ]
    most = max(max(some) for some in heights) or 1.0
    drawn = [
        plot.steps(scale.lefts, [tall - height / most * (tall - _ROOM) for height in some], tall)
        for some in heights
    ]
    grid = _share_grid(most, tall) if scale.is_even else None
    return plot.chart(
        shortened(one.name),
        f"largest change: {largest_change(one)}",
        int(tall + _AXIS),
        plot.stretched(
            0, plot.WIDTH, tall, plot.area(drawn[0], "ref"), plot.area(drawn[1], "now-area")
        ),
        plot.stretched(0, plot.WIDTH, tall, plot.line(drawn[1], "now")),
        grid,
        plot.level(tall, "base"),
        _ticks(one, scale, begin, tall),
        data_cells="|".join(cell_name(one, at) for at in range(begin, end)),
        data_lefts=",".join(f"{left:.0f}" for left in scale.lefts),
        data_before=",".join(f"{share:.4f}" for share in both[0]),
        data_now=",".join(f"{share:.4f}" for share in both[1]),
    )


def _bars(one: Distribution) -> Markup:
    """Many values as bars side by side, of which some are named below."""
    count = len(one.labels)
    lefts = [at * plot.WIDTH / count for at in range(count + 1)]
    both = [_shares(counts) for counts in (one.reference, one.current)]
    most = max(max(some) for some in both) or 1.0
    drawn = [
        plot.steps(lefts, [_TALL - share / most * (_TALL - _ROOM) for share in some], _TALL)
        for some in both
    ]
    named = range(0, count - 2, max(1, -(-(count - 2) // 5)))
    ticks = [((at + 0.5) / count, one.labels[at][:12]) for at in named]
    return plot.chart(
        shortened(one.name),
        f"largest change: {largest_change(one)}",
        int(_TALL + _AXIS),
        plot.stretched(
            0, plot.WIDTH, _TALL, plot.area(drawn[0], "ref"), plot.area(drawn[1], "now-area")
        ),
        plot.stretched(0, plot.WIDTH, _TALL, plot.line(drawn[1], "now")),
        _share_grid(most, _TALL),
        plot.level(_TALL, "base"),
        plot.time_axis(ticks, _TALL + 13),
        data_cells="|".join(label.replace("|", "/") for label in one.labels),
        data_lefts=",".join(f"{left:.0f}" for left in lefts),
        data_before=",".join(f"{share:.4f}" for share in both[0]),
        data_now=",".join(f"{share:.4f}" for share in both[1]),
    )


def _names(one: Distribution) -> Markup:
    """A row for each name: the share in training as a broad bar, the one of now within it."""
    before, now = _shares(one.reference), _shares(one.current)
    most = max(*before, *now) or 1.0
    rows = []
    for label, share, share_now in zip(one.labels, before, now, strict=True):
        if not share and not share_now and label in {OTHER, UNSEEN}:
            continue
        meaning = f"{shortened(label)}: {words.share(share_now)}, was {words.share(share)}"
        drawn = element(
            "svg",
            element("title", meaning),
            plot.bar(0, share / most, 0, 12, "ref"),
            plot.bar(0, share_now / most, 3.5, 5, "now-bar"),
            width="100%",
            height=12,
            role="img",
            aria_label=meaning,
        )
        shown = [words.share(share_now), element("i", f" {words.share(share)}")]
        rows.append(
            joined(
                element("div", name_of(label), class_="name"),
                element("div", drawn, class_="strip"),
                element("div", *shown, class_="last"),
            )
        )
    return element("div", *rows, class_="names")


def _ticks(one: Distribution, scale: Scale, begin: int, tall: float) -> Markup:
    """A few values below the bins: round ones where they are drawn by value."""
    edges, first = one.edges, 1 if begin == 0 else 0
    places = scale.lefts[first : first + len(edges)]
    if scale.by_value and not one.is_time:
        step = (places[-1] - places[0]) / (edges[-1] - edges[0])
        ticks = [
            ((places[0] + (value - edges[0]) * step) / plot.WIDTH, words.number(value))
            for value in words.ticks(edges[0], edges[-1], 4)
        ]
    else:
        chosen = sorted({round(at * (len(edges) - 1) / 3) for at in range(4)})
        ticks = [(places[at] / plot.WIDTH, _tick(one, edges[at])) for at in chosen]
    marks = [plot.upright(at, tall, 3, "grid") for at, _ in ticks]
    return joined(*marks, plot.time_axis(ticks, tall + 13))


def _share_grid(most: float, tall: float) -> Markup | None:
    """A line at a round share of about half of the height."""
    shares = words.ticks(0, most, 2)
    if len(shares) < 2:
        return None
    at = tall - shares[1] / most * (tall - _ROOM)
    return joined(plot.level(at), plot.level_label(at, words.share(shares[1])))


def _shares(counts: Sequence[int]) -> list[float]:
    rows = sum(counts)
    return [count / rows if rows else 0.0 for count in counts]


def _value(one: Distribution, value: float) -> str:
    return words.moment(value) if one.is_time else words.number(value)


def _tick(one: Distribution, value: float) -> str:
    if one.is_time:
        return words.moment(value)[:10]
    return words.number(float(f"{value:.3g}"))
