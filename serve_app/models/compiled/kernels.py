"""Similarity to points that were learned, and machines that add it up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.operation import Operation, in_turns

CELLS = 500_000
"""How many differences are held at once; more rows take several turns."""


@dataclass(frozen=True, eq=False)
class Kernel(Operation):
    """How like each row is to each point, as libsvm says: "linear", "poly", "rbf", "sigmoid".

    `points` has shape (points, features). A radial kernel squares the differences themselves,
    which keeps the small ones that a difference of squares would lose.
    """

    row_by_row: ClassVar[bool] = False

    points: Array
    kind: str
    gamma: float
    constant: float
    degree: int

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, points)."""
        if self.kind == "rbf":
            return in_turns(self._radial, x, max(1, CELLS // max(1, self.points.size)))
        products: Array = x @ self.points.T
        if self.kind == "linear":
            return products
        inner = self.gamma * products + self.constant
        if self.kind == "sigmoid":
            bent: Array = np.tanh(inner)
            return bent
        return _whole_power(inner, self.degree)

    def _radial(self, x: Array) -> Array:
        apart = x[:, np.newaxis, :] - self.points
        likeness: Array = np.exp(-self.gamma * np.einsum("rpf,rpf->rp", apart, apart))
        return likeness


def _whole_power(base: Array, degree: int) -> Array:
    """A power by squaring, in libsvm's order."""
    result = np.ones_like(base)
    while degree > 0:
        if degree % 2:
            result = result * base
        base = base * base
        degree //= 2
    return result


@dataclass(frozen=True, eq=False)
class Duels(Operation):
    """The margin of each pair of classes, above 0 where the first one wins.

    Takes likenesses of shape (rows, points), in which the points of a class stand together:
    `sizes` counts them. `weights` has shape (classes - 1, points) and `shifts` (pairs,).
    """

    row_by_row: ClassVar[bool] = False

    sizes: tuple[int, ...]
    weights: Array
    shifts: Array

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, pairs)."""
        ends = np.cumsum(self.sizes)
        shares = [
            x[:, end - size : end] @ self.weights[:, end - size : end].T
            for size, end in zip(self.sizes, ends, strict=True)
        ]
        margins = np.empty((x.shape[0], len(self.shifts)))
        for pair, (first, second) in enumerate(pairs(len(self.sizes))):
            margins[:, pair] = shares[first][:, second - 1] + shares[second][:, first]
        margins += self.shifts
        return margins


def pairs(classes: int) -> Iterator[tuple[int, int]]:
    """Every two of so many classes, in the order in which they are compared."""
    for first in range(classes):
        for second in range(first + 1, classes):
            yield first, second


@dataclass(frozen=True, eq=False)
class DuelsWon(Operation):
    """How many duels each class wins, of margins of shape (rows, pairs)."""

    classes: int

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, classes)."""
        votes = np.zeros((x.shape[0], self.classes))
        for pair, (first, second) in enumerate(pairs(self.classes)):
            won = x[:, pair] > 0
            votes[:, first] += won
            votes[:, second] += ~won
        return votes


@dataclass(frozen=True, eq=False)
class DuelsAndMargins(Operation):
    """Duels that each class wins, and a share below one half for the margins."""

    classes: int

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, classes)."""
        votes = np.zeros((x.shape[0], self.classes))
        sums = np.zeros_like(votes)
        for pair, (first, second) in enumerate(pairs(self.classes)):
            margin = x[:, pair]
            # scikit-learn turns the margins over: below 0 counts for the second.
            lost = -margin < 0
            sums[:, first] += margin
            sums[:, second] -= margin
            votes[:, first] += lost
            votes[:, second] += ~lost
        shares: Array = votes + sums / (3 * (np.abs(sums) + 1))
        return shares


@dataclass(frozen=True, eq=False)
class CoupledShares(Operation):
    """Probabilities of classes out of those of each pair, as libsvm couples them.

    The margins of a pair become a probability by a sigmoid with `slopes` and `offsets`; the
    second method of Wu, Lin and Weng (2004) then finds what fits all pairs, until it changes
    by less than 0.005 per class.
    """

    slopes: Array
    offsets: Array
    classes: int

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, classes)."""
        wins = np.clip(_bent(x * self.slopes + self.offsets), 1e-7, 1 - 1e-7)
        rows, count = x.shape[0], self.classes
        duels = np.zeros((rows, count, count))
        for pair, (first, second) in enumerate(pairs(count)):
            duels[:, first, second] = wins[:, pair]
            duels[:, second, first] = 1 - wins[:, pair]
        weights = -duels.transpose(0, 2, 1) * duels
        squares = np.zeros((rows, count))
        for other in range(count):
            squares += duels[:, other, :] ** 2
        weights[:, range(count), range(count)] = squares
        return _coupled(weights)


def _bent(x: Array) -> Array:
    powers = np.exp(-np.abs(x))
    bent: Array = np.where(x >= 0, powers / (1 + powers), 1 / (1 + powers))
    return bent


def _coupled(weights: Array) -> Array:
    """The shares that lie nearest to all duels; `weights` has shape (rows, classes, classes)."""
    rows, count = weights.shape[:2]
    shares = np.full((rows, count), 1 / count)
    open_ = np.arange(rows)
    for _ in range(max(100, count)):
        ours, some = weights[open_], shares[open_]
        products = np.zeros_like(some)
        for other in range(count):
            products += ours[:, :, other] * some[:, other, np.newaxis]
        total = np.zeros(len(open_))
        for one in range(count):
            total += some[:, one] * products[:, one]
        going = ~(np.abs(products - total[:, np.newaxis]).max(axis=1) < 0.005 / count)
        open_ = open_[going]
        if not len(open_):
            break
        shares[open_] = _stepped(ours[going], some[going], products[going], total[going])
    return shares


def _stepped(weights: Array, shares: Array, products: Array, total: Array) -> Array:
    for one in range(shares.shape[1]):
        own = weights[:, one, one]
        step = (total - products[:, one]) / own
        shares[:, one] += step
        grown = 1 + step
        total = (total + step * (step * own + 2 * products[:, one])) / grown / grown
        products = (products + step[:, np.newaxis] * weights[:, one]) / grown[:, np.newaxis]
        shares = shares / grown[:, np.newaxis]
    return shares


@dataclass(frozen=True, eq=False)
class PairwiseKernel(Operation):
    """How like each row is to each point, as scikit-learn's `pairwise_kernels` says.

    Squared distances are differences of squares there, which rounds otherwise than in `Kernel`.
    """

    row_by_row: ClassVar[bool] = False

    points: Array
    kind: str
    gamma: float
    constant: float
    degree: float

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, points)."""
        if self.kind == "rbf":
            powers: Array = np.exp(squared_distances(x, self.points) * -self.gamma)
            return powers
        products: Array = x @ self.points.T
        if self.kind == "linear":
            return products
        inner = products * self.gamma + self.constant
        bent: Array = np.tanh(inner) if self.kind == "sigmoid" else inner**self.degree
        return bent


def squared_distances(x: Array, points: Array) -> Array:
    """Squares of distances, shape (rows, points), as scikit-learn's `euclidean_distances`."""
    far: Array = -2 * (x @ points.T)
    far += np.einsum("ij,ij->i", x, x)[:, np.newaxis]
    far += np.einsum("ij,ij->i", points, points)
    np.maximum(far, 0, out=far)
    return far


@dataclass(frozen=True, eq=False)
class CentredKernel(Operation):
    """Likenesses to points, less what rows and points have in common with all points."""

    row_by_row: ClassVar[bool] = False

    of_points: Array
    of_all: float

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, points)."""
        of_rows = (x.sum(axis=1) / len(self.of_points))[:, np.newaxis]
        centred: Array = x - self.of_points - of_rows + self.of_all
        return centred
