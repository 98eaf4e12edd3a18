"""From scores to probabilities and classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.operation import Operation


@dataclass(frozen=True, eq=False)
class Sigmoid(Operation):
    """`1 / (1 + exp(-scale * x))`."""

    scale: float = 1.0

    def __call__(self, x: Array, /) -> Array:
        """Between 0 and 1, the same shape."""
        scaled = x if self.scale == 1.0 else x * x.dtype.type(self.scale)
        result: Array = 1 / (1 + np.exp(-scaled))
        return result


@dataclass(frozen=True, eq=False)
class Softmax(Operation):
    """`exp(x) / sum(exp(x))` along each row, without overflow."""

    def __call__(self, x: Array, /) -> Array:
        """Rows that add up to 1."""
        powers = np.exp(x - x.max(axis=1, keepdims=True))
        result: Array = powers / powers.sum(axis=1, keepdims=True)
        return result


@dataclass(frozen=True, eq=False)
class SingleSigmoid(Operation):
    """XGBoost's sigmoid: `1 / (1 + exp(-x))` in float32."""

    def __call__(self, x: Array, /) -> Array:
        """float32, the same shape."""
        # expf is right to the last bit nearly always; so is a rounded exp of doubles.
        powers = np.exp(np.minimum(-x, np.float32(88.7)), dtype=np.float64).astype(np.float32)
        result: Array = np.float32(1) / (powers + np.float32(1) + np.float32(1e-16))
        return result


@dataclass(frozen=True, eq=False)
class SingleSoftmax(Operation):
    """XGBoost's softmax: powers in float32, their sum in float64."""

    def __call__(self, x: Array, /) -> Array:
        """float32 rows that add up to 1."""
        above = x - x.max(axis=1, keepdims=True)
        powers = np.exp(above, dtype=np.float64).astype(np.float32)
        total = np.add.accumulate(powers, axis=1, dtype=np.float64)[:, -1:].astype(np.float32)
        result: Array = powers / total
        return result


@dataclass(frozen=True, eq=False)
class BothClasses(Operation):
    """Of the second of two classes' probability, both: `[1 - p, p]`."""

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, 2)."""
        second = x.reshape(-1)
        both = np.empty((len(second), 2), dtype=second.dtype)
        np.subtract(second.dtype.type(1), second, out=both[:, 0])
        both[:, 1] = second
        return both


@dataclass(frozen=True, eq=False)
class Shares(Operation):
    """Rows divided by their sums, or uniform where that is zero."""

    def __call__(self, x: Array, /) -> Array:
        """Rows that add up to 1."""
        total = x.sum(axis=1, keepdims=True)
        empty = total == 0
        if empty.any():
            x = np.where(empty, x.dtype.type(1), x)
            total = np.where(empty, total.dtype.type(x.shape[1]), total)
        shares: Array = x / total
        return shares


@dataclass(frozen=True, eq=False)
class SharesOrZero(Operation):
    """Rows divided by their sums, or left as they are where that is zero."""

    def __call__(self, x: Array, /) -> Array:
        """Rows that add up to 1, or zeros."""
        total = x.sum(axis=1)[:, np.newaxis]
        shares: Array = np.divide(x, total, out=x.copy(), where=total != 0)
        return shares


@dataclass(frozen=True, eq=False)
class LogShares(Operation):
    """Probabilities of which `x` is the logarithm but for a constant per row."""

    def __call__(self, x: Array, /) -> Array:
        """Rows that add up to 1."""
        largest = x.max(axis=1, keepdims=True)
        largest = np.where(np.isfinite(largest), largest, 0)
        log_total = np.log(np.exp(x - largest).sum(axis=1, keepdims=True)) + largest
        result: Array = np.exp(x - log_total)
        return result


@dataclass(frozen=True, eq=False)
class Above(Operation):
    """The number of one of two classes: the second where the score is above a bound.

    `at` counts the bound itself to the second class.
    """

    bound: float = 0.0
    at: bool = False

    def __call__(self, x: Array, /) -> Array:
        """0 or 1 for each row."""
        scores = x.reshape(-1)
        above = scores >= self.bound if self.at else scores > self.bound
        numbers: Array = above.astype(np.intp)
        return numbers


@dataclass(frozen=True, eq=False)
class Largest(Operation):
    """The number of the class with the largest score; of equal ones the first."""

    def __call__(self, x: Array, /) -> Array:
        """One for each row."""
        numbers: Array = np.argmax(x, axis=1)
        return numbers


@dataclass(frozen=True, eq=False)
class Take(Operation):
    """Numbers of classes as what the library calls them, where those are numbers."""

    values: Array

    def __call__(self, x: Array, /) -> Array:
        """The same shape."""
        return self.values.take(x)


@dataclass(frozen=True, eq=False)
class Difference(Operation):
    """The second of two columns less the first."""

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows,)."""
        difference: Array = x[:, 1] - x[:, 0]
        return difference
