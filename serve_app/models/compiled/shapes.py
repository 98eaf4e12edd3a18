"""Numbers put into other shapes: columns taken out, summed, multiplied, interpolated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.models.compiled.operation import Operation, Refused


@dataclass(frozen=True, eq=False)
class Polynomial(Operation):
    """Products of columns up to a degree, as PolynomialFeatures multiplies them.

    `products` names, for each column of degree 2 and more, the earlier column and the input
    column whose product it is; columns count from the constant, which is column 0. `kept`
    are those that come out.
    """

    width: int
    products: tuple[tuple[int, int], ...]
    kept: tuple[int, ...]

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, len(kept)), in the dtype of the numbers."""
        terms = np.empty((x.shape[0], 1 + self.width + len(self.products)), dtype=x.dtype)
        terms[:, 0] = 1
        terms[:, 1 : 1 + self.width] = x
        for at, (earlier, column) in enumerate(self.products, start=1 + self.width):
            np.multiply(terms[:, earlier], x[:, column], out=terms[:, at])
        return terms[:, self.kept]


@dataclass(frozen=True, eq=False)
class Normalise(Operation):
    """Rows divided by their norm: "l1", "l2" or "max"; rows of zeros stay."""

    row_by_row: ClassVar[bool] = False

    norm: str

    def __call__(self, x: Array, /) -> Array:
        """The same shape."""
        if self.norm == "l2":
            # The order of sums is einsum's, as in scikit-learn's row_norms.
            norms = np.sqrt(np.einsum("ij,ij->i", x, x))
        else:
            absolute = np.abs(x)
            norms = absolute.sum(axis=1) if self.norm == "l1" else absolute.max(axis=1)
        norms = np.where(norms == 0, norms.dtype.type(1), norms)
        scaled: Array = x / norms[:, np.newaxis]
        return scaled


@dataclass(frozen=True, eq=False)
class Flatten(Operation):
    """A single column as one dimension."""

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows,)."""
        return x.ravel()


@dataclass(frozen=True, eq=False)
class Column(Operation):
    """One column of a matrix."""

    position: int

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows,)."""
        column: Array = x[:, self.position]
        return column


@dataclass(frozen=True, eq=False)
class RowSum(Operation):
    """The sum of each row."""

    row_by_row: ClassVar[bool] = False

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows,)."""
        total: Array = x.sum(axis=1)
        return total


@dataclass(frozen=True, eq=False)
class Constant(Operation):
    """The same for every row, whatever it is."""

    value: Array

    def __call__(self, x: Columns | Array, /) -> Array:
        """Shape (rows, …)."""
        rows = x.rows if isinstance(x, Columns) else x.shape[0]
        return np.repeat(self.value[np.newaxis], rows, axis=0)


@dataclass(frozen=True, eq=False)
class Interpolate(Operation):
    """A function that is linear between points, as isotonic regression's; inside its bounds.

    `clip` moves numbers outside to the bounds; otherwise they become NaN (`nan`) or are refused.
    """

    points: Array
    values: Array
    clip: bool
    nan: bool

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows,), in the dtype of the points."""
        points, values = self.points, self.values
        x = x.reshape(-1).astype(points.dtype, copy=False)
        outside = (x < points[0]) | (x > points[-1])
        if self.clip:
            x = np.clip(x, points[0], points[-1])
        elif outside.any() and not self.nan:
            raise Refused("a value lies outside of the range of training")
        if len(points) == 1:
            return np.repeat(values, len(x))
        # scipy's interp1d: the slope of the piece that ends at or above x.
        right = np.clip(np.searchsorted(points, x), 1, len(points) - 1)
        low, high = points[right - 1], points[right]
        slope = (values[right] - values[right - 1]) / (high - low)
        result = slope * (x - low) + values[right - 1]
        if not self.clip:
            result = np.where(outside, np.nan, result)
        rounded: Array = result.astype(points.dtype)
        return rounded
