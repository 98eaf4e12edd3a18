"""NumPy's functions, of a matrix or of the columns of a frame, each in a type of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.models.compiled.operation import Operation


@dataclass(frozen=True, eq=False)
class EachColumn(Operation):
    """An operation on arrays of any shape, for columns that stay apart."""

    inner: Operation

    def __call__(self, x: Columns, /) -> Columns:
        """Columns of the same names."""
        if x.block is not None:
            return Columns.from_block(x.names, self.inner(x.block))
        return Columns(x.names, [self.inner(array) for array in x.arrays], None, x.rows)


@dataclass(frozen=True, eq=False)
class Rounded(Operation):
    """Rounds to so many places behind the point, halves to the even digit."""

    places: int

    def __call__(self, x: Array, /) -> Array:
        """The same shape and dtype."""
        rounded: Array = np.round(x, self.places)
        return rounded


@dataclass(frozen=True, eq=False)
class NumbersForGaps(Operation):
    """Other numbers for NaN and infinities, as NumPy's nan_to_num puts them."""

    nan: float
    above: float | None
    below: float | None

    def __call__(self, x: Array, /) -> Array:
        """The same shape, finite where the numbers that are put are."""
        filled: Array = np.nan_to_num(x, nan=self.nan, posinf=self.above, neginf=self.below)
        return filled


@dataclass(frozen=True, eq=False)
class Typed(Operation):
    """The columns of a matrix in types of their own, where they have no gaps."""

    dtypes: tuple[str, ...]

    def __call__(self, x: Array, /) -> Columns:
        """Columns that are named by their positions."""
        arrays: list[Array] = []
        for column, dtype in zip(x.T, self.dtypes, strict=True):
            fits = dtype.startswith("float") or not np.isnan(column).any()
            arrays.append(column.astype(dtype) if fits else column)
        return Columns([str(j) for j in range(len(arrays))], arrays, None, x.shape[0])
