"""From raw values to one array, for whole columns at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.core import decimals, times
from serve_app.core.cells import EXACT, FLOAT_LIMITS, INT_LIMITS
from serve_app.core.columns import Array
from serve_app.core.signature import Column

_NUMBERS = frozenset({float, int, type(None)})
_TEXTS = frozenset({str, type(None)})


def convert(values: Sequence[Any] | Array, column: Column) -> Array | None:
    """The values as an array of the column's dtype, or none when some cell does not fit.

    Nulls are NaN in numeric columns (integers are float64 then), NaT in those of dates and
    times, and None in all others (booleans are objects then). Bounds and categories are not
    looked at.
    """
    if isinstance(values, np.ndarray):
        if values.ndim == 1 and values.dtype.kind in "fiu" and _is_numeric(column):
            return _from_numbers(values, column)
        return _from_cells(values.tolist(), column)
    return _from_cells(values, column)


def nulls(array: Array) -> NDArray[np.intp]:
    """The rows whose value is null."""
    if array.dtype.kind == "f":
        return np.flatnonzero(np.isnan(array))
    if array.dtype.kind == "M":
        return np.flatnonzero(np.isnat(array))
    if array.dtype.kind == "O":
        return np.array([row for row, value in enumerate(array) if value is None], dtype=np.intp)
    return np.empty(0, dtype=np.intp)


def _is_numeric(column: Column) -> bool:
    return column.dtype in INT_LIMITS or column.dtype in FLOAT_LIMITS


def _objects(values: Sequence[Any]) -> Array:
    array = np.empty(len(values), dtype=np.object_)
    array[:] = values
    return array


def _from_cells(values: Sequence[Any], column: Column) -> Array | None:
    kinds = set(map(type, values))
    if _is_numeric(column):
        return _from_python_numbers(values, kinds, column) if kinds <= _NUMBERS else None
    if column.is_datetime:
        return _moments(values, column) if kinds <= _TEXTS else None
    if column.dtype == "decimal":
        return _decimals(values)
    if column.dtype == "bool" and kinds <= {bool}:
        return np.array(values, dtype=np.bool_)
    fitting = {bool if column.dtype == "bool" else str, type(None)}
    return _objects(values) if kinds <= fitting else None


def _moments(values: Sequence[str | None], column: Column) -> Array | None:
    try:
        return times.array_of(values, column)
    except times.NoMoment:
        return None


def _decimals(values: Sequence[Any]) -> Array | None:
    converted = [None if value is None else decimals.decimal(value) for value in values]
    fit = all((new is None) == (old is None) for new, old in zip(converted, values, strict=True))
    return _objects(converted) if fit else None


def _from_python_numbers(values: Sequence[Any], kinds: set[type], column: Column) -> Array | None:
    try:
        if kinds == {int} and column.dtype in INT_LIMITS:
            return np.array(values, dtype=column.dtype)
        floats = np.array(values, dtype=np.float64)
    except OverflowError:
        return None
    if int in kinds and _above(floats, EXACT):
        return None
    return _from_floats(floats, column)


def _from_numbers(array: Array, column: Column) -> Array | None:
    if array.dtype.kind == "f":
        return _from_floats(array.astype(np.float64, copy=False), column)
    if column.dtype in FLOAT_LIMITS:
        floats = array.astype(np.float64)
        return None if _above(floats, EXACT) else _from_floats(floats, column)
    low, high = INT_LIMITS[column.dtype]
    # Python's integers compare exactly with every integer dtype.
    if array.size and not (low <= int(array.min()) and int(array.max()) <= high):
        return None
    return array.astype(column.dtype)


def _from_floats(floats: NDArray[np.float64], column: Column) -> Array | None:
    """Doubles as the column's dtype; NaN is null, infinities need a look."""
    if column.dtype in FLOAT_LIMITS:
        limit = FLOAT_LIMITS[column.dtype]
        return None if _above(floats, limit) else floats.astype(column.dtype, copy=False)
    low, high = INT_LIMITS[column.dtype]
    null = np.isnan(floats)
    whole = np.trunc(floats) == floats
    inside = (floats >= max(low, -EXACT)) & (floats <= min(high, EXACT))
    if not (null | (whole & inside)).all():
        return None
    return floats if null.any() else floats.astype(column.dtype)


def _above(floats: NDArray[np.float64], limit: float) -> bool:
    return bool((np.abs(floats) > limit).any())
