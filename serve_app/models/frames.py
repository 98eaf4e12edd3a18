"""Between pandas frames and columns, without losing a type on the way.

A pipeline that was trained on a frame gets a frame with the same names, order and dtypes
again, whatever body the rows came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from serve_app.core.columns import Array, Columns
from serve_app.core.signature import Column
from serve_app.errors import InvalidInput

MAX_CATEGORIES = 50
_NULLABLE = {"Int", "UInt", "Float", "boolean"}
# scikit-learn tells None from NaN in object columns, so a column remembers which it had.
OBJECT_WITH_NAN = "object[nan]"


def to_columns(frame: pd.DataFrame) -> Columns:
    """The columns of a frame; missing is NaN in numbers and None in text.

    Raises:
        InvalidInput: a column's type cannot be served.
    """
    arrays = {str(name): _array(str(name), frame[name]) for name in frame.columns}
    dtypes = {array.dtype for array in arrays.values()}
    if len(dtypes) == 1 and next(iter(dtypes)).kind == "f":
        return Columns.from_block(tuple(arrays), np.column_stack(list(arrays.values())))
    return Columns.of(arrays)


def describe(frame: pd.DataFrame) -> tuple[Column, ...]:
    """The signature's columns as they are in a training frame.

    Raises:
        InvalidInput: a column's type cannot be served, or two have one name.
    """
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"two columns are named {twice[0]!r}; give each its own name"
        raise InvalidInput(msg, column=twice[0])
    return tuple(_described(name, frame[name_]) for name, name_ in zip(names, frame, strict=True))


class Framer:
    """Builds frames like the one of training out of columns."""

    def __init__(self, inputs: Sequence[Column]) -> None:
        self._inputs = tuple(inputs)
        self._index = pd.Index([column.name for column in inputs])
        dtypes = {column.frame_dtype or column.dtype for column in inputs}
        self._float = next(iter(dtypes)) if len(dtypes) == 1 else ""

    def frame(self, columns: Columns) -> pd.DataFrame:
        """A frame with the names, order and dtypes of training."""
        block = columns.block
        if block is not None and str(block.dtype) == self._float:
            # Column by column in memory, as pandas keeps frames: BLAS adds in another order
            # otherwise, and the last bit of a linear model would differ.
            return pd.DataFrame(np.asfortranarray(block), columns=self._index, copy=False)
        return pd.DataFrame(
            {
                column.name: _series(column, array)
                for column, array in zip(self._inputs, columns.arrays, strict=True)
            },
            index=pd.RangeIndex(columns.rows),
        )


def matrix(columns: Columns) -> Array:
    """The columns as one two-dimensional array."""
    if columns.block is not None:
        return columns.block
    return np.column_stack(columns.arrays) if len(columns) else np.empty((columns.rows, 0))


def _described(name: str, series: pd.Series[Any]) -> Column:
    array = _array(name, series)
    frame_dtype = str(series.dtype)
    missing = series.isna()
    nullable = bool(missing.any())
    if isinstance(series.dtype, pd.CategoricalDtype):
        categories = [_scalar(value) for value in series.dtype.categories]
        kind = _array(name, pd.Series(series.dtype.categories)).dtype
        return Column(
            name, _kind(kind), nullable, categories=tuple(categories), frame_dtype="category"
        )
    if array.dtype == object:
        if frame_dtype == "object" and any(value is not None for value in series[missing]):
            frame_dtype = OBJECT_WITH_NAN
        values = sorted({value for value in array if value is not None})
        categories_ = tuple(values) if len(values) <= MAX_CATEGORIES else None
        kind_ = "bool" if values and all(isinstance(v, bool) for v in values) else "string"
        return Column(name, kind_, nullable, categories=categories_, frame_dtype=frame_dtype)
    if array.dtype.kind == "b":
        return Column(name, "bool", nullable, frame_dtype=frame_dtype)
    finite = array[np.isfinite(array)]
    low, high = (_scalar(finite.min()), _scalar(finite.max())) if len(finite) else (None, None)
    dtype = frame_dtype.lower() if frame_dtype[0] in "IUF" else _kind(array.dtype)
    return Column(name, dtype, nullable, low, high, frame_dtype=frame_dtype)


def _array(name: str, series: pd.Series[Any]) -> Array:
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _array(name, _plain(series, dtype))
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf" and dtype.itemsize <= 8:
        array = series.to_numpy()
        return array.astype(np.float32) if dtype == np.float16 else array
    text = str(dtype)
    if text.startswith(("Int", "UInt", "Float")):
        if series.isna().any():
            return series.to_numpy(dtype="float64", na_value=np.nan)
        return series.to_numpy(dtype=text.lower())
    if text == "boolean" and not series.isna().any():
        return series.to_numpy(dtype=bool)
    values = [
        None if missing else value
        for value, missing in zip(series.astype(object), series.isna(), strict=True)
    ]
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {str} or kinds <= {bool}:
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    odd = ", ".join(sorted(kind.__name__ for kind in kinds - {str}))
    msg = (
        f"column {name!r} has the type {text} ({odd}), which cannot be served; "
        "make numbers, text, booleans or categories of it before training"
    )
    raise InvalidInput(msg, column=name)


def _plain(series: pd.Series[Any], dtype: pd.CategoricalDtype) -> pd.Series[Any]:
    """The values of a categorical column, in a dtype that can hold its gaps."""
    if not series.isna().any():
        return series.astype(dtype.categories.dtype)
    return series.astype("float64" if dtype.categories.dtype.kind in "iu" else object)


def _series(column: Column, array: Array) -> Any:
    wanted = column.frame_dtype or column.dtype
    if wanted == "category":
        known: Any = list(column.categories or ())
        if "int" in column.dtype:
            # XGBoost tells int32 from int64.
            known = pd.Index(known, dtype=column.dtype)
        return pd.Categorical(_with_none(array), categories=known)
    if wanted == OBJECT_WITH_NAN:
        filled = [np.nan if value is None else value for value in array]
        return pd.Series(filled, dtype=object)
    if any(wanted.startswith(prefix) for prefix in _NULLABLE):
        return pd.array(_with_none(array), dtype=wanted)  # type: ignore[call-overload]
    if array.dtype == object:
        # Said in words, since pandas makes its own text of an array of objects.
        dtype = object if wanted in {"object", "bool"} else wanted
        return pd.Series(array, dtype=dtype, copy=False)
    gaps = array.dtype.kind == "f" and wanted not in {"float32", "float64"}
    # Gaps in a column that had none: NaN is all that says so.
    return array if gaps else array.astype(wanted, copy=False)


def _with_none(array: Array) -> list[Any]:
    """The values, with None for every gap."""
    return [None if value is None or value != value else value for value in array]  # noqa: PLR0124


def _kind(dtype: np.dtype[Any]) -> str:
    return "string" if dtype.kind == "O" else str(dtype)


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
