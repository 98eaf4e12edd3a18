"""NumPy arrays as Arrow columns, whatever they hold, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from serve_app.core.columns import Array, of_objects
from serve_app.core.messages import MISSING

_MISFITS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError)


def arrow_of(array: Array) -> pa.Array:
    """One Arrow value per row; a row of several values is a list, mixed values are text."""
    if array.ndim <= 1:
        return _flat(array)
    values = _flat(np.ascontiguousarray(array).reshape(-1))
    length = array.size
    for width in reversed(array.shape[1:]):
        length = length // width if width else 0
        values = _lists(values, length, width)
    return values if len(values) == len(array) else pa.array([[]] * len(array), values.type)


def numpy_of(column: pa.ChunkedArray) -> Array:
    """The values of a column; numbers with gaps as doubles, all else as objects."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_temporal(kind):
        array: Array = column.to_numpy()
        return array
    return objects_of(column)


def objects_of(column: pa.Array | pa.ChunkedArray) -> Array:
    """A column of Arrow's as Python's own values; None where it has none."""
    return of_objects(column.to_pylist())


def texts(values: Sequence[Any]) -> pa.Array:
    """Text as it is, None as a gap, everything else as Python writes it."""
    try:
        return pa.array(values, pa.string())
    except (*_MISFITS, UnicodeError):
        written = [None if _is_gap(value) else _text(value) for value in values]
        return pa.array(written, pa.string())


def _lists(values: pa.Array, rows: int, width: int) -> pa.Array:
    return pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32) * width, values)


def _flat(array: Array) -> pa.Array:
    if array.dtype == object:
        return _of_objects(array.tolist())
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    try:
        return pa.array(array)
    except (*_MISFITS, UnicodeError):
        return texts(array.tolist())


def _of_objects(values: list[Any]) -> pa.Array:
    if not {type(value) for value in values} <= {str, type(None)}:
        kinds = {type(value) for value in values if not _is_gap(value)}
        if len(kinds) != 1:
            # Arrow would make 1.0 of True and 1 of "1": what is mixed stays what was written.
            return texts(values) if kinds else pa.nulls(len(values))
        values = [None if value is MISSING else value for value in values]
    try:
        return pa.array(values)
    except (*_MISFITS, UnicodeError):
        return texts(values)


def _is_gap(value: Any) -> bool:
    return value is None or value is MISSING


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text.encode("utf-8", "backslashreplace").decode()
