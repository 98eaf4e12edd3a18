"""Whether one value fits one column, and what becomes of it where it does not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np

from serve_app.core import decimals, times
from serve_app.core.messages import MISSING
from serve_app.core.signature import Column
from serve_app.core.violations import Broken

EXACT = 2**53 - 1
"""Up to here a double tells every integer from its neighbours."""
FLOAT_LIMITS = {name: float(np.finfo(name).max) for name in ("float32", "float64")}
INT_LIMITS = {
    f"{sign}int{bits}": (
        int(np.iinfo(f"{sign}int{bits}").min),
        int(np.iinfo(f"{sign}int{bits}").max),
    )
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
}
NO_FLOATS = (math.inf, -math.inf)
_BLOCK_ROWS = 256
_OF_ONE_TYPE: dict[str, type] = {"string": str, "bool": bool}
_TOO_PRECISE = f"an integer within ±{EXACT}, beyond which a float is not exact"
_BESIDE_NULL = f"an integer within ±{EXACT} where the column has nulls as well"


@dataclass(frozen=True, slots=True)
class Looked:
    """A column after a look at each of its cells.

    `values` holds null (None) for every cell that was missing or of the wrong type and
    could not be coerced; `broken` says which those were, by rule. It is not `whole` where
    nobody looked at the last rows.
    """

    values: list[Any]
    broken: dict[str, list[Broken]] = field(default_factory=dict)
    whole: bool = True

    @property
    def settled(self) -> frozenset[int]:
        """The rows whose null is listed already."""
        return frozenset(row for cells in self.broken.values() for row, _ in cells)


def look(
    values: Sequence[Any],
    column: Column,
    fits: Callable[[Sequence[Any]], bool],
    most: Callable[[str], float] = lambda _: math.inf,
) -> Looked:
    """Look at the cells of a column one by one: slow, but never wrong nor silent.

    Blocks of them that `fits` as they are go unexamined. `most` says how often a rule may break
    until nothing behind is looked at any more.
    """
    looked = Looked([])
    for start in range(0, len(values), _BLOCK_ROWS):
        block = _plain(values[start : start + _BLOCK_ROWS])
        if fits(block):
            looked.values.extend(None if value != value else value for value in block)  # noqa: PLR0124
            continue
        for row, value in enumerate(block, start):
            fitted, rule, expected = _read(value, column)
            looked.values.append(fitted)
            if rule:
                looked.broken.setdefault(rule, []).append((row, expected))
                if len(looked.broken[rule]) >= most(rule):
                    return replace(looked, whole=row == len(values) - 1)
    if column.dtype in INT_LIMITS and None in looked.values:
        _within_exact(looked)
    return looked


def _plain(values: Any) -> Sequence[Any]:
    listed: Sequence[Any] = values.tolist() if isinstance(values, np.ndarray) else values
    return listed


def expectation(column: Column) -> str:
    """What a column takes, in words."""
    if column.dtype in INT_LIMITS:
        low, high = INT_LIMITS[column.dtype]
        return "an integer" if column.dtype == "int64" else f"an integer from {low} to {high}"
    if column.dtype == "bool":
        return "true or false"
    if column.is_datetime:
        return times.expected(column)
    if column.dtype == "decimal":
        return decimals.EXPECTED
    return "a string" if column.dtype == "string" else "a number"


def plain_floats(column: Column) -> tuple[float, float]:
    """From which float to which each fits as it is; the first above the second where none does."""
    if column.dtype not in FLOAT_LIMITS or column.categories is not None:
        return NO_FLOATS
    return _float_range(column)


def _float_range(column: Column) -> tuple[float, float]:
    limit = FLOAT_LIMITS[column.dtype]
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    return max(low, -limit), min(high, limit)


def plain_test(column: Column, *, null_fits: bool) -> Callable[[Any], bool]:
    """A quick test of one value; what passes needs no second look, in any rule.

    A value that fails may still fit, by the slower way.
    """
    if column.dtype == "string":
        return _plain_string(column, null_fits)
    if column.dtype == "bool":
        return _plain_bool(column)
    if not column.is_numeric:
        # Texts of dates and decimals are read one by one.
        return lambda value: null_fits and value is None
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    if column.dtype in INT_LIMITS:
        least, most = INT_LIMITS[column.dtype]
        return _plain_number(column, NO_FLOATS, (max(low, least), min(high, most)))
    test = _plain_number(column, _float_range(column), (max(low, -EXACT), min(high, EXACT)))
    return (lambda value: value is None or test(value)) if null_fits else test


def _plain_string(column: Column, null_fits: bool) -> Callable[[Any], bool]:
    known = None if column.categories is None else frozenset(column.categories)

    def test(value: Any) -> bool:
        if type(value) is str:
            return known is None or value in known
        return null_fits and value is None

    return test


def _plain_bool(column: Column) -> Callable[[Any], bool]:
    known = frozenset({True, False} if column.categories is None else column.categories)
    return lambda value: type(value) is bool and value in known


def _plain_number(
    column: Column, floats: tuple[float, float], ints: tuple[float, float]
) -> Callable[[Any], bool]:
    (float_low, float_high), (int_low, int_high) = floats, ints

    def test(value: Any) -> bool:
        kind = type(value)
        if kind is float:
            # Infinities stand outside the limits, and NaN compares false with everything.
            return bool(float_low <= value <= float_high)
        return kind is int and bool(int_low <= value <= int_high)

    if column.categories is None:
        return test
    known = frozenset(column.categories)
    return lambda value: test(value) and value in known


_Read = tuple[Any, str, str]
"""The value to go on with, the rule that it broke or "", and what was expected."""


def _read(value: Any, column: Column) -> _Read:
    if isinstance(value, np.generic):
        value = value.item()
    if value is MISSING:
        return None, "missing", expectation(column)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None, "", ""
    if isinstance(value, float) and math.isinf(value) and column.dtype not in _OF_ONE_TYPE:
        return None, "nan", "a finite number"
    return _reader(column)(value, column)


def _reader(column: Column) -> Callable[[Any, Column], _Read]:
    if column.is_datetime:
        return _read_moment
    if column.dtype in INT_LIMITS:
        return _read_int
    return _READERS.get(column.dtype, _read_float)


def _read_exactly(value: Any, column: Column) -> _Read:
    fits = type(value) is _OF_ONE_TYPE[column.dtype]
    return (value, "", "") if fits else (None, "type", expectation(column))


def _read_decimal(value: Any, column: Column) -> _Read:
    exact = decimals.decimal(value)
    return (None, "type", expectation(column)) if exact is None else (exact, "", "")


def _read_moment(value: Any, column: Column) -> _Read:
    """A date or time stays the text that it came as: converting it comes after."""
    if not isinstance(value, str):
        return None, "type", expectation(column)
    try:
        times.moment(value, column)
    except times.NoMoment as error:
        return None, "type", str(error)
    return value, "", ""


def _read_float(value: Any, column: Column) -> _Read:
    number, expected = _number(value), expectation(column)
    limit = FLOAT_LIMITS[column.dtype]
    if number is None or abs(number) > limit:
        return None, "type", f"a number within ±{limit:.4g}" if _is_number(value) else expected
    if isinstance(value, str):
        return number, "type", expected
    if isinstance(value, int) and int(number) != value:
        return number, "type", _TOO_PRECISE
    return number, "", ""


def _read_int(value: Any, column: Column) -> _Read:
    whole: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        whole = value
    else:
        number = _number(value)
        if number is not None and number.is_integer() and abs(number) <= EXACT:
            whole = int(number)
    low, high = INT_LIMITS[column.dtype]
    if whole is None or not low <= whole <= high:
        return None, "type", expectation(column)
    return whole, "type" if isinstance(value, str) else "", expectation(column)


def _number(value: Any) -> float | None:
    """The number that a value is, or that a string spells."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    if isinstance(value, str) and "_" in value:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _within_exact(looked: Looked) -> None:
    """Integers beside nulls become floats; refuse those that would change on the way."""
    for row, value in enumerate(looked.values):
        if value is not None and abs(value) > EXACT:
            looked.values[row] = None
            looked.broken.setdefault("type", []).append((row, _BESIDE_NULL))
    if "type" in looked.broken:
        looked.broken["type"].sort()


_READERS = {"string": _read_exactly, "bool": _read_exactly, "decimal": _read_decimal}
