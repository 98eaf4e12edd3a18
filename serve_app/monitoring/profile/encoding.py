"""Rows as numbers: what a profile knows of its columns turns each value into one double."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from serve_app.core.columns import Array, Columns
from serve_app.monitoring.profile.categories import Lookup
from serve_app.monitoring.profile.feature import Feature
from serve_app.monitoring.profile.numbers import as_numbers

Matrix = NDArray[np.float64]


class Encoder:
    """Encodes rows by the features of a profile, one column for each.

    Numbers stay what they are; where one is missing or infinite, the median of the reference
    stands for it. A category is the share of the reference's rows that have it, so that rare
    ones are alike: those that were never seen are 0, and a missing one is a category like others.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self.names = tuple(feature.name for feature in features)
        self._columns = [
            _Categories(f) if f.kind == "categories" else _Numbers(f) for f in features
        ]

    def encode(self, columns: Columns) -> Matrix:
        """The rows as a matrix; it raises nothing, whatever they hold.

        A column that is not there is missing in every row.
        """
        arrays, nothing = columns.as_dict(), np.empty(0)
        matrix = np.empty((columns.rows, len(self.names)))
        for place, (name, column) in enumerate(zip(self.names, self._columns, strict=True)):
            matrix[:, place] = column.encode(arrays.get(name, nothing), columns.rows)
        return matrix


class _Numbers:
    def __init__(self, feature: Feature) -> None:
        self._median = median(feature)

    def encode(self, array: Array, rows: int) -> Matrix:
        numbers = as_numbers(array, rows)
        return np.where(np.isfinite(numbers), numbers, self._median)


class _Categories:
    def __init__(self, feature: Feature) -> None:
        self._lookup = Lookup(feature)
        self._shares = category_shares(feature)

    def encode(self, array: Array, rows: int) -> Matrix:
        return self._shares[self._lookup.places(array, rows)]


def median(feature: Feature) -> float:
    """The median of a feature's finite numbers, as far as its cells tell; 0 where it has none."""
    starts, reached = steps(feature)
    if not len(starts) or not reached[-1]:
        return 0.0
    if feature.kind == "values":
        return float(starts[np.searchsorted(reached, reached[-1] / 2)])
    return float(np.interp(reached[-1] / 2, reached, starts))


def steps(feature: Feature) -> tuple[Matrix, Matrix]:
    """Numbers in ascending order, and how many rows of the reference lie up to each.

    Of `values` these are the values; of bins their edges, between which rows lie evenly.
    """
    counts = np.asarray(feature.counts, dtype=np.float64)
    if feature.kind == "values":
        return np.asarray(feature.values), np.cumsum(counts[: len(feature.values)])
    return np.asarray(feature.edges), np.cumsum(counts[: len(feature.edges)])


def category_shares(feature: Feature) -> Matrix:
    """The share of the reference's rows that have a category, by its place in the vector.

    Rarer names that are not listed share what they have evenly.
    """
    rows = max(1, sum(feature.numbers))
    shares = np.asarray(feature.numbers, dtype=np.float64) / rows
    listed = len(feature.categories)
    shares[listed] /= max(1, feature.distinct - listed)
    return shares
