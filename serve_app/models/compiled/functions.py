"""NumPy's functions of the columns of a frame, each in a type of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.models.compiled.arithmetic import FUNCTIONS
from serve_app.models.compiled.operation import Operation


@dataclass(frozen=True, eq=False)
class EachColumn(Operation):
    """A function of every number of columns that stay apart."""

    function: str

    def __call__(self, x: Columns, /) -> Columns:
        """Columns of the same names."""
        function = FUNCTIONS[self.function]
        if x.block is not None:
            return Columns.from_block(x.names, function(x.block))
        return Columns(x.names, [function(array) for array in x.arrays], None, x.rows)


@dataclass(frozen=True, eq=False)
class ClipColumns(Operation):
    """Keeps the numbers of columns that stay apart within bounds, where there are any."""

    low: float | None
    high: float | None

    def __call__(self, x: Columns, /) -> Columns:
        """Columns of the same names."""
        if x.block is not None:
            return Columns.from_block(x.names, np.clip(x.block, self.low, self.high))
        return Columns(x.names, [self._clipped(array) for array in x.arrays], None, x.rows)

    def _clipped(self, array: Array) -> Array:
        clipped: Array = np.clip(array, self.low, self.high)
        return clipped


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
