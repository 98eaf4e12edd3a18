"""One column of a frame: what its signature says, and its values as they travel."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import numpy as np
import pandas as pd

from serve_app.core import times
from serve_app.core.cells import EXACT, INT_LIMITS
from serve_app.core.columns import Array, of_objects
from serve_app.core.signature import Column
from serve_app.errors import InvalidInput
from serve_app.models.frame_dtypes import name_of

MAX_CATEGORIES = 50
# scikit-learn tells None from NaN in object columns, so a column remembers which it had.
OBJECT_WITH_NAN, OBJECT_WITH_NAT, OBJECT_WITH_NA = "object[nan]", "object[NaT]", "object[NA]"
_MASKED = ("Int", "UInt", "Float")
_ADVICE = {
    "timedelta": "make numbers of it (dt.total_seconds())",
    "duration": "make numbers of it (dt.total_seconds())",
    "period": "make dates of it (dt.to_timestamp())",
    "datetime": "make datetime64 of it (pandas.to_datetime)",
    "Timestamp": "make datetime64 of it (pandas.to_datetime)",
}
_USUAL_ADVICE = "make numbers, text, booleans, dates or categories of it"


def column_of(name: str, series: pd.Series[Any]) -> Column:
    """What a signature says of a column of the training data.

    Raises:
        InvalidInput: its type cannot be served.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _categorical(name, series, dtype)
    array = array_of(name, series)
    column = Column(
        name,
        _dtype(series, array),
        bool(series.isna().any()),
        frame_dtype=_object_name(series) if _is_object(dtype) else name_of(dtype),
        zone=_zone(dtype),
    )
    if column.dtype == "string" or (column.dtype == "bool" and array.dtype == object):
        return replace(column, categories=_few(series, array))
    if column.dtype == "bool" or not column.is_numeric:
        return column
    finite = array[np.isfinite(array)]
    if not len(finite):
        return column
    return replace(column, minimum=_scalar(finite.min()), maximum=_scalar(finite.max()))


def array_of(name: str, series: pd.Series[Any]) -> Array:
    """The values of a column as they travel: see `core.conversion.convert`.

    Raises:
        InvalidInput: its type cannot be served, or it would lose digits.
    """
    for kind, read in _READERS:
        if isinstance(series.dtype, kind):
            return read(name, series)
    text = str(series.dtype)
    if text.startswith(_MASKED):
        return _of_masked(name, series)
    raise _unfit(name, text, text.partition("[")[0])


def _of_categories(name: str, series: pd.Series[Any]) -> Array:
    return array_of(name, _plain(series, cast("pd.CategoricalDtype", series.dtype)))


def _of_sparse(name: str, series: pd.Series[Any]) -> Array:
    return array_of(name, pd.Series(np.asarray(series)))


def _of_zone(_name: str, series: pd.Series[Any]) -> Array:
    return np.asarray(series.dt.tz_convert("UTC").dt.tz_localize(None))


def _of_truths(name: str, series: pd.Series[Any]) -> Array:
    if series.isna().any():
        return _of_objects(name, series)
    return np.asarray(series.to_numpy(dtype=bool))


def _of_masked(name: str, series: pd.Series[Any]) -> Array:
    """Nullable numbers: in their own dtype, or as doubles beside gaps."""
    dtype = str(series.dtype).lower()
    if not series.isna().any():
        return np.asarray(series.to_numpy(dtype=dtype))
    if "int" in dtype:
        _refuse_inexact(name, [int(value) for value in series.dropna()])
    return np.asarray(series.to_numpy(dtype="float64", na_value=np.nan))


def _of_numpy(name: str, series: pd.Series[Any]) -> Array:
    if _is_object(series.dtype):
        return _of_objects(name, series)
    array: Array = series.to_numpy()
    if array.dtype.kind == "M":
        return array
    if array.dtype.kind in "biuf" and array.dtype.itemsize <= 8:
        return array.astype(np.float32) if array.dtype == np.float16 else array
    kind = "timedelta" if array.dtype.kind == "m" else str(array.dtype)
    raise _unfit(name, str(array.dtype), kind)


def _of_objects(name: str, series: pd.Series[Any]) -> Array:
    values = [
        None if missing else _scalar(value)
        for value, missing in zip(series.astype(object), series.isna(), strict=True)
    ]
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {str} or kinds <= {bool} or kinds <= {Decimal}:
        return of_objects(values)
    if kinds <= {int, float}:
        return _of_numbers(name, values, kinds)
    if kinds == {dt.date}:
        return np.array(values, dtype=times.DATE)
    odd = sorted(kind.__name__ for kind in kinds - ({str} if len(kinds) > 1 else set()))
    raise _unfit(name, f"{series.dtype} ({', '.join(odd)})", odd[0])


def _of_numbers(name: str, values: Sequence[Any], kinds: set[type]) -> Array:
    """Python's own numbers, as the objects of a column."""
    whole = [value for value in values if isinstance(value, int)]
    low, high = INT_LIMITS["int64"]
    if any(not low <= value <= high for value in whole):
        raise _unfit(name, "object (int beyond 64 bits)", "int")
    if kinds == {int} and None not in values:
        return np.array(values, dtype=np.int64)
    _refuse_inexact(name, whole)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _of_arrow(name: str, series: pd.Series[Any]) -> Array:
    import pyarrow as pa  # noqa: PLC0415 - slow to import, and few frames need it
    from pyarrow import types  # noqa: PLC0415

    kind = cast("pd.ArrowDtype", series.dtype).pyarrow_dtype
    values = series.array.__arrow_array__()
    if types.is_dictionary(kind):
        kind = kind.value_type
        values = values.cast(kind)
    gaps = values.null_count > 0
    if types.is_floating(kind) or (types.is_integer(kind) and not gaps):
        array: Array = values.cast("float" if types.is_float16(kind) else kind).to_numpy()
        return array
    if types.is_integer(kind):
        _refuse_inexact(name, values.drop_null().to_pylist())
        return np.array([np.nan if v is None else v for v in values.to_pylist()])
    if types.is_boolean(kind) and not gaps:
        return np.array(values.to_pylist(), dtype=bool)
    if types.is_timestamp(kind) or types.is_date(kind):
        whole = values if types.is_timestamp(kind) else values.cast(pa.date32()).cast(pa.int32())
        nothing = np.iinfo(np.int64).min
        ticks = whole.cast(pa.int64()).fill_null(nothing).to_numpy()
        return np.asarray(ticks).view(_datetime64(kind))
    if _is_text(kind) or types.is_boolean(kind) or types.is_decimal(kind) or types.is_null(kind):
        return of_objects(values.to_pylist())
    raise _unfit(name, str(series.dtype), str(kind).partition("[")[0])


def _datetime64(kind: Any) -> str:
    return f"datetime64[{kind.unit}]" if str(kind).startswith("timestamp") else times.DATE


def _is_text(kind: Any) -> bool:
    return str(kind) in {"string", "large_string", "string_view"}


def _dtype(series: pd.Series[Any], array: Array) -> str:
    """The dtype of a column, which gaps in its training data do not change."""
    dtype = series.dtype
    if isinstance(dtype, pd.ArrowDtype):
        return _arrow_dtype(dtype.pyarrow_dtype, array)
    text = str(dtype)
    if text.startswith(_MASKED):
        return text.lower()
    if text == "boolean":
        return "bool"
    if _is_object(dtype) and array.dtype.kind == "f":
        kinds = {type(_scalar(value)) for value in series[series.notna()]}
        return "int64" if kinds == {int} else "float64"
    return _of_values(array)


def _arrow_dtype(kind: Any, array: Array) -> str:
    from pyarrow import types  # noqa: PLC0415 - slow to import, and few frames need it

    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_integer(kind):
        return str(kind)
    if types.is_boolean(kind):
        return "bool"
    return "decimal" if types.is_decimal(kind) else _of_values(array)


def _of_values(array: Array) -> str:
    if array.dtype.kind != "O":
        return str(array.dtype)
    kinds = {type(value) for value in array} - {type(None)}
    return {bool: "bool", Decimal: "decimal"}.get(next(iter(kinds), str), "string")


def _zone(dtype: Any) -> str | None:
    if isinstance(dtype, pd.DatetimeTZDtype):
        return str(dtype)[len("datetime64[") : -1].partition(", ")[2]
    if isinstance(dtype, pd.ArrowDtype):
        kind = dtype.pyarrow_dtype
        zone = getattr(getattr(kind, "value_type", kind), "tz", None)
        return None if zone is None else str(zone)
    return None


def _few(series: pd.Series[Any], array: Array) -> tuple[Any, ...] | None:
    """The values of a column of text, where they are few."""
    dtype = series.dtype
    if isinstance(dtype, pd.ArrowDtype) and str(dtype).startswith("dictionary"):
        chunks = series.array.__arrow_array__().unify_dictionaries().chunks
        return tuple(chunks[0].dictionary.to_pylist()) if chunks else ()
    values = sorted({value for value in array if value is not None})
    return tuple(values) if len(values) <= MAX_CATEGORIES else None


def _categorical(name: str, series: pd.Series[Any], dtype: pd.CategoricalDtype) -> Column:
    kept = pd.Series(dtype.categories)
    inner = column_of(name, kept)
    array = array_of(name, kept)
    values: Sequence[Any] = array.tolist()
    if inner.is_datetime:
        values = times.texts(array, zoned=inner.zone is not None)
    elif inner.dtype == "decimal":
        values = [str(value) for value in values]
    column = Column(
        name,
        inner.dtype,
        bool(series.isna().any()),
        categories=tuple(values),
        frame_dtype="category",
        zone=inner.zone,
        ordered=bool(dtype.ordered),
    )
    usual = pd.Index(array.tolist() if array.dtype == object else array).dtype
    if dtype.categories.dtype == usual:
        return column
    return replace(column, category_dtype=inner.frame_dtype)


def _plain(series: pd.Series[Any], dtype: pd.CategoricalDtype) -> pd.Series[Any]:
    """The values of a categorical column, in a dtype that can hold its gaps."""
    inner = dtype.categories.dtype
    if not series.isna().any() or not isinstance(inner, np.dtype) or inner.kind in "fM":
        return series.astype(inner)
    return series.astype("float64" if inner.kind in "iu" else object)


def _object_name(series: pd.Series[Any]) -> str:
    gaps = [value for value in series[series.isna()] if value is not None]
    if not gaps:
        return "object"
    if any(value is pd.NA for value in gaps):
        return OBJECT_WITH_NA
    return OBJECT_WITH_NAT if any(value is pd.NaT for value in gaps) else OBJECT_WITH_NAN


def _refuse_inexact(name: str, whole: Sequence[int]) -> None:
    """Refuse integers that become others beside gaps, where they are doubles."""
    if any(abs(value) > EXACT for value in whole):
        msg = (
            f"column {name!r} has gaps, and whole numbers beyond ±{EXACT}, which a double does "
            "not tell from their neighbours; make text of it before training"
        )
        raise InvalidInput(msg, column=name)


def _unfit(name: str, called: str, kind: str) -> InvalidInput:
    what = _ADVICE.get(kind, _USUAL_ADVICE)
    msg = f"column {name!r} has the type {called}, which cannot be served; {what} before training"
    return InvalidInput(msg, column=name)


def _is_object(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


_READERS: tuple[tuple[type, Callable[[str, pd.Series[Any]], Array]], ...] = (
    (np.dtype, _of_numpy),
    (pd.CategoricalDtype, _of_categories),
    (pd.DatetimeTZDtype, _of_zone),
    (pd.StringDtype, _of_objects),
    (pd.BooleanDtype, _of_truths),
    (pd.ArrowDtype, _of_arrow),
    (pd.SparseDtype, _of_sparse),
)
