"""The points of training that lie nearest, and what they say.

All distances are computed at once. Whom scikit-learn's tree finds among points that are equally
far depends on the way that it takes through the tree: only then that way is gone again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.operation import Operation, Refused, in_turns

CELLS = 500_000
"""How many distances are computed at once; more rows take several turns."""
EQUAL = 1e-9
"""The share of a distance within which rounding may decide who is nearer."""


@dataclass(frozen=True, eq=False)
class Neighbours(Operation):
    """The numbers of the `count` points that lie nearest to each row, the nearest first.

    `points` has shape (points, features), and distances are sums of absolute differences to
    the power of `power`. `order`, `starts`, `ends`, `lower` and `upper` are the tree: node i has
    the nodes 2i + 1 and 2i + 2 below it unless it is one of the `leaves`, and holds the points
    `order[starts[i]:ends[i]]` within bounds of shape (nodes, features).
    """

    points: Array
    count: int
    power: float
    order: Array
    starts: Array
    ends: Array
    leaves: Array
    lower: Array
    upper: Array

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, count)."""
        return in_turns(self._nearest, x, max(1, CELLS // len(self.points)))

    def _nearest(self, x: Array) -> Array:
        far = self.distances(x, self.points)
        last = self.count - 1
        if self.count < len(self.points):
            candidates = np.argpartition(far, (last, self.count), axis=1)[:, : self.count + 1]
        else:
            candidates = np.argsort(far, axis=1)
        chosen = np.take_along_axis(far, candidates, axis=1)
        order = np.argsort(chosen[:, : self.count], axis=1)
        nearest = np.take_along_axis(candidates, order, axis=1)
        clear = np.isfinite(chosen).all(axis=1)
        if self.count < len(self.points):
            beyond = chosen[:, self.count]
            clear &= beyond - chosen[:, : self.count].max(axis=1) > EQUAL * beyond
        for row in np.flatnonzero(~clear):
            nearest[row] = _Search(self, x[row]).numbers()
        return nearest

    def distances(self, x: Array, points: Array) -> Array:
        """Shape (rows, points), added feature by feature as the library adds."""
        total = np.zeros((x.shape[0], len(points)))
        for feature in range(x.shape[1]):
            apart = x[:, feature, np.newaxis] - points[:, feature]
            total += np.square(apart) if self.power == 2.0 else np.abs(apart)
        return total


class _Search:
    """One row's way through the tree, nearer nodes first.

    The nearest so far stand in a heap with the farthest on top; who is not nearer than that one
    does not enter, so that among equals the first one met stays, unless the heap lets it go.
    """

    def __init__(self, tree: Neighbours, row: Array) -> None:
        self._tree = tree
        self._row = row
        self._far = [math.inf] * tree.count
        self._who = [0] * tree.count

    def numbers(self) -> Array:
        """The numbers of the nearest points, the nearest first."""
        self._visit(0, self._least(0))
        return np.array(self._who)[np.argsort(self._far, kind="stable")]

    def _visit(self, node: int, least: float) -> None:
        tree = self._tree
        if least > self._far[0]:
            return
        if tree.leaves[node]:
            members = tree.order[tree.starts[node] : tree.ends[node]]
            (far,) = tree.distances(self._row[np.newaxis], tree.points[members])
            for distance, member in zip(far.tolist(), members.tolist(), strict=True):
                self._push(distance, member)
            return
        below = (2 * node + 1, 2 * node + 2)
        first, second = (self._least(inner) for inner in below)
        if first <= second:
            self._visit(below[0], first)
            self._visit(below[1], second)
        else:
            self._visit(below[1], second)
            self._visit(below[0], first)

    def _least(self, node: int) -> float:
        """The distance below which no point of a node can lie."""
        total = 0.0
        bounds = zip(self._tree.lower[node], self._tree.upper[node], self._row, strict=True)
        for lower, upper, value in bounds:
            outside = max(float(lower - value), 0.0) + max(float(value - upper), 0.0)
            total += _powered(outside, self._tree.power)
        return total

    def _push(self, distance: float, member: int) -> None:
        far, who = self._far, self._who
        if distance >= far[0]:
            return
        at, size = 0, len(far)
        while True:
            child = 2 * at + 1
            if child >= size:
                break
            if child + 1 < size and far[child] < far[child + 1]:
                child += 1
            if distance >= far[child]:
                break
            far[at], who[at] = far[child], who[child]
            at = child
        far[at], who[at] = distance, member


def _powered(value: float, power: float) -> float:
    # C's `pow`, as in the library: a square need not round as a product does.
    try:
        return math.pow(value, power)
    except OverflowError:
        return math.inf


@dataclass(frozen=True, eq=False)
class ShareOfVotes(Operation):
    """How many of the points that rows name are of each class, as a share."""

    votes: Array
    classes: int

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, classes)."""
        votes = self.votes[x]
        shares = np.zeros((x.shape[0], self.classes))
        for number in range(self.classes):
            shares[:, number] = (votes == number).sum(axis=1)
        total: Array = shares.sum(axis=1)[:, np.newaxis]
        result: Array = shares / total
        return result


@dataclass(frozen=True, eq=False)
class MeanOfPoints(Operation):
    """The mean of what the points that rows name were worth."""

    worth: Array

    def __call__(self, x: Array, /) -> Any:
        """Shape (rows, outputs)."""
        return np.mean(self.worth[x], axis=1)


@dataclass(frozen=True, eq=False)
class NearVotes(Operation):
    """The share of votes for each class among the nearest points, counted by 1 / distance."""

    nearest: Neighbours
    votes: Array
    classes: int

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, classes).

        Raises:
            Refused: all points are endlessly far from a row.
        """
        numbers = self.nearest(x)
        weights = _weights(self.nearest, x, numbers)
        if (weights == 0).all(axis=1).any():
            raise Refused("all neighbours of a row count for nothing")
        votes = self.votes[numbers]
        shares = np.zeros((x.shape[0], self.classes))
        rows = np.arange(x.shape[0])
        for place in range(numbers.shape[1]):
            shares[rows, votes[:, place]] += weights[:, place]
        result: Array = shares / shares.sum(axis=1)[:, np.newaxis]
        return result


@dataclass(frozen=True, eq=False)
class NearMean(Operation):
    """The mean of what the nearest points were worth, counted by 1 / distance."""

    nearest: Neighbours
    worth: Array

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, outputs)."""
        numbers = self.nearest(x)
        weights = _weights(self.nearest, x, numbers)
        total = weights.sum(axis=1)
        means = np.empty((x.shape[0], self.worth.shape[1]))
        for output in range(self.worth.shape[1]):
            means[:, output] = (self.worth[numbers, output] * weights).sum(axis=1) / total
        return means


def _weights(nearest: Neighbours, x: Array, numbers: Array) -> Array:
    """1 / distance of the points that are named; of points in the same place, 1 for those alone."""
    total = np.zeros(numbers.shape)
    for feature in range(x.shape[1]):
        apart = x[:, feature, np.newaxis] - nearest.points[numbers, feature]
        total += np.square(apart) if nearest.power == 2.0 else np.abs(apart)
    weights = 1.0 / (np.sqrt(total) if nearest.power == 2.0 else total)
    endless = np.isinf(weights)
    some = endless.any(axis=1)
    weights[some] = endless[some]
    return weights
