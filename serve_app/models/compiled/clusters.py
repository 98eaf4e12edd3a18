"""Clusters: the nearest of learned centres, and how likely each of several normal clouds is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.kernels import squared_distances
from serve_app.models.compiled.operation import Operation


@dataclass(frozen=True, eq=False)
class NearestCentre(Operation):
    """The number of the centre that lies nearest; of equal ones the first."""

    row_by_row: ClassVar[bool] = False

    centres: Array

    def __call__(self, x: Array, /) -> Array:
        """int32, one for each row."""
        lengths = np.einsum("ij,ij->i", self.centres, self.centres)
        far = lengths - 2 * (x @ self.centres.T)
        # What is no number is nearer than nothing, as in comparisons one after the other.
        known = np.where(np.isnan(far), np.inf, far)
        nearest: Array = np.argmin(known, axis=1).astype(np.int32)
        nearest[np.isnan(far[:, 0])] = 0
        return nearest


@dataclass(frozen=True, eq=False)
class CentreDistances(Operation):
    """How far each centre is."""

    row_by_row: ClassVar[bool] = False

    centres: Array

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, centres)."""
        distances: Array = np.sqrt(squared_distances(x, self.centres))
        return distances


@dataclass(frozen=True, eq=False)
class Clouds(Operation):
    """Logarithms of how likely rows are under normal distributions, each with an offset.

    `means` has shape (clouds, features). `shape` says how the precisions of the clouds are
    held, by scikit-learn's words: "full" and "tied" as turns, of shape (clouds, features,
    features), "diag" and "spherical" as precisions of shape (clouds, features) and (clouds,).
    """

    row_by_row: ClassVar[bool] = False

    shape: str
    means: Array
    precisions: Array
    offsets: Array

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, clouds)."""
        far = self._turned(x) if self.shape in {"full", "tied"} else self._straight(x)
        logs: Array = -0.5 * (x.shape[1] * np.log(2 * np.pi) + far) + self.offsets
        return logs

    def _turned(self, x: Array) -> Array:
        far = np.empty((x.shape[0], len(self.means)))
        for cloud, mean in enumerate(self.means):
            turn = self.precisions[cloud if self.shape == "full" else 0]
            far[:, cloud] = np.square(x @ turn - mean @ turn).sum(axis=1)
        return far

    def _straight(self, x: Array) -> Array:
        means, precisions = self.means, self.precisions
        if self.shape == "diag":
            middle = (means**2 * precisions).sum(axis=1)
            far: Array = middle - 2.0 * (x @ (means * precisions).T) + (x**2 @ precisions.T)
            return far
        lengths = np.einsum("ij,ij->i", x, x)
        middle = (means**2).sum(axis=1) * precisions
        round_: Array = middle - 2 * (x @ means.T * precisions) + np.outer(lengths, precisions)
        return round_
