"""Gaps: as numbers, and filled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.models.compiled.operation import Operation


@dataclass(frozen=True, eq=False)
class AsFloats(Operation):
    """Some columns as float64, in which None becomes NaN."""

    positions: tuple[int, ...]

    def __call__(self, x: Columns, /) -> Columns:
        """The same columns."""
        arrays = list(x.arrays)
        for position in self.positions:
            arrays[position] = arrays[position].astype(np.float64)
        return Columns(x.names, arrays, None, x.rows)


@dataclass(frozen=True, eq=False)
class Impute(Operation):
    """Fills gaps: NaN when `missing` is NaN, else the numbers that equal it.

    `fills` has one value per column, `kept` are the columns that stay (all when None), and
    `flagged` those for which a column of zeros and ones follows that says where a gap was.
    """

    fills: Array
    missing: float
    kept: tuple[int, ...] | None = None
    flagged: tuple[int, ...] | None = None

    def __call__(self, x: Array, /) -> Array:
        """The numbers without gaps, in the same dtype."""
        if self.missing != self.missing:
            gaps = np.isnan(x) if x.dtype.kind == "f" else None
        else:
            gaps = x == self.missing
        filled = x if gaps is None else np.where(gaps, self.fills.astype(x.dtype, copy=False), x)
        if self.kept is not None:
            filled = filled[:, self.kept]
        if self.flagged is None:
            return filled
        flags = np.zeros(x.shape, bool) if gaps is None else gaps
        return np.hstack([filled, flags[:, self.flagged]])
