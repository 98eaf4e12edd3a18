"""The cells of a feature as people read them: few enough to be drawn, and each with a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from serve_app.monitoring import words
from serve_app.monitoring.binning import Cells
from serve_app.monitoring.profile.feature import Feature
from serve_app.monitoring.report.document import Distribution

MOST_BINS = 40
MOST_NAMES = 12
MOST_VALUES = 32
OTHER, UNSEEN = "other", "never seen"


def distribution_of(reference: Cells, current: Cells, *, prediction: bool) -> Distribution:
    """Both counts in the same cells, pooled where there are too many of them to be drawn."""
    feature = reference.feature
    before, now = reference.counts.tolist(), current.counts.tolist()
    blank = Distribution(
        name=feature.name,
        prediction=prediction,
        kind=feature.kind,
        reference=(),
        current=(),
        missing=(reference.missing, current.missing),
        is_time=feature.dtype.startswith("datetime64"),
    )
    if feature.kind == "numbers":
        # Infinities lie outside as well.
        for counts, cells in ((before, reference), (now, current)):
            counts[0] += cells.minus_infinity
            counts[-1] += cells.plus_infinity
        return _of_numbers(blank, feature.edges, before, now)
    if feature.kind == "values":
        for counts, cells in ((before, reference), (now, current)):
            counts[-1] += cells.minus_infinity + cells.plus_infinity
    return _of_names(blank, _names(feature), before, now)


def _of_numbers(
    blank: Distribution, edges: Sequence[float], before: list[int], now: list[int]
) -> Distribution:
    """Neighbours become one where there are too many; what lies outside stays apart."""
    bins = len(edges) - 1
    least = -(-bins // MOST_BINS)
    # Where it can be, all hold as many bins: what is drawn is as wide then.
    step = next((one for one in range(least, 2 * least + 1) if bins % one == 0), least)
    starts = range(0, bins, step)
    return replace(
        blank,
        reference=_pooled(before, starts, step),
        current=_pooled(now, starts, step),
        edges=(*(edges[start] for start in starts), edges[-1]),
    )


def _pooled(counts: list[int], starts: range, step: int) -> tuple[int, ...]:
    inner = counts[1:-1]
    return (counts[0], *(sum(inner[start : start + step]) for start in starts), counts[-1])


def _of_names(
    blank: Distribution, names: Sequence[str], before: list[int], now: list[int]
) -> Distribution:
    """The names that are most frequent before or now, in their order; others join `other`."""
    named = len(names)
    shares = [
        max(before[at] / max(1, sum(before)), now[at] / max(1, sum(now))) for at in range(named)
    ]
    most = MOST_VALUES if blank.kind == "values" else MOST_NAMES
    largest = sorted(range(named), key=lambda at: (-shares[at], at))[:most]
    kept = sorted(largest)
    return replace(
        blank,
        reference=_kept(before, kept),
        current=_kept(now, kept),
        labels=(*(names[at] for at in kept), OTHER, UNSEEN),
    )


def _kept(counts: list[int], kept: Sequence[int]) -> tuple[int, ...]:
    """Those of some names, of all others together, and of names that were never seen."""
    rest = sum(counts[:-1]) - sum(counts[at] for at in kept)
    return (*(counts[at] for at in kept), rest, counts[-1])


def _names(feature: Feature) -> list[str]:
    if feature.kind == "categories":
        return list(feature.categories)
    if feature.dtype == "bool":
        return ["true" if value else "false" for value in feature.values]
    if feature.dtype.startswith("datetime64"):
        return [words.moment(value) for value in feature.values]
    return [words.number(value) for value in feature.values]
