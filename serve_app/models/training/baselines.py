"""What knows next to nothing: a model that is not better than these is worth nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.training.metrics import Predicted


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is true of rows (n,), at which nanosecond, and of which series each is."""

    target: Array
    times_ns: Array
    series: Array


def prior(target: Array, rows: int, classes: int) -> Predicted:
    """The share of each class, and the most frequent one; or the mean of numbers."""
    if not classes:
        return Predicted(np.full(rows, float(target.mean())))
    shares = _shares(target, classes)
    values = np.full(rows, int(shares.argmax()), dtype=np.intp)
    return Predicted(values, np.tile(shares, (rows, 1)))


def _shares(target: Array, classes: int) -> Array:
    counts = np.bincount(target.astype(np.intp), minlength=classes)
    shares: Array = counts / counts.sum()
    return shares


def seasonal_naive(
    target: Array, times_ns: Array, wanted_ns: Array, season_s: float, classes: int
) -> Predicted:
    """What was true a whole number of seasons before each wanted time, as late as is known.

    Of times for which nothing is known at that moment, the newest known value before it answers;
    where there is none, the prior. `times_ns` are nanoseconds of what `target` is true of.

    Source: Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, 5.2.
    """
    order = np.argsort(times_ns, kind="stable")
    times, known = times_ns[order], target[order]
    season = int(season_s * 1e9)
    newest = int(times[-1])
    # As many seasons back as it takes to reach what is known.
    seasons = np.maximum(1, -(-(wanted_ns - newest) // season))
    places = np.searchsorted(times, wanted_ns - seasons * season, side="right") - 1
    early = places < 0
    values = known[np.maximum(places, 0)]
    fallback = prior(target, 1, classes)
    values = np.where(early, fallback.values[0], values)
    if not classes:
        return Predicted(values.astype(np.float64))
    # Sure of itself up to what the prior is unsure of, so that a loss of logarithms is finite.
    shares = 0.99 * np.eye(classes)[values.astype(np.intp)]
    return Predicted(values.astype(np.intp), shares + 0.01 * _shares(target, classes))


def seasonal_naive_by_series(
    known: Known, wanted_ns: Array, wanted_series: Array, season_s: float, classes: int
) -> Predicted:
    """`seasonal_naive` of each series by itself; one of which nothing is known has the prior."""
    given = prior(known.target, len(wanted_ns), classes)
    for one in np.unique(wanted_series):
        rows, here = np.flatnonzero(wanted_series == one), known.series == one
        if not here.any():
            continue
        naive = seasonal_naive(
            known.target[here], known.times_ns[here], wanted_ns[rows], season_s, classes
        )
        given.values[rows] = naive.values
        if given.shares is not None and naive.shares is not None:
            given.shares[rows] = naive.shares
    return given
