"""Arithmetic on numbers, in the order and the precision of the library that was fitted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.models.compiled.operation import Operation, Refused

FUNCTIONS = {
    "absolute": np.absolute,
    "add": np.add,
    "arccos": np.arccos,
    "arccosh": np.arccosh,
    "arcsin": np.arcsin,
    "arcsinh": np.arcsinh,
    "arctan": np.arctan,
    "arctanh": np.arctanh,
    "cbrt": np.cbrt,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg2rad": np.deg2rad,
    "degrees": np.degrees,
    "divide": np.divide,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "fabs": np.fabs,
    "floor": np.floor,
    "fmax": np.fmax,
    "fmin": np.fmin,
    "greater": np.greater,
    "isfinite": np.isfinite,
    "isinf": np.isinf,
    "isnan": np.isnan,
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "logical_not": np.logical_not,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "multiply": np.multiply,
    "negative": np.negative,
    "positive": np.positive,
    "power": np.power,
    "rad2deg": np.rad2deg,
    "radians": np.radians,
    "reciprocal": np.reciprocal,
    "rint": np.rint,
    "sign": np.sign,
    "signbit": np.signbit,
    "sin": np.sin,
    "sinh": np.sinh,
    "spacing": np.spacing,
    "sqrt": np.sqrt,
    "square": np.square,
    "subtract": np.subtract,
    "tan": np.tan,
    "tanh": np.tanh,
    "trunc": np.trunc,
}
"""The functions that `Elementwise` may name."""
_TURNED_ROWS = 256
_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


@dataclass(frozen=True, eq=False)
class ToMatrix(Operation):
    """Columns of numbers as one matrix of the dtype that holds them all."""

    def __call__(self, x: Columns, /) -> Array:
        """A matrix of shape (rows, columns), column by column in memory as pandas keeps it."""
        if x.block is not None:
            return _by_column(x.block)
        arrays = x.arrays
        if not arrays:
            return np.empty((x.rows, 0))
        # Booleans among numbers are numbers, as scikit-learn takes them.
        return np.array(arrays, dtype=np.result_type(*arrays)).T


def _by_column(block: Array) -> Array:
    """The same matrix, column by column in memory.

    Some rows at a time, so that what is read and what is written stay near the processor.
    """
    if block.flags.f_contiguous or block.shape[0] <= _TURNED_ROWS:
        return np.asfortranarray(block)
    turned = np.empty(block.shape, dtype=block.dtype, order="F")
    for start in range(0, block.shape[0], _TURNED_ROWS):
        turned[start : start + _TURNED_ROWS] = block[start : start + _TURNED_ROWS]
    return turned


@dataclass(frozen=True, eq=False)
class Pick(Operation):
    """Some of the columns, by position."""

    positions: tuple[int, ...]

    def __call__(self, x: Columns | Array, /) -> Columns | Array:
        """Columns of columns, a matrix of a matrix."""
        if isinstance(x, Columns):
            if x.block is not None:
                block = x.block[:, self.positions]
                return Columns.from_block([x.names[j] for j in self.positions], block)
            arrays = x.arrays
            return Columns(
                [x.names[j] for j in self.positions],
                [arrays[j] for j in self.positions],
                None,
                x.rows,
            )
        return x[:, self.positions]


@dataclass(frozen=True, eq=False)
class AsFloat(Operation):
    """float32 and float64 as they are, everything else as float64."""

    def __call__(self, x: Array, /) -> Array:
        """The same numbers."""
        return x if x.dtype in _FLOATS else x.astype(np.float64)


@dataclass(frozen=True, eq=False)
class Cast(Operation):
    """Rounds to a dtype."""

    dtype: str

    def __call__(self, x: Array, /) -> Array:
        """The rounded numbers; what is too large becomes infinite."""
        if x.dtype == self.dtype:
            return x
        return x.astype(self.dtype)


@dataclass(frozen=True, eq=False)
class Screen(Operation):
    """Refuses infinities, and NaN unless that is allowed."""

    nan: bool = False

    def __call__(self, x: Array, /) -> Array:
        """The same numbers.

        Raises:
            Refused: there is one that the library would not take.
        """
        if x.dtype.kind != "f":
            return x
        if self.nan:
            if np.isinf(x).any():
                raise Refused("the rows hold infinities")
        elif not np.isfinite(x).all():
            raise Refused("the rows hold NaN or infinities")
        return x


@dataclass(frozen=True, eq=False)
class Elementwise(Operation):
    """A function of each number and perhaps an operand: `function(x, operand)`.

    `turned` puts the operand first. The operand is rounded to the dtype of the numbers when
    `alike` says so.
    """

    function: str
    operand: Array | float | None = None
    turned: bool = False
    alike: bool = False

    def __call__(self, x: Array, /) -> Array:
        """The results; overflow is infinite."""
        function: Any = FUNCTIONS[self.function]
        operand = self.operand
        if operand is None:
            result: Array = function(x)
            return result
        if self.alike and isinstance(operand, np.ndarray) and operand.dtype != x.dtype:
            operand = operand.astype(x.dtype)
        combined: Array = function(operand, x) if self.turned else function(x, operand)
        return combined


@dataclass(frozen=True, eq=False)
class Clip(Operation):
    """Keeps numbers within bounds; None is no bound."""

    low: Array | float | None
    high: Array | float | None

    def __call__(self, x: Array, /) -> Array:
        """The bounded numbers."""
        clipped: Array = np.clip(x, self.low, self.high)
        return clipped


@dataclass(frozen=True, eq=False)
class MatMul(Operation):
    """The product with a matrix or vector of weights."""

    row_by_row: ClassVar[bool] = False

    weights: Array

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, outputs), or (rows,) for a vector."""
        product: Array = x @ self.weights
        return product


@dataclass(frozen=True, eq=False)
class CoarseMatMul(Operation):
    """The product with weights that were quantised: `codes * scales`, of `dtype`."""

    row_by_row: ClassVar[bool] = False

    codes: Array
    scales: Array
    dtype: str

    @cached_property
    def _weights(self) -> Array:
        scales = self.scales if self.scales.size > 1 else self.scales.reshape(())
        weights: Array = (self.codes * scales).astype(self.dtype)
        return weights

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, outputs), or (rows,) for a vector."""
        product: Array = x @ self._weights
        return product


@dataclass(frozen=True, eq=False)
class ZerosMissing(Operation):
    """Zeros become NaN: XGBoost takes what a sparse matrix does not store as missing."""

    def __call__(self, x: Array, /) -> Array:
        """float32, as XGBoost reads it."""
        # Whether there is a zero shows before rounding: only that is what is not stored.
        return np.where(x == 0, np.float32(np.nan), x.astype(np.float32))


@dataclass(frozen=True, eq=False)
class ValueMissing(Operation):
    """A number that stands for a gap becomes NaN."""

    value: float

    def __call__(self, x: Array, /) -> Array:
        """float32, as XGBoost compares it."""
        rounded = x.astype(np.float32, copy=False)
        return np.where(rounded == np.float32(self.value), np.float32(np.nan), rounded)


@dataclass(frozen=True, eq=False)
class Beside(Operation):
    """What several operations make of the same rows, beside each other."""

    branches: tuple[Operation, ...]
    dtype: str | None = None

    def __call__(self, x: Any, /) -> Array:
        """Shape (rows, the widths of all)."""
        parts = [branch(x) for branch in self.branches]
        parts = [part[:, np.newaxis] if part.ndim == 1 else part for part in parts]
        joined = np.concatenate(parts, axis=1)
        return joined if self.dtype is None else joined.astype(self.dtype, copy=False)
