"""Counts rows in the cells of a profile, block by block.

What comes out are integers alone, so that the sum of the counts of any parts, in any order, is
what one pass over all rows counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.monitoring.profile.categories import Lookup
from serve_app.monitoring.profile.feature import Feature
from serve_app.monitoring.profile.numbers import as_numbers, boundaries
from serve_app.monitoring.profile.predicted import Predicted
from serve_app.monitoring.profile.profile import FeatureProfile

ROWS, PREDICTED = 0, 1
"""The first two places of a vector: how many rows there were, and how many had a prediction."""

_BLOCK_ROWS = 16_384
"""More rows are counted part by part, which takes less memory and stays in the caches."""


class Layout:
    """Which places of a vector count what, for one profile.

    `size` is the length of a vector. `features` and `predictions` are slices of it by name.
    """

    __slots__ = ("digest", "features", "predictions", "profile", "size")

    def __init__(self, profile: FeatureProfile) -> None:
        self.profile = profile
        self.digest = profile.digest
        at = 2
        self.features: dict[str, slice] = {}
        for feature in profile.features:
            self.features[feature.name] = slice(at, at + feature.size)
            at += feature.size
        self.predictions: dict[str, slice] = {}
        for one in profile.predictions:
            self.predictions[one.feature.name] = slice(at, at + one.feature.size)
            at += one.feature.size
        self.size = at

    def reference(self) -> Counts:
        """The counts of the profile's own rows."""
        vector = np.zeros(self.size, dtype=np.int64)
        vector[ROWS], vector[PREDICTED] = self.profile.rows, self.profile.scored_rows
        for feature in self.profile.features:
            vector[self.features[feature.name]] = feature.numbers
        for one in self.profile.predictions:
            vector[self.predictions[one.feature.name]] = one.feature.numbers
        return Counts(self, vector)


@dataclass(frozen=True, slots=True)
class Cells:
    """How many rows fell into each cell of one feature, and how many into none.

    The cells are those of `Feature.counts`, in that order.
    """

    feature: Feature
    counts: NDArray[np.int64]
    missing: int
    minus_infinity: int
    plus_infinity: int


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Rows counted by one profile: a vector of integers, and what its places mean."""

    layout: Layout
    vector: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return int(self.vector[ROWS])

    @property
    def predicted_rows(self) -> int:
        """How many of them had a prediction."""
        return int(self.vector[PREDICTED])

    def feature(self, name: str) -> Cells:
        """The cells of a column. Raises KeyError where it is not counted."""
        part = self.vector[self.layout.features[name]]
        features = self.layout.profile.features
        return _cells(next(one for one in features if one.name == name), part)

    def prediction(self, name: str) -> Cells:
        """The cells of what is predicted. Raises KeyError where it is not counted."""
        part = self.vector[self.layout.predictions[name]]
        predictions = self.layout.profile.predictions
        return _cells(next(p.feature for p in predictions if p.feature.name == name), part)

    def plus(self, other: Counts) -> Counts:
        """The counts of both.

        Raises:
            ValueError: they are counted by different profiles.
        """
        if other.layout.digest != self.layout.digest:
            msg = "counts of different profiles cannot be added up"
            raise ValueError(msg)
        return Counts(self.layout, self.vector + other.vector)


class Binner:
    """Counts blocks of rows and their predictions in the cells of a profile.

    `labels` are the classes in the order of the probabilities that are counted, where that is
    another than the profile's, as in an endpoint of several models.
    """

    def __init__(self, profile: FeatureProfile, labels: Sequence[Any] | None = None) -> None:
        self.layout = Layout(profile)
        starts = {one.name: self.layout.features[one.name].start for one in profile.features}
        self._columns = _Group([(one.name, one, starts[one.name]) for one in profile.features])
        self._predicted = [_placed(one, labels) for one in profile.predictions]
        begins = self.layout.predictions
        self._predictions = _Group(
            [
                (one.feature.name, one.feature, begins[one.feature.name].start)
                for one in self._predicted
            ]
        )

    def count(self, columns: Columns, prediction: Prediction | None = None) -> Counts:
        """The counts of a block of rows; it raises nothing, whatever the columns hold.

        A column that is not there is missing in every row. Without a prediction, or where it is
        of another number of rows, nothing of it is counted.
        """
        vector = np.zeros(self.layout.size, dtype=np.int64)
        if prediction is not None and len(prediction.values) != columns.rows:
            prediction = None
        for start in range(0, columns.rows, _BLOCK_ROWS):
            stop = start + _BLOCK_ROWS
            part = None if prediction is None else prediction.slice(start, stop)
            self._add(columns.slice(start, stop), part, vector)
        return Counts(self.layout, vector)

    def _add(
        self, columns: Columns, prediction: Prediction | None, vector: NDArray[np.int64]
    ) -> None:
        vector[ROWS] += columns.rows
        self._columns.count(columns.as_dict(), columns.rows, vector)
        if prediction is not None:
            vector[PREDICTED] += columns.rows
            given = {one.feature.name: one.column(prediction) for one in self._predicted}
            self._predictions.count(given, columns.rows, vector)


class _Group:
    """Features that are counted together: those of numbers as one matrix, sorted at once."""

    def __init__(self, features: Sequence[tuple[str, Feature, int]]) -> None:
        self._lookups = [
            (name, Lookup(feature), slice(start, start + feature.size))
            for name, feature, start in features
            if feature.kind == "categories"
        ]
        numeric = [one for one in features if one[1].kind != "categories"]
        self._names = [name for name, _, _ in numeric]
        self._starts: list[NDArray[np.float64]] = []
        self._reached: list[slice] = []
        steps: list[NDArray[np.intp]] = []
        places: list[NDArray[np.intp]] = []
        at = 0
        for _, feature, start in numeric:
            bounds, cells = boundaries(feature)
            # Each feature has its boundaries between 0 and the number of rows.
            self._starts.append(bounds)
            self._reached.append(slice(at + 1, at + 1 + len(bounds)))
            steps.append(np.arange(at, at + len(cells)))
            places.append(start + cells)
            at += len(cells) + 1
        self._length = at
        self._ends = np.array([part.stop for part in self._reached], dtype=np.intp)
        self._steps = np.concatenate([np.empty(0, dtype=np.intp), *steps])
        self._places = np.concatenate([np.empty(0, dtype=np.intp), *places])

    def count(
        self, arrays: Mapping[str, NDArray[Any]], rows: int, vector: NDArray[np.int64]
    ) -> None:
        """Add the counts of some columns to a vector."""
        nothing = np.empty(0)
        for name, lookup, part in self._lookups:
            vector[part] += lookup.count(arrays.get(name, nothing), rows)
        if not self._names:
            return
        reached = np.zeros(self._length, dtype=np.int64)
        reached[self._ends] = rows
        matrix = np.empty((len(self._names), rows))
        for row, name in zip(matrix, self._names, strict=True):
            row[:] = as_numbers(arrays.get(name, nothing), rows)
        matrix.sort(axis=1)
        for row, bounds, part in zip(matrix, self._starts, self._reached, strict=True):
            reached[part] = row.searchsorted(bounds)
        np.add.at(vector, self._places, np.diff(reached)[self._steps])


def _placed(one: Predicted, labels: Sequence[Any] | None) -> Predicted:
    """The same, with the place that its class has among some labels."""
    if labels is None or one.of != "probability" or one.label not in labels:
        return one
    return Predicted(one.of, list(labels).index(one.label), one.feature, one.label)


def _cells(feature: Feature, part: NDArray[np.int64]) -> Cells:
    counts, apart = part[: feature.cells], part[feature.cells :].tolist()
    missing, minus, plus = apart if len(apart) == 3 else (apart[0], 0, 0)
    return Cells(feature, counts, missing, minus, plus)
