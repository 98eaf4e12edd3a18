"""Holds the values of one column against everything that is known of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from serve_app.core.cells import expectation, look, plain_floats, plain_test
from serve_app.core.columns import Array
from serve_app.core.conversion import convert, nulls
from serve_app.core.messages import MISSING
from serve_app.core.policy import Policy
from serve_app.core.signature import Column
from serve_app.core.violations import ReceivedColumn, Violations, value_text

_CATEGORIES_NAMED = 8


class ColumnCheck:
    """One column of a schema, with all that its checks need worked out beforehand."""

    def __init__(self, column: Column, position: int, policy: Policy) -> None:
        self.column = column
        self.name = column.name
        self.dtype: np.dtype[Any] = column.array_dtype
        self._position = position
        self._policy = policy
        self._null = policy.null(column)
        # Nulls change the dtype of integers and booleans, which takes the slower way.
        keeps_dtype = self.dtype.kind in "fOM"
        self.fits = plain_test(column, null_fits=keeps_dtype and self._null == "ignore")
        self.floats = plain_floats(column)
        self._known = _known(column)
        self._bounds = _bounds(column)

    def quick(self, values: Sequence[Any]) -> Array | None:
        """The values as an array when each fits as it is; the fastest way for few of them."""
        fits = self.fits
        for value in values:
            if not fits(value):
                return None
        return np.array(values, dtype=self.dtype)

    def absent(self, rows: int, violations: Violations | None = None) -> Array:
        """Nulls, for a column that no row has; that counts as one broken rule."""
        if violations is not None:
            place = ReceivedColumn(self.name, self._position, ())
            missing = [(0, expectation(self.column))]
            violations.add(self._policy.reaction("missing"), "missing", place, missing)
        return cast("Array", convert([None] * rows, self.column))

    def array(self, values: Sequence[Any], violations: Violations) -> Array:
        """The values as an array; `violations` hears of every rule that they break.

        Nulls are NaN in numeric columns (of integers, float64 then) and None in others.
        """
        place = ReceivedColumn(self.name, self._position, values)
        settled: frozenset[int] = frozenset()
        array = convert(values, self.column)
        if array is None:
            looked = look(values, self.column, self._converts, self._most(violations))
            settled = looked.settled
            for rule, broken in looked.broken.items():
                reaction = self._policy.reaction(rule)
                if rule == "missing" and all(value is MISSING for value in values):
                    violations.add(reaction, rule, place, broken[:1])
                else:
                    violations.add(reaction, rule, place, broken)
                    if not looked.whole:
                        violations.stopped()
            array = cast("Array", convert(looked.values, self.column))
        self._check_nulls(array, place, violations, settled)
        self._check_range(array, place, violations)
        self._check_categories(array, place, violations)
        return array

    def _converts(self, values: Sequence[Any]) -> bool:
        return convert(values, self.column) is not None

    def _most(self, violations: Violations) -> Callable[[str], float]:
        room = violations.room
        return lambda rule: room if self._policy.reaction(rule) == "refuse" else math.inf

    def _check_nulls(
        self, array: Array, place: ReceivedColumn, violations: Violations, settled: frozenset[int]
    ) -> None:
        if self._null == "ignore":
            return
        expected = f"{expectation(self.column)}, not null"
        rows = [row for row in nulls(array).tolist() if row not in settled]
        violations.add_rows(self._null, "nan", place, rows, expected)

    def _check_range(self, array: Array, place: ReceivedColumn, violations: Violations) -> None:
        if self._bounds is None or array.dtype.kind not in "fiu":
            return
        low, high, expected = self._bounds
        # NaN compares false with both bounds: a null is outside of no range.
        outside: NDArray[np.bool_] = (array < low) | (array > high)
        if outside.any():
            rows = np.flatnonzero(outside).tolist()
            reaction = self._policy.reaction("range")
            violations.add_rows(reaction, "range", place, rows, expected)

    def _check_categories(
        self, array: Array, place: ReceivedColumn, violations: Violations
    ) -> None:
        if self._known is None:
            return
        known, expected = self._known
        values = array.tolist()
        strangers = set(values) - known
        if strangers:
            rows = [
                row
                for row, value in enumerate(values)
                if value in strangers and value is not None and value == value  # noqa: PLR0124
            ]
            reaction = self._policy.reaction("category")
            violations.add_rows(reaction, "category", place, rows, expected)


def _bounds(column: Column) -> tuple[float, float, str] | None:
    low, high = column.minimum, column.maximum
    if low is None and high is None:
        return None
    if low is None:
        words = f"at most {high:.15g}"
    elif high is None:
        words = f"at least {low:.15g}"
    else:
        words = f"{low:.15g} to {high:.15g}"
    return (-np.inf if low is None else low), (np.inf if high is None else high), words


def _known(column: Column) -> tuple[frozenset[Any], str] | None:
    categories = column.categories
    if categories is None:
        return None
    named = ", ".join(value_text(value) for value in categories[:_CATEGORIES_NAMED])
    more = len(categories) - _CATEGORIES_NAMED
    words = f"one of {named}" + (f" and {more} more" if more > 0 else "")
    if not column.is_numeric and column.dtype != "string":
        # Written as text in the signature, since JSON has neither dates nor decimals.
        read = [convert([value], column) for value in categories]
        return frozenset(array.item(0) for array in read if array is not None), words
    if column.dtype == "float32":
        # 0.1 is another number among float32 than among Python's floats.
        numbers = [value for value in categories if isinstance(value, (int, float))]
        return frozenset(np.array(numbers, dtype=np.float32).tolist()), words
    return frozenset(categories), words
