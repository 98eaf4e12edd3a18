"""What a column looked like in training, as a picture: from the profile of a version."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from serve_app.monitoring import words
from serve_app.monitoring.binning import Cells
from serve_app.monitoring.profile.feature import Feature
from serve_app.monitoring.report import plot
from serve_app.monitoring.report.cells import OTHER, UNSEEN, distribution_of
from serve_app.monitoring.report.document import Distribution
from serve_app.monitoring.report.markup import Markup, element, joined, name_of, shortened
from serve_app.monitoring.report.shapes import scale_of

TALL, AXIS = 70.0, 16.0
_TOP = 6.0


@dataclass(frozen=True, slots=True)
class ColumnPicture:
    """A column with its picture, and in words what it held."""

    name: str
    words: str
    picture: Markup


def column_picture(feature: Feature) -> ColumnPicture:
    """The shares of values by bin or by name."""
    counts = np.array(feature.counts, dtype=np.int64)
    cells = Cells(
        feature, counts, feature.missing, feature.minus_infinity, feature.plus_infinity
    )  # fmt: skip
    shown = distribution_of(cells, cells, prediction=False)
    is_binned = shown.kind == "numbers" and len(shown.edges) > 1
    picture = _bins(shown, feature) if is_binned else _names(shown)
    return ColumnPicture(feature.name, _in_words(feature), picture)


def _in_words(feature: Feature) -> str:
    rows = sum(feature.counts) + feature.missing + feature.minus_infinity + feature.plus_infinity
    parts = [feature.dtype]
    if feature.minimum is not None and feature.maximum is not None:
        parts.append(f"{words.number(feature.minimum)} to {words.number(feature.maximum)}")
    if feature.mean is not None:
        parts.append(f"mean {words.number(feature.mean)}")
    if feature.kind == "categories":
        parts.append(words.plural(feature.distinct, "name"))
    if feature.missing and rows:
        parts.append(f"{words.share(feature.missing / rows)} missing")
    return ", ".join(parts)


def _bins(one: Distribution, feature: Feature) -> Markup:
    scale = scale_of(one)
    begin = 0 if one.reference[0] else 1
    end = len(one.reference) - (0 if one.reference[-1] else 1)
    counts = one.reference[begin:end]
    widths = [b - a for a, b in zip(scale.lefts[:-1], scale.lefts[1:], strict=True)]
    # Areas are shares: what is drawn wider is lower.
    heights = [
        count / width if scale.by_value else float(count)
        for count, width in zip(counts, widths, strict=True)
    ]
    most = max(heights) or 1.0
    outline = plot.steps(
        scale.lefts, [TALL - height / most * (TALL - _TOP) for height in heights], TALL
    )
    edges = one.edges
    ticks = [(0.0, words.number(edges[0])), (1.0, words.number(edges[-1]))]
    return plot.chart(
        shortened(one.name),
        _in_words(feature),
        int(TALL + AXIS),
        plot.stretched(0, plot.WIDTH, TALL, plot.area(outline, "ref")),
        plot.level(TALL, "base"),
        "" if one.is_time else plot.time_axis(ticks, TALL + 13),
    )


def _names(one: Distribution) -> Markup:
    total = sum(one.reference) or 1
    most = max(one.reference, default=0) or 1
    rows = []
    for label, count in zip(one.labels, one.reference, strict=True):
        if count or label not in {OTHER, UNSEEN}:
            drawn = element(
                "svg", plot.bar(0, count / most, 0, 12, "ref"), width="100%", height=12,
                role="img", aria_label=f"{shortened(label)}: {words.share(count / total)}",
            )  # fmt: skip
            rows.append(
                joined(
                    element("div", name_of(label), class_="name"),
                    element("div", drawn, class_="strip"),
                    element("div", words.share(count / total), class_="last"),
                )
            )
    return element("div", *rows, class_="names")
