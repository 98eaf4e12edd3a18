"""ECOD: how far out a row lies, by the tails of each of its columns, from a profile alone.

Li, Zhao, Hu, Botta, Ionescu, Chen: "ECOD: Unsupervised Outlier Detection Using Empirical
Cumulative Distribution Functions", IEEE TKDE 2022 (arXiv:2201.00382), algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.monitoring.profile.categories import Lookup
from serve_app.monitoring.profile.encoding import Matrix, category_shares, steps
from serve_app.monitoring.profile.feature import Feature
from serve_app.monitoring.profile.numbers import as_numbers

BEYOND = 50.0
"""Standard deviations beyond the reference's range that count: one absurd value stays finite."""


class Tails(NamedTuple):
    """Of each value the negative logarithm of how rare it is: to the left, right, and as skewed."""

    left: Matrix
    right: Matrix
    skewed: Matrix


class Ecod:
    """Scores rows by the features of a profile: the greater, the further out.

    The score is the greatest of three sums over the columns of negative logarithms of tail
    probabilities: of left tails, of right ones, and of those to which the reference is skewed.

    The paper's distribution functions are those of the reference's cells here, no probability
    being less than one row more would have. Beyond the reference's range the tail goes on
    exponentially, with the column's standard deviation as its scale, so that one value far out
    makes an outlier though the paper's sums would hide it among many columns. The tail of a
    category is the share of rows whose category is at most as frequent; what is missing counts
    by the share of what is missing.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self.names = tuple(feature.name for feature in features)
        self._columns = [
            _CategoryTails(one) if one.kind == "categories" else _NumberTails(one)
            for one in features
        ]

    def scores(self, columns: Columns) -> Matrix:
        """The score of each row; it raises nothing, whatever the rows hold."""
        left, right, skewed = (np.zeros(columns.rows) for _ in range(3))
        for tails in self._tails(columns):
            left += tails.left
            right += tails.right
            skewed += tails.skewed
        return np.maximum(np.maximum(left, right), skewed)

    def leading(self, columns: Columns, number: int = 3) -> list[tuple[str, ...]]:
        """Of each row the names of so many columns that lie furthest out, that one first."""
        tails = [np.maximum(one.left, one.right) for one in self._tails(columns)]
        if not tails:
            return [()] * columns.rows
        order = np.argsort(-np.stack(tails, axis=1), axis=1, kind="stable")[:, :number]
        return [tuple(self.names[place] for place in row) for row in order.tolist()]

    def _tails(self, columns: Columns) -> list[Tails]:
        arrays, nothing = columns.as_dict(), np.empty(0)
        return [
            column.tails(arrays.get(name, nothing), columns.rows)
            for name, column in zip(self.names, self._columns, strict=True)
        ]


class _NumberTails:
    def __init__(self, feature: Feature) -> None:
        starts, reached = steps(feature)
        rows = feature.missing + sum(feature.counts)
        self._missing = _rarity(feature.missing / max(1, rows), rows)
        self._starts = starts
        self._known = float(reached[-1]) if len(reached) else 0.0
        self._reached = reached / max(1.0, self._known)
        self._is_stepped = feature.kind == "values"
        self._skew = _skew(feature, starts, reached)
        self._scale = feature.deviation or max(1.0, abs(feature.mean or 0.0))

    def tails(self, array: Array, rows: int) -> Tails:
        numbers = as_numbers(array, rows)
        gaps = np.isnan(numbers)
        if not self._known:
            # Where the reference has no numbers, none is more usual than another.
            nothing = np.where(gaps, 0.0, _rarity(0.0, 0))
            return Tails(nothing, nothing, nothing)
        left = -np.log(np.maximum(self._up_to(numbers), 1 / (self._known + 1)))
        right = -np.log(np.maximum(1 - self._before(numbers), 1 / (self._known + 1)))
        first, last = self._starts[0], self._starts[-1]
        left += ((first - numbers) / self._scale).clip(0, BEYOND)
        right += ((numbers - last) / self._scale).clip(0, BEYOND)
        left, right = (np.where(gaps, self._missing, one) for one in (left, right))
        return Tails(left, right, left if self._skew < 0 else right)

    def _up_to(self, numbers: Matrix) -> Matrix:
        """The share of the reference that is at most so great."""
        if self._is_stepped:
            return np.append(0.0, self._reached)[self._starts.searchsorted(numbers, "right")]
        return np.interp(np.nextafter(numbers, np.inf), self._starts, self._reached)

    def _before(self, numbers: Matrix) -> Matrix:
        """The share of the reference that is less."""
        if self._is_stepped:
            return np.append(0.0, self._reached)[self._starts.searchsorted(numbers, "left")]
        return np.interp(numbers, self._starts, self._reached)


class _CategoryTails:
    def __init__(self, feature: Feature) -> None:
        self._lookup = Lookup(feature)
        rows = sum(feature.numbers)
        shares, each = category_shares(feature), np.asarray(feature.numbers) / max(1, rows)
        order = np.argsort(shares, kind="stable")
        total = np.cumsum(each[order])
        # As frequent ones count together.
        at_most = total[np.searchsorted(shares[order], shares, "right") - 1]
        self._rarity = np.array([_rarity(share, rows) for share in at_most])

    def tails(self, array: Array, rows: int) -> Tails:
        rarity = self._rarity[self._lookup.places(array, rows)]
        return Tails(rarity, rarity, rarity)


def _rarity(share: float, rows: int) -> float:
    return float(-np.log(max(share, 1 / (rows + 1))))


def _skew(feature: Feature, starts: Matrix, reached: Matrix) -> float:
    """The third central moment, of which the sign counts."""
    if not len(reached) or not reached[-1]:
        return 0.0
    if feature.kind == "values":
        middles, weights = starts, np.diff(reached, prepend=0.0)
    else:
        middles, weights = (starts[1:] + starts[:-1]) / 2, np.diff(reached)
    scale = feature.deviation or 1.0
    gaps = ((middles - np.average(middles, weights=weights)) / scale).clip(-1e6, 1e6)
    return float((weights * gaps**3).sum())
