"""Holds the tensors of one column, one per row, against their dtype and shape."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from serve_app.core.cells import FLOAT_LIMITS, INT_LIMITS, NO_FLOATS
from serve_app.core.columns import Array
from serve_app.core.signature import Column
from serve_app.core.violations import ReceivedColumn, Violations


class TensorCheck:
    """One column of tensors. Nothing stands for a gap in one, so that what does not fit is refused.

    It is asked as `ColumnCheck` is.
    """

    def __init__(self, column: Column, position: int) -> None:
        self.column = column
        self.name = column.name
        self.floats = NO_FLOATS
        self.dtype: np.dtype[Any] = np.dtype(
            np.object_ if column.dtype == "string" else column.dtype
        )
        self._position = position
        sizes = ", ".join("any" if size is None else str(size) for size in column.shape)
        self._expected = f"a list of shape [{sizes}] of {column.dtype}"

    def fits(self, value: Any) -> bool:  # noqa: ARG002
        """No single value is a tensor."""
        return False

    def quick(self, values: Sequence[Any]) -> Array | None:  # noqa: ARG002
        """There is no quicker way than `array`."""
        return None

    def absent(self, rows: int, violations: Violations | None = None) -> Array:
        """No rows, or a broken rule."""
        if violations is not None and rows:
            place = ReceivedColumn(self.name, self._position, ())
            violations.add("refuse", "missing", place, [(0, self._expected)])
        return self._none(rows)

    def array(self, values: Sequence[Any], violations: Violations) -> Array:
        """The tensors as one array of shape (rows, …); `violations` hears of what is none."""
        whole = self._made(values, len(self.column.shape) + 1) if len(values) else self._none(0)
        if whole is not None:
            return whole
        place = ReceivedColumn(self.name, self._position, values)
        rank = len(self.column.shape)
        misfits = (row for row, value in enumerate(values) if self._made(value, rank) is None)
        broken = [(row, self._expected) for row in itertools.islice(misfits, violations.room)]
        if next(misfits, None) is not None:
            violations.stopped()
        alike = [(0, f"{self._expected}, of one size in all rows")]
        violations.add("refuse", "type", place, broken or alike)
        return self._none(len(values))

    def _none(self, rows: int) -> Array:
        return np.zeros((rows, *(size or 0 for size in self.column.shape)), self.dtype)

    def _made(self, values: Any, rank: int) -> Array | None:
        """Values as an array of the dtype; none where they are not of it, or of another shape."""
        try:
            given = values if isinstance(values, np.ndarray) else np.array(values)
        except (ValueError, OverflowError):
            return None
        sizes = self.column.shape
        if given.ndim == rank - len(sizes) and set(sizes) <= {1, None}:
            # Clients take a list of one value for that value, and so do the dialects.
            given = values = given.reshape(*given.shape, *(1 for _ in sizes))
        shape = given.shape[rank - len(self.column.shape) :]
        fits = given.ndim == rank and all(
            wanted in {None, size} for size, wanted in zip(shape, self.column.shape, strict=True)
        )
        return self._typed(given, values) if fits else None

    def _typed(self, given: Array, values: Any) -> Array | None:
        dtype, kind = self.column.dtype, given.dtype.kind
        if not given.size:
            return given.astype(self.dtype)
        if dtype == "string":
            texts = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
            return texts.astype(object) if _all_texts(texts) else None
        if dtype == "bool" or kind == "b":
            return given if kind == "b" and dtype == "bool" else None
        if not isinstance(values, np.ndarray) and bool in _kinds(values):
            # NumPy takes truth values among numbers for numbers.
            return None
        return given.astype(self.dtype) if kind in "iuf" and self._holds(given) else None

    def _holds(self, numbers: Array) -> bool:
        """Whether the dtype has each of some numbers; NaN is one where there are floats."""
        dtype = self.column.dtype
        if dtype in FLOAT_LIMITS:
            plain = numbers.astype(np.float64)
            return not (np.abs(plain[~np.isnan(plain)]) > FLOAT_LIMITS[dtype]).any()
        low, high = INT_LIMITS[dtype]
        whole = numbers.dtype.kind != "f" or bool((np.trunc(numbers) == numbers).all())
        return whole and bool(low <= numbers.min() and numbers.max() <= high)


def _kinds(values: Any) -> set[type]:
    return set(map(type, np.array(values, dtype=object).reshape(-1).tolist()))


def _all_texts(values: Array) -> bool:
    return values.dtype.kind == "U" or all(type(v) is str for v in values.reshape(-1).tolist())
