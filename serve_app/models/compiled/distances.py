"""Distances to points that were learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.operation import Operation, Refused


@dataclass(frozen=True, eq=False)
class Gaussians(Operation):
    """Log-likelihood under a normal distribution per class with independent columns.

    `constants` holds `log(prior) `, `offsets` the sum of the logarithms of the variances.
    """

    row_by_row: ClassVar[bool] = False

    means: Array
    variances: Array
    log_priors: Array
    offsets: Array

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, classes)."""
        columns = [
            prior + (offset - 0.5 * (((x - mean) ** 2) / variance).sum(axis=1))
            for mean, variance, prior, offset in zip(
                self.means, self.variances, self.log_priors, self.offsets, strict=True
            )
        ]
        return np.array(columns).T


@dataclass(frozen=True, eq=False)
class Quadratics(Operation):
    """Quadratic discriminant scores; `turns` rotate and scale what lies around each mean."""

    row_by_row: ClassVar[bool] = False

    means: Array
    turns: tuple[Array, ...]
    logs: Array
    log_priors: Array

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, classes)."""
        squares = [
            np.sum(np.dot(x - mean, turn) ** 2, axis=1)
            for mean, turn in zip(self.means, self.turns, strict=True)
        ]
        result: Array = -0.5 * (np.array(squares).T + self.logs) + self.log_priors
        return result


@dataclass(frozen=True, eq=False)
class CategoryLogs(Operation):
    """The sum of a table's entries per column, looked up by category."""

    tables: tuple[Array, ...]
    log_priors: Array

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, classes).

        Raises:
            Refused: a category that training did not know.
        """
        numbers = x.astype(int)
        known = [table.shape[1] for table in self.tables]
        if (numbers < 0).any() or (numbers >= known).any():
            raise Refused("a value is none of the categories of training")
        total = np.zeros((x.shape[0], len(self.log_priors)))
        for column, table in enumerate(self.tables):
            total += table[:, numbers[:, column]].T
        return total + self.log_priors
