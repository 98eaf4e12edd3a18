"""Whether a difference of two histograms can be chance: p-values and what they need.

SciPy is imported when the first p-value is computed; `scipy.stats` only for that of KS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from serve_app.monitoring.drift.cells import neighbours, pooled, rare
from serve_app.monitoring.drift.distances import Vector, pair, pearson
from serve_app.monitoring.drift.special import special

COCHRAN = 5.0
"""Expected rows of a bin below which Pearson's statistic does not follow chi-square."""


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """Pearson's statistic, its degrees of freedom and its p-value."""

    statistic: float
    degrees: int
    p: float


def chi_square(
    reference: ArrayLike,
    current: ArrayLike,
    *,
    minimum_expected: float = COCHRAN,
    ordered: bool = False,
) -> ChiSquare:
    """Test whether both counts come from one distribution (homogeneity, no correction).

    Bins where fewer than `minimum_expected` rows are expected on either side are merged: with
    their neighbours where bins are `ordered`, with each other otherwise. A minimum of 0 merges
    none. Bins without rows on both sides do not count.

    Raises:
        ValueError: As `distances.pair`.
    """
    first, second = pair(reference, current)
    return of_counts(first, second, minimum_expected, ordered=ordered)


def of_counts(
    first: Vector, second: Vector, minimum_expected: float = COCHRAN, *, ordered: bool
) -> ChiSquare:
    """`chi_square` of counts that `distances.pair` has checked."""
    expected = _expected(first, second)
    least = float(expected.min())
    if least == 0:
        kept = expected > 0
        first, second, expected = first[kept], second[kept], expected[kept]
    if least < minimum_expected:
        pool = neighbours if ordered else partial(rare, alone=False)
        cells = pool(expected, minimum_expected)
        first, second = pooled(first, cells), pooled(second, cells)
    degrees = first.size - 1
    if degrees == 0:
        return ChiSquare(0.0, 0, 1.0)
    statistic = pearson(first, second)
    return ChiSquare(statistic, degrees, float(special().chdtrc(degrees, statistic)))


def _expected(first: Vector, second: Vector) -> Vector:
    """The rows expected in each bin of whichever side has fewer rows."""
    both = first + second
    smaller: Vector = both * (min(first.sum(), second.sum()) / both.sum())
    return smaller


def homogeneity_p(
    reference: Vector, current: Vector, statistic: ChiSquare, minimum_expected: float = COCHRAN
) -> float:
    """The p-value of unordered bins, to which those that `chi_square` merged add their part.

    Merged bins hide a category that was rare and is so no more, so their share is tested
    exactly beside the rest; the smaller of both p-values counts, doubled for being chosen.
    """
    thin = _expected(reference, current) < minimum_expected
    if not thin.any() or thin.all():
        return statistic.p
    exact = two_proportions_p(
        int(reference[thin].sum()), int(reference.sum()),
        int(current[thin].sum()), int(current.sum()),
    )  # fmt: skip
    if statistic.degrees == 0:
        return exact
    return min(1.0, 2 * min(statistic.p, exact))


def psi_p(value: float, bins: int, reference_rows: int, current_rows: int) -> float:
    """How likely a PSI at least this large is by chance.

    Without drift, PSI * nm / (n + m) follows about chi-square with bins - 1 degrees of freedom
    (Yurdakul, 2018), from about 20 rows per bin on.
    """
    if bins < 2:
        return 1.0
    scale = 1 / (1 / reference_rows + 1 / current_rows)
    return float(special().chdtrc(bins - 1, value * scale))


def psi_threshold(level: float, bins: int, reference_rows: int, current_rows: int) -> float:
    """The PSI that chance exceeds with a probability of `level`, between 0 and 1."""
    if bins < 2:
        return 0.0
    return float(special().chdtri(bins - 1, level) * (1 / reference_rows + 1 / current_rows))


def kolmogorov_smirnov_p(distance: float, reference_rows: int, current_rows: int) -> float:
    """How likely a KS distance at least this large is by chance, asymptotically.

    As SciPy's `ks_2samp(method="asymp")`. Binned and tied values make it larger than it need
    be: it then alarms less often, never more.
    """
    from scipy.stats import kstwo  # noqa: PLC0415 - takes half a second to load

    if distance <= 0:
        return 1.0
    rows = reference_rows * current_rows / (reference_rows + current_rows)
    return float(np.clip(kstwo.sf(distance, max(1, round(rows))), 0, 1))


def two_proportions_p(
    reference_hits: int,
    reference_rows: int,
    current_hits: int,
    current_rows: int,
    *,
    grown: bool = False,
) -> float:
    """How likely two shares differ at least as much by chance: either way, or `grown` alone.

    The normal approximation where at least five hits and misses are expected on both sides,
    else exactly by the hypergeometric distribution: its upper tail, or twice the smaller one.
    """
    hits, rows = reference_hits + current_hits, reference_rows + current_rows
    if hits in (0, rows) or reference_rows == 0 or current_rows == 0:
        return 1.0
    if min(hits, rows - hits) * min(reference_rows, current_rows) / rows >= COCHRAN:
        share = hits / rows
        deviation = math.sqrt(share * (1 - share) * (1 / reference_rows + 1 / current_rows))
        gap = current_hits / current_rows - reference_hits / reference_rows
        ndtr = special().ndtr
        return float(ndtr(-gap / deviation) if grown else 2 * ndtr(-abs(gap) / deviation))
    # The table may be read by hits or by misses, of which the fewer are summed over.
    if hits > rows - hits:
        misses = current_rows - current_hits
        fewer, more = _tails(misses, rows, rows - hits, current_rows)
    else:
        more, fewer = _tails(current_hits, rows, hits, current_rows)
    return min(1.0, more if grown else 2 * min(more, fewer))


def _tails(seen: int, rows: int, hits: int, drawn: int) -> tuple[float, float]:
    """The chances of at least and of at most so many hits among the rows drawn."""
    possible = np.arange(max(0, drawn - (rows - hits)), min(hits, drawn) + 1)
    logs = (
        _log_choose(hits, possible)
        + _log_choose(rows - hits, drawn - possible)
        - _log_choose(rows, np.asarray(drawn))
    )
    chances = np.exp(logs)
    return float(chances[possible >= seen].sum()), float(chances[possible <= seen].sum())


def _log_choose(total: int, chosen: NDArray[np.int64]) -> Vector:
    gammaln = special().gammaln
    logs: Vector = gammaln(total + 1.0) - gammaln(chosen + 1.0) - gammaln(total - chosen + 1.0)
    return logs


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for how many were looked at: those below alpha hold at that rate.

    Of the features that are then called drifted, alpha is the expected share that is not.
    """
    number = len(p_values)
    if number == 0:
        return []
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values)[::-1]
    steps = values[order] * number / np.arange(number, 0, -1)
    adjusted = np.empty(number)
    adjusted[order] = np.minimum.accumulate(np.minimum(steps, 1.0))
    return [float(value) for value in adjusted]
