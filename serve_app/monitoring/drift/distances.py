"""How far two histograms over the same bins are apart.

Each function takes the counts of the reference and of the current window, bin by bin. PSI
divides and takes logarithms, so an empty bin needs a floor: by default Laplace's,
`(count + 0.5) / (n + 0.5 * bins)`. The floor decides what empty bins add: for 100 rows against
100 others in ten bins, six of them empty on one side, the smallest positive float gives 461.2
and 1e-4 gives 6.73. Jensen-Shannon, Hellinger and the others are finite without one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from serve_app.monitoring.drift.special import special

Vector = NDArray[np.float64]
_TINY, _GREATEST = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).max)


def _vector(counts: ArrayLike, whose: str) -> Vector:
    vector = np.asarray(counts, dtype=np.float64)
    if vector.ndim != 1 or not vector.size:
        raise ValueError(f"the counts of the {whose} must be one number per bin")
    # Not a number compares as false, so that it is refused as well.
    if not (vector.min() >= 0 and vector.max() < np.inf):
        raise ValueError(f"the counts of the {whose} must be finite and not below zero")
    return vector


def pair(reference: ArrayLike, current: ArrayLike) -> tuple[Vector, Vector]:
    """Both counts as vectors.

    Raises:
        ValueError: They are not over the same bins, one is negative, or one has no rows.
    """
    first, second = _vector(reference, "reference"), _vector(current, "current window")
    if first.shape != second.shape:
        raise ValueError(
            f"the reference has {first.size} bins and the current window {second.size}:"
            " count both over the same bins"
        )
    for vector, whose in ((first, "reference"), (second, "current window")):
        if vector.sum() == 0:
            raise ValueError(f"the {whose} has no rows: nothing can be compared with it")
    return first, second


def _shares(reference: ArrayLike, current: ArrayLike) -> tuple[Vector, Vector]:
    first, second = pair(reference, current)
    return first / first.sum(), second / second.sum()


def floored(counts: Vector, floor: float | None) -> Vector:
    """The share of each bin, none below a floor; None is Laplace's, 0 is no floor."""
    if floor is None:
        smoothed: Vector = (counts + 0.5) / (counts.sum() + 0.5 * counts.size)
        return smoothed
    shares: Vector = counts / counts.sum()
    return shares.clip(min=floor)


def psi(reference: ArrayLike, current: ArrayLike, *, floor: float | None = None) -> float:
    """Population stability index: the sum of `(q - p) * ln(q / p)`, symmetric, from 0 upwards.

    `floor` None takes Laplace's; a number replaces smaller shares; 0 leaves them, so that a
    bin that is empty on one side makes it infinite.

    Raises:
        ValueError: As `pair`, or the floor is negative.
    """
    if floor is not None and floor < 0:
        raise ValueError(f"a floor of shares cannot be negative: {floor}")
    first, second = pair(reference, current)
    return _psi(floored(first, floor), floored(second, floor))


def _psi(p: Vector, q: Vector) -> float:
    if not (p.all() and q.all()):
        # What is empty on both sides adds nothing, what is on one side has no bound.
        kept = (p > 0) | (q > 0)
        p, q = p[kept], q[kept]
        if not (p.all() and q.all()):
            return float("inf")
    return float((q - p) @ np.log(q / p))


def jensen_shannon(reference: ArrayLike, current: ArrayLike) -> float:
    """Jensen-Shannon distance: the root of the divergence to base 2, symmetric, from 0 to 1.

    Raises:
        ValueError: As `pair`.
    """
    return _jensen_shannon(*_shares(reference, current))


def _jensen_shannon(p: Vector, q: Vector) -> float:
    # `rel_entr` is p * ln(p / middle), and 0 where p is: an empty bin adds nothing.
    middle = (p + q) / 2
    rel_entr = special().rel_entr
    divergence = float((rel_entr(p, middle) + rel_entr(q, middle)).sum()) / (2 * math.log(2))
    return math.sqrt(min(max(divergence, 0.0), 1.0))


def hellinger(reference: ArrayLike, current: ArrayLike) -> float:
    """Hellinger distance: `sqrt(sum((sqrt(p) - sqrt(q))^2) / 2)`, symmetric, from 0 to 1.

    Raises:
        ValueError: As `pair`.
    """
    return _hellinger(*_shares(reference, current))


def _hellinger(p: Vector, q: Vector) -> float:
    return math.sqrt(min(float(((np.sqrt(p) - np.sqrt(q)) ** 2).sum()) / 2, 1.0))


def kolmogorov_smirnov(reference: ArrayLike, current: ArrayLike) -> float:
    """The largest difference of the cumulative shares at the bins' edges, from 0 to 1.

    Raises:
        ValueError: As `pair`.
    """
    return _kolmogorov_smirnov(*_shares(reference, current))


def _kolmogorov_smirnov(p: Vector, q: Vector) -> float:
    return min(float(np.abs((p - q).cumsum()).max()), 1.0)


def wasserstein(
    reference: ArrayLike,
    current: ArrayLike,
    positions: ArrayLike,
    *,
    standard_deviation: float = 1.0,
) -> float:
    """Wasserstein-1 distance of mass at the bins' positions, in standard deviations.

    `positions` has a value per bin, in growing order (`centres` makes them of edges). With the
    default of 1 the distance is in the feature's own unit. A standard deviation of 0 gives 0
    where nothing moved and infinity otherwise.

    Raises:
        ValueError: As `pair`; positions are missing, infinite or not in order; or the standard
            deviation is negative.
    """
    first, second = _shares(reference, current)
    places = np.asarray(positions, dtype=np.float64)
    if places.shape != first.shape:
        raise ValueError(f"{places.size} positions for {first.size} bins: give one per bin")
    if not np.isfinite(places).all() or (np.diff(places) < 0).any():
        raise ValueError("the positions of bins must be finite and in growing order")
    if not standard_deviation >= 0:
        raise ValueError(f"a standard deviation cannot be {standard_deviation}")
    return _wasserstein(first, second, places, standard_deviation)


def _wasserstein(p: Vector, q: Vector, places: Vector, standard_deviation: float) -> float:
    ahead = np.abs((p - q).cumsum()[:-1])
    # Halves, since the whole step between numbers at both ends of the scale would overflow.
    half_steps = places[1:] / 2 - places[:-1] / 2
    with np.errstate(over="ignore"):
        moved = float(2 * (ahead @ half_steps))
    if standard_deviation == 0:
        return 0.0 if moved == 0 else float("inf")
    return moved / standard_deviation if standard_deviation < np.inf else 0.0


def l_infinity(reference: ArrayLike, current: ArrayLike) -> float:
    """The largest difference of one bin's shares (Chebyshev), from 0 to 1.

    Raises:
        ValueError: As `pair`.
    """
    return _l_infinity(*_shares(reference, current))


def _l_infinity(p: Vector, q: Vector) -> float:
    return float(np.abs(p - q).max())


def total_variation(reference: ArrayLike, current: ArrayLike) -> float:
    """Half the sum of the differences of shares: the share that must move, from 0 to 1.

    Raises:
        ValueError: As `pair`.
    """
    return _total_variation(*_shares(reference, current))


def _total_variation(p: Vector, q: Vector) -> float:
    return float(min(np.abs(p - q).sum() / 2, 1.0))


def cramers_v(reference: ArrayLike, current: ArrayLike) -> float:
    """Cramér's V of the table of both counts: `sqrt(chi-square / rows)`, from 0 to 1.

    It shrinks when one side has far more rows than the other, unlike the distances of shares.

    Raises:
        ValueError: As `pair`.
    """
    first, second = pair(reference, current)
    statistic = pearson(first, second)
    return math.sqrt(min(statistic / float(first.sum() + second.sum()), 1.0))


def pearson(reference: Vector, current: Vector) -> float:
    """Pearson's statistic of the two rows of a table; columns without rows are left out."""
    both = reference + current
    total, rows = float(both.sum()), float(reference.sum())
    # A column deviates by as much in either row, so that one sum serves for both. A column
    # without rows does not deviate: whatever it is divided by but 0.
    deviation = reference - both * (rows / total)
    squares = float(deviation @ (deviation / np.maximum(both, _TINY)))
    return squares * total**2 / (rows * (total - rows))


def centres(edges: ArrayLike) -> Vector:
    """Positions of the bins `[underflow, bin 1 .. bin B, overflow]` that edges delimit.

    Bins lie at their middle. How far beyond the edges the outer two reach is not known: they
    lie on the outermost edges, so that distances of what is out of range are lower bounds.
    Infinite edges count as the largest number that there is.

    Raises:
        ValueError: Fewer than two edges, or edges that are not in growing order.
    """
    bounds = np.asarray(edges, dtype=np.float64)
    if bounds.ndim != 1 or bounds.size < 2:
        raise ValueError("bins need at least two edges")
    if not (bounds[1:] >= bounds[:-1]).all():
        raise ValueError("edges must be numbers in growing order")
    bounds = bounds.clip(-_GREATEST, _GREATEST)
    middles = bounds[:-1] / 2 + bounds[1:] / 2
    return np.concatenate((bounds[:1], middles, bounds[-1:]))


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance by which a feature may be judged, and from which value on it counts.

    The thresholds say about the same: what a shift by a third of a standard deviation gives a
    normal feature, where PSI is 0.1.
    """

    function: Callable[..., float]
    numbers: bool
    categories: bool
    threshold: float


DISTANCES: dict[str, Distance] = {
    "psi": Distance(psi, numbers=True, categories=True, threshold=0.1),
    "jensen_shannon": Distance(jensen_shannon, numbers=True, categories=True, threshold=0.13),
    "hellinger": Distance(hellinger, numbers=True, categories=True, threshold=0.11),
    "kolmogorov_smirnov": Distance(
        kolmogorov_smirnov, numbers=True, categories=False, threshold=0.12
    ),
    "wasserstein": Distance(wasserstein, numbers=True, categories=False, threshold=0.3),
    "l_infinity": Distance(l_infinity, numbers=True, categories=True, threshold=0.1),
    "total_variation": Distance(total_variation, numbers=True, categories=True, threshold=0.12),
    "cramers_v": Distance(cramers_v, numbers=True, categories=True, threshold=0.1),
}
"""Every distance by its name in settings and results."""


def of_cells(reference: Vector, current: Vector, floor: float | None) -> dict[str, float]:
    """Every distance that needs no order, of counts that `pair` has checked, by name."""
    p, q = reference / reference.sum(), current / current.sum()
    rows = float(reference.sum() + current.sum())
    return {
        "psi": _psi(floored(reference, floor), floored(current, floor)),
        "jensen_shannon": _jensen_shannon(p, q),
        "hellinger": _hellinger(p, q),
        "l_infinity": _l_infinity(p, q),
        "total_variation": _total_variation(p, q),
        "cramers_v": math.sqrt(min(pearson(reference, current) / rows, 1.0)),
    }


def of_order(
    reference: Vector,
    current: Vector,
    positions: Sequence[float] | None,
    standard_deviation: float | None,
) -> dict[str, float]:
    """Every distance that needs ordered bins, of counts that `pair` has checked, by name.

    Wasserstein's is left out where the bins' positions or the scale are not known.
    """
    p, q = reference / reference.sum(), current / current.sum()
    values = {"kolmogorov_smirnov": _kolmogorov_smirnov(p, q)}
    if positions is not None and standard_deviation is not None:
        places = np.asarray(positions, dtype=np.float64)
        values["wasserstein"] = _wasserstein(p, q, places, standard_deviation)
    return values
