"""Columns of a file in the types that were declared for them, or words on why they are not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import numpy as np
import pandas as pd

from serve_app.core import times
from serve_app.core.violations import value_text
from serve_app.errors import InvalidInput
from serve_app.models.declared import Declared
from serve_app.models.frame_dtypes import of_name

_TRUTHS = {"true": True, "false": False}
_NAMED = 8


def typed(name: str, series: pd.Series[Any], wanted: Declared) -> pd.Series[Any]:
    """A column in its declared type; its values are text with gaps, or what a file had.

    Raises:
        InvalidInput: a value does not fit; says which, in which row.
    """
    if wanted.word == "category":
        return _categories(name, series, wanted)
    make = _WORDS.get(wanted.word)
    if make is not None:
        return make(name, series)
    dtype = of_name(wanted.word)
    if isinstance(dtype, pd.DatetimeTZDtype) or dtype.kind == "M":
        return _moments_of(name, series, dtype)
    if dtype.kind in "OUS" or isinstance(dtype, pd.StringDtype):
        return _texts(series).astype(dtype)
    return _numbers(name, series, wanted.word, dtype)


def _categories(name: str, series: pd.Series[Any], wanted: Declared) -> pd.Series[Any]:
    if wanted.inner is not None:
        series = typed(name, series, Declared(wanted.inner))
    if wanted.categories is None:
        return series.astype("category")
    listed = list(wanted.categories)
    index = (
        typed(name, pd.Series(listed, dtype=object), Declared(wanted.inner))
        if (wanted.inner is not None)
        else pd.Series(listed)
    )
    values = series.dropna()
    strangers = values[~values.isin(index)]
    if len(strangers):
        known = ", ".join(value_text(value) for value in listed[:_NAMED])
        raise _misfit(name, strangers, 0, f"one of the categories {known}")
    return series.astype(pd.CategoricalDtype(pd.Index(index), ordered=wanted.ordered))


def _texts(series: pd.Series[Any]) -> pd.Series[Any]:
    """Text, as `read_csv(dtype=str)` has it: in pandas' own dtype, gaps being NaN."""
    values = [np.nan if gap else _text(v) for v, gap in zip(series, series.isna(), strict=True)]
    kept = pd.Series(values, dtype=object, index=series.index)
    return kept.astype(pd.Series(["text"]).dtype)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _moments(name: str, series: pd.Series[Any]) -> pd.Series[Any]:
    """Dates and times, with a zone where the texts have an offset."""
    if series.dtype.kind == "M":
        return series
    known = series.dropna()
    expected = "an ISO 8601 date or date-time such as 2024-05-01T12:00:00"
    for at, value in enumerate(known):
        if not isinstance(value, (str, dt.date)) or (isinstance(value, str) and not _iso(value)):
            raise _misfit(name, known, at, expected)
    try:
        moments = pd.to_datetime(series, format="ISO8601")
    except ValueError:
        moments = None
    if moments is None or moments.dtype.kind != "M":
        msg = (
            f"column {name!r} has values with several offsets, or with and without one; declare "
            f"its zone: {name}='datetime64[us, UTC]'"
        )
        raise InvalidInput(msg, column=name)
    return cast("pd.Series[Any]", moments)


def _iso(text: str) -> bool:
    return any(times.is_moment(text, zoned=zoned) for zoned in (False, True))


def _moments_of(name: str, series: pd.Series[Any], dtype: Any) -> pd.Series[Any]:
    """Moments of one unit and zone, or date-times without any."""
    zone = getattr(dtype, "tz", None)
    values: Any = series
    if zone is not None and series.dtype.kind != "M":
        known = series.dropna()
        for at, value in enumerate(known):
            if not isinstance(value, str) or not times.is_moment(value, zoned=True):
                raise _misfit(name, known, at, "an ISO 8601 date-time with its offset")
        values = pd.to_datetime(series, format="ISO8601", utc=True)
    else:
        values = _moments(name, series)
    if (values.dt.tz is None) != (zone is None):
        has, wants = ("no", "one") if zone is not None else ("a", "none")
        raise InvalidInput(f"column {name!r} has {has} time zone, and {dtype} {wants}", column=name)
    in_zone = values if zone is None else values.dt.tz_convert(zone)
    made = in_zone.astype(dtype)
    if not (made.isna() | (made == in_zone)).all():
        msg = f"column {name!r} has date-times that {dtype} cannot hold exactly"
        raise InvalidInput(msg, column=name)
    return cast("pd.Series[Any]", made)


def _dates(name: str, series: pd.Series[Any]) -> pd.Series[Any]:
    moments = _moments(name, series)
    known = moments.dropna()
    odd = np.flatnonzero((known != known.dt.normalize()).to_numpy())
    if len(odd):
        written = known.map(lambda moment: moment.isoformat(timespec="minutes"))
        raise _misfit(name, written, int(odd[0]), "a date without a time of day")
    days = [None if pd.isna(moment) else moment.date() for moment in moments]
    return pd.Series(days, dtype=object, index=series.index)


def _decimals(name: str, series: pd.Series[Any]) -> pd.Series[Any]:
    known = series.dropna()
    for at, value in enumerate(known):
        try:
            fits = Decimal(str(value)).is_finite() and "_" not in str(value)
        except InvalidOperation:
            fits = False
        if not fits:
            raise _misfit(name, known, at, "a number")
    values = [
        None if gap else Decimal(str(v)) for v, gap in zip(series, series.isna(), strict=True)
    ]
    return pd.Series(values, dtype=object, index=series.index)


def _numbers(name: str, series: pd.Series[Any], word: str, dtype: Any) -> pd.Series[Any]:
    """Numbers and truth values; texts are read as pandas reads them."""
    known = series.dropna()
    if len(known) < len(series) and isinstance(dtype, np.dtype) and dtype.kind in "biu":
        row = int(np.flatnonzero(series.isna().to_numpy())[0])
        nullable = "boolean" if dtype.kind == "b" else word.replace("int", "Int").replace("u", "U")
        msg = f"row {row}, column {name!r} is empty, and {word} has no gaps; say {name}={nullable}"
        raise InvalidInput(msg, column=name, row=row)
    values = _parsed(name, known, dtype.kind)
    try:
        filled = pd.Series(values, index=known.index).reindex(series.index)
        if len(known) == len(series):
            made = pd.Series(values, index=series.index).astype(dtype)
        elif isinstance(dtype, np.dtype):
            made = filled.astype(dtype)
        else:
            made = pd.Series(pd.array(values, dtype=dtype), index=known.index).reindex(series.index)
    except (TypeError, ValueError, OverflowError):
        made = None
    if made is not None and _same(made.dropna(), values, dtype.kind):
        return made
    raise _misfit(name, known, _first_misfit(values, dtype), f"a value of the type {word}")


def _parsed(name: str, known: pd.Series[Any], kind: str) -> Any:
    """The values that texts spell, in pandas' own precision."""
    if known.dtype.kind not in "OU" and not isinstance(known.dtype, pd.StringDtype):
        return known.to_numpy()
    if kind == "b":
        truths = [_TRUTHS.get(str(value).strip().lower()) for value in known]
        for at, value in enumerate(truths):
            if value is None:
                raise _misfit(name, known, at, "true or false")
        return np.array(truths, dtype=bool)
    numbers = pd.to_numeric(known, errors="coerce")
    odd = np.flatnonzero(numbers.isna().to_numpy())
    if len(odd):
        raise _misfit(name, known, int(odd[0]), "a number")
    return numbers.to_numpy()


def _same(made: pd.Series[Any], values: Any, kind: str) -> bool:
    """Whether no number became another one; floats may round."""
    return kind == "f" or list(made) == list(values)


def _first_misfit(values: Sequence[Any], dtype: Any) -> int:
    for at in range(len(values)):
        try:
            if list(pd.Series(values[at : at + 1]).astype(dtype)) == list(values[at : at + 1]):
                continue
        except (TypeError, ValueError, OverflowError):
            pass
        return at
    return 0


def _misfit(name: str, known: pd.Series[Any], at: int, expected: str) -> InvalidInput:
    row, value = int(known.index[at]), known.iloc[at]
    msg = f"row {row}, column {name!r}: {value_text(value)} is not {expected}"
    return InvalidInput(msg, row=row, column=name)


_WORDS: dict[str, Callable[[str, pd.Series[Any]], pd.Series[Any]]] = {
    "string": lambda _name, series: _texts(series),
    "datetime": _moments,
    "date": _dates,
    "decimal": _decimals,
}
