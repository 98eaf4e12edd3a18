"""Columns as pandas kept them in training, made of the values of a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from serve_app.core import times
from serve_app.core.columns import Array, of_objects
from serve_app.core.signature import Column
from serve_app.core.violations import value_text
from serve_app.errors import RowsRefused
from serve_app.models.frame_columns import OBJECT_WITH_NA, OBJECT_WITH_NAN, OBJECT_WITH_NAT
from serve_app.models.frame_dtypes import of_name

Makes = Callable[[Array], Any]
"""Makes something that a frame takes as a column, of an array of values."""

_GAPS: dict[str, Any] = {
    "object": None,
    OBJECT_WITH_NAN: np.nan,
    OBJECT_WITH_NAT: pd.NaT,
    OBJECT_WITH_NA: pd.NA,
}
_WITHOUT_A_DTYPE_OF_THEIR_OWN = {"string": "object", "decimal": "object", times.DATE: "object"}


def maker(column: Column) -> Makes:
    """What makes the column of a frame as it was in training, for every request alike."""
    kept = column.frame_dtype or _WITHOUT_A_DTYPE_OF_THEIR_OWN.get(column.dtype, column.dtype)
    if kept == "category":
        return _categories(column)
    if kept in _GAPS:
        return _objects(column, _GAPS[kept])
    dtype = of_name(kept)
    if isinstance(dtype, pd.ArrowDtype):
        return _arrow(column, dtype)
    return next(
        (make(dtype) for kind, make in _MAKERS if isinstance(dtype, kind)), _nullable(dtype)
    )


def _nullable(dtype: Any) -> Makes:
    """Nullable numbers and truth values, and strings."""
    return lambda array: pd.array(_with_none(array), dtype=dtype)


def _plain(dtype: np.dtype[Any]) -> Makes:
    def make(array: Array) -> Any:
        if array.dtype == object:
            # Truth values with gaps. Said in words, since pandas makes its own text of objects.
            return pd.Series(array, dtype=object, copy=False)
        # Gaps in a column that had none: NaN is all that says so.
        gaps = array.dtype.kind == "f" and dtype.kind != "f"
        return array if gaps else array.astype(dtype, copy=False)

    return make


def _objects(column: Column, gap: Any) -> Makes:
    whole = column.dtype.startswith(("int", "uint"))

    def make(array: Array) -> Any:
        values: Any = array.astype(object)
        if whole or gap is not None or array.dtype.kind == "f":
            values = [gap if _is_gap(value) else int(value) if whole else value for value in values]
        return pd.Series(values, dtype=object, copy=False)

    return make


def _categories(column: Column) -> Makes:
    """Categories in their order; a value that is none of them is a gap, as in pandas."""
    index = _index(column)
    dtype = pd.CategoricalDtype(index, ordered=column.ordered)
    if column.is_datetime:
        known = _moments_of(column)
        codes = {value: code for code, value in enumerate(known.view("int64").tolist())}
        return lambda array: _coded(_ticks(column, array).tolist(), codes, dtype)
    values: Sequence[Any] = column.categories or ()
    if column.dtype == "decimal":
        values = [Decimal(value) for value in values]
    codes = {value: code for code, value in enumerate(values)}
    return lambda array: _coded(array.tolist(), codes, dtype)


def _coded(values: Sequence[Any], codes: dict[Any, int], dtype: pd.CategoricalDtype) -> Any:
    places = np.array([codes.get(value, -1) for value in values], dtype=np.intp)
    return pd.Categorical.from_codes(places, dtype=dtype)


def _index(column: Column) -> pd.Index[Any]:
    values: Any = list(column.categories or ())
    if column.is_datetime:
        values = _moments_of(column)
    elif column.dtype == "decimal":
        values = [Decimal(value) for value in values]
    elif column.is_numeric:
        values = np.array(values, dtype=column.dtype)
    made: pd.Index[Any]
    if column.category_dtype is None:
        made = pd.Index(values)
        return made
    array = of_objects(values) if isinstance(values, list) else values
    kept = Column(column.name, column.dtype, frame_dtype=column.category_dtype, zone=column.zone)
    made = pd.Index(maker(kept)(array))
    return made


def _ticks(column: Column, array: Array) -> Array:
    """Dates and times as whole numbers, in the unit of the column."""
    return array.astype(column.dtype, copy=False).view("int64")


def _moments_of(column: Column) -> Array:
    return times.array_of(column.categories or (), column)


def _sparse(dtype: pd.SparseDtype) -> Makes:
    inner = np.dtype(dtype.subtype)

    def make(array: Array) -> Any:
        if array.dtype == object:
            return pd.arrays.SparseArray(array, fill_value=dtype.fill_value)
        gaps = array.dtype.kind == "f" and inner.kind != "f"
        return pd.arrays.SparseArray(
            array if gaps else array.astype(inner), fill_value=dtype.fill_value
        )

    return make


def _moments(dtype: pd.DatetimeTZDtype) -> Makes:
    plain = f"datetime64[{dtype.unit}]"
    return lambda array: (
        pd.DatetimeIndex(array.astype(plain)).tz_localize("UTC").tz_convert(dtype.tz).array
    )


def _arrow(column: Column, dtype: pd.ArrowDtype) -> Makes:
    import pyarrow as pa  # noqa: PLC0415 - slow to import, and few frames need it

    kind = dtype.pyarrow_dtype
    values_of = _arrow_values(column, getattr(kind, "value_type", kind))
    if not pa.types.is_dictionary(kind):
        return lambda array: pd.arrays.ArrowExtensionArray(pa.chunked_array([values_of(array)]))
    known = list(column.categories or ())

    def make(array: Array) -> Any:
        values = values_of(array).to_pylist()
        # What training did not know stands behind what it knew.
        words = list(dict.fromkeys([*known, *(value for value in values if value is not None)]))
        codes = {value: code for code, value in enumerate(words)}
        indices = pa.array([codes.get(value) for value in values], type=kind.index_type)
        coded = pa.DictionaryArray.from_arrays(
            indices, pa.array(words, type=kind.value_type), ordered=kind.ordered
        )
        return pd.arrays.ArrowExtensionArray(pa.chunked_array([coded]))

    return make


def _arrow_values(column: Column, kind: Any) -> Callable[[Array], Any]:
    import pyarrow as pa  # noqa: PLC0415 - slow to import, and few frames need it

    if column.is_datetime:

        def moments(array: Array) -> Any:
            ticks = pa.array(_ticks(column, array), mask=np.isnat(array))
            if pa.types.is_date(kind):
                return ticks.cast(pa.int32()).cast(pa.date32()).cast(kind)
            return ticks.cast(kind)

        return moments
    if pa.types.is_floating(kind):
        floats = kind.to_pandas_dtype()
        return lambda array: pa.array(array.astype(floats), type=kind, from_pandas=True)
    whole = pa.types.is_integer(kind)

    def plain(array: Array) -> Any:
        values = [
            None if value is None else int(value) if whole else value for value in _with_none(array)
        ]
        try:
            return pa.array(values, type=kind)
        except pa.ArrowInvalid as error:
            raise _too_exact(column, values, kind) from error

    return plain


def _too_exact(column: Column, values: Sequence[Any], kind: Any) -> RowsRefused:
    import pyarrow as pa  # noqa: PLC0415 - slow to import, and few frames need it

    for row, value in enumerate(values):
        try:
            pa.array([value], type=kind)
        except pa.ArrowInvalid:
            text = value_text(value)
            msg = f"row {row}, column {column.name!r}: {text} is no {kind}, as in training"
            return RowsRefused(msg, row=row, column=column.name)
    return RowsRefused(f"column {column.name!r} holds a value that is no {kind}, as in training")


def _is_gap(value: Any) -> bool:
    return value is None or bool(value != value)  # noqa: PLR0124


def _with_none(array: Array) -> list[Any]:
    """The values, with None for every gap."""
    return [None if _is_gap(value) else value for value in array]


_MAKERS: tuple[tuple[type, Callable[[Any], Makes]], ...] = (
    (np.dtype, _plain),
    (pd.SparseDtype, _sparse),
    (pd.DatetimeTZDtype, _moments),
)
