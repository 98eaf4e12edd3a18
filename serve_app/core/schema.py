"""Holds the rows of a request against the columns that an endpoint takes."""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from serve_app.core.cells import FLOAT_LIMITS
from serve_app.core.column_check import ColumnCheck
from serve_app.core.columns import Array, Columns
from serve_app.core.messages import MISSING, RawColumns, Warned
from serve_app.core.policy import Policy
from serve_app.core.signature import Column
from serve_app.core.tensor_check import TensorCheck
from serve_app.core.violations import LISTED, ReceivedColumn, Violations, shortened

__all__ = ["Policy", "Schema"]

_FEW_ROWS = 64
_FOLDED = 32


class Schema:
    """The columns that an endpoint takes, and what happens when rows do not fit them."""

    def __init__(self, columns: Sequence[Column], policy: Policy) -> None:
        self.columns = tuple(columns)
        self.names = tuple(column.name for column in columns)
        self._policy = policy
        self._checks = tuple(
            TensorCheck(c, j) if c.shape else ColumnCheck(c, j, policy)
            for j, c in enumerate(columns)
        )
        # What nearly all values are is looked at without a call for each.
        self._tests = tuple((check.name, *check.floats, check.fits) for check in self._checks)
        dtypes = {check.dtype for check in self._checks}
        tabular = not any(column.shape for column in columns)
        self._block_dtype = dtypes.pop() if len(dtypes) == 1 and tabular else None
        if self._block_dtype is not None and self._block_dtype.kind != "f":
            self._block_dtype = None
        self._limits = None if self._block_dtype is None else _limits(columns)

    def validate(
        self, payload_columns: RawColumns, rows: int
    ) -> tuple[Columns, tuple[Warned, ...]]:
        """The columns in the schema's order and dtypes, and the rules only warned of.

        `payload_columns` holds `rows` values per column: JSON values, or one array.
        Columns that are all of one float dtype come back as one block. Of the warnings
        only the first 20 are kept.

        Raises:
            InvalidInput: a rule is broken that refuses. `details` holds the first 20
                `violations` and the `total` of all; a column that every row lacks, or that
                none should have, counts once.
        """
        if 0 < rows <= _FEW_ROWS:
            lists = self._plain(payload_columns)
            if lists is not None:
                return self._built(lists, rows), ()
        block = self._matrix(payload_columns, rows)
        if block is not None:
            return Columns.from_block(self.names, block), ()
        return self._examined(payload_columns, rows)

    def _matrix(self, raw: RawColumns, rows: int) -> Array | None:
        """The one matrix that all columns are views of, when none of it breaks a rule.

        So a request of floats in bytes is looked at as a whole, and not column by column.
        """
        if self._limits is None or tuple(raw) != self.names or not rows:
            return None
        matrix = _common(list(raw.values()), rows)
        if matrix is None:
            return None
        # NaN is neither above nor below anything, and then needs a closer look.
        least, most = self._limits
        lowest, highest = _along(np.minimum, matrix), _along(np.maximum, matrix)
        if not ((lowest >= least) & (highest <= most)).all():
            return None
        return matrix.astype(self._block_dtype, copy=False)

    def _plain(self, raw: RawColumns) -> list[Sequence[Any]] | None:
        """The values per column when each fits as it is; for few rows, the quickest way."""
        if len(raw) != len(self._checks):
            return None
        lists: list[Sequence[Any]] = []
        for name, low, high, fits in self._tests:
            values = raw.get(name)
            if values is None:
                return None
            for value in values:
                if (type(value) is not float or not low <= value <= high) and not fits(value):
                    return None
            lists.append(values)
        return lists

    def _built(self, lists: Sequence[Sequence[Any]], rows: int) -> Columns:
        if self._block_dtype is not None:
            block = np.array(list(zip(*lists, strict=True)), dtype=self._block_dtype)
            return Columns.from_block(self.names, block)
        arrays = [np.array(v, dtype=c.dtype) for v, c in zip(lists, self._checks, strict=True)]
        return Columns(self.names, arrays, None, rows)

    def _examined(self, raw: RawColumns, rows: int) -> tuple[Columns, tuple[Warned, ...]]:
        violations = Violations()
        arrays = [self._array(check, raw, rows, violations) for check in self._checks]
        self._check_unknown(raw, violations)
        warnings = violations.warnings()
        if self._block_dtype is None:
            return Columns(self.names, arrays, None, rows), warnings
        block = np.empty((rows, len(arrays)), dtype=self._block_dtype)
        for position, array in enumerate(arrays):
            block[:, position] = array
        return Columns.from_block(self.names, block), warnings

    def _array(
        self, check: ColumnCheck | TensorCheck, raw: RawColumns, rows: int, violations: Violations
    ) -> Array:
        values = raw.get(check.name)
        if values is None:
            # Without rows it lacks where others were named.
            return check.absent(rows, violations) if rows or raw else check.absent(0)
        quick = check.quick(values) if rows <= _FEW_ROWS else None
        return check.array(values, violations) if quick is None else quick

    def _check_unknown(self, raw: RawColumns, violations: Violations) -> None:
        reaction = self._policy.unknown
        unknown = raw.keys() - set(self.names)
        if reaction == "ignore" or not unknown:
            return
        first = heapq.nsmallest(LISTED, ((_first_row(raw[name]), name) for name in unknown))
        for offset, (row, name) in enumerate(first):
            place = ReceivedColumn(name, len(self.names) + offset, raw[name])
            violations.add(reaction, "unknown", place, [(row, self._nearest(name))])
        violations.count(reaction, len(unknown) - len(first))

    def _nearest(self, name: str) -> str:
        near = difflib.get_close_matches(shortened(name), self.names, n=1)
        return f"the column {near[0]!r}" if near else "no such column"


def _limits(columns: Sequence[Column]) -> tuple[Array, Array] | None:
    """The least and the greatest values of columns of floats; none where more is known of one."""
    if any(column.categories is not None for column in columns):
        return None
    limits = np.array([FLOAT_LIMITS[column.dtype] for column in columns])
    least = [-np.inf if column.minimum is None else column.minimum for column in columns]
    most = [np.inf if column.maximum is None else column.maximum for column in columns]
    return np.maximum(least, -limits), np.minimum(most, limits)


def _along(reduce: np.ufunc, matrix: Array) -> Array:
    """What a ufunc makes of each column; `matrix` lies in memory row by row.

    NumPy goes through such a matrix row by row, which takes longer than the comparisons when rows
    are short: many of them are looked at as one.
    """
    rows, width = matrix.shape
    whole = rows - rows % _FOLDED
    if not whole:
        return cast("Array", reduce.reduce(matrix, axis=0))
    folded = reduce.reduce(matrix[:whole].reshape(-1, _FOLDED * width), axis=0)
    parts = [folded.reshape(_FOLDED, width), matrix[whole:]]
    return cast("Array", reduce.reduce(np.concatenate(parts), axis=0))


def _common(values: Sequence[Any], rows: int) -> Array | None:
    """The matrix of doubles whose columns some arrays are, in their order; none for others."""
    first = values[0]
    base = first.base if isinstance(first, np.ndarray) else None
    width = len(values)
    if (
        not isinstance(base, np.ndarray)
        or base.dtype != np.float64
        or base.ndim != 1
        or base.size != rows * width
        or not base.flags.c_contiguous
    ):
        return None
    start = base.__array_interface__["data"][0]
    for index, array in enumerate(values):
        if (
            not isinstance(array, np.ndarray)
            or array.base is not base
            or array.shape != (rows,)
            or array.strides != (width * base.itemsize,)
            or array.__array_interface__["data"][0] != start + index * base.itemsize
        ):
            return None
    return base.reshape(rows, width)


def _first_row(values: Sequence[Any]) -> int:
    return next((row for row, value in enumerate(values) if value is not MISSING), 0)
