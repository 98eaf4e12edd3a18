"""Text and categories as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from serve_app.core.columns import Array, Columns, of_objects
from serve_app.models.compiled.operation import Operation, Refused

NOWHERE = -1
"""The place of a category that sets no column."""
REFUSED = -2
"""The place of a category that is refused."""


def cells(x: Columns | Array) -> list[list[Any]]:
    """The values of each column as Python's own, None for every gap."""
    arrays: Sequence[Array] = x.arrays if isinstance(x, Columns) else [*x.T]
    return [_cells(array) for array in arrays]


def _cells(array: Array) -> list[Any]:
    values: list[Any] = array.tolist()
    if array.dtype.kind == "f":
        return [None if value != value else value for value in values]  # noqa: PLR0124
    return values


class _Table(dict[Any, Any]):
    """What stands for each category of a column, and `other` for all that is none of them.

    No `other` says that nothing does. One look per value, in C, and no branch.
    """

    def __init__(self, categories: Sequence[Any], to: Sequence[Any], other: float | None) -> None:
        super().__init__(zip(categories, to, strict=True))
        self._other = other

    def __missing__(self, value: Any) -> float:
        if self._other is None:
            raise Refused("a value is none of the categories of training")
        return self._other

    def numbers(self, values: Sequence[Any], dtype: type[np.generic]) -> Array:
        """What stands for each of the values."""
        return np.fromiter(map(self.__getitem__, values), dtype, len(values))


@dataclass(frozen=True, eq=False)
class Known(Operation):
    """Values of some columns that are in none of their categories become gaps.

    pandas does so with what a categorical column does not know.
    """

    positions: tuple[int, ...]
    categories: tuple[tuple[Any, ...], ...]

    @cached_property
    def _sets(self) -> list[frozenset[Any]]:
        return [frozenset(known) for known in self.categories]

    def __call__(self, x: Columns, /) -> Columns:
        """The same columns."""
        arrays = list(x.arrays)
        for position, known in zip(self.positions, self._sets, strict=True):
            values = _cells(arrays[position])
            array = of_objects([value if value in known else None for value in values])
            arrays[position] = array
        return Columns(x.names, arrays, None, x.rows)


@dataclass(frozen=True, eq=False)
class ScreenColumns(Operation):
    """Refuses infinities in columns of floats."""

    def __call__(self, x: Columns, /) -> Columns:
        """The same columns.

        Raises:
            Refused: there is an infinity.
        """
        for array in x.arrays:
            if array.dtype.kind == "f" and np.isinf(array).any():
                raise Refused("the rows hold infinities")
        return x


@dataclass(frozen=True, eq=False)
class FillGaps(Operation):
    """Gaps in text become a value, one per column; a column whose value is None keeps them."""

    fills: tuple[Any, ...]

    def __call__(self, x: Columns, /) -> Columns:
        """The same columns without gaps."""
        arrays: list[Array] = []
        for values, fill in zip(cells(x), self.fills, strict=True):
            array = of_objects([fill if value is None else value for value in values])
            arrays.append(array)
        return Columns(x.names, arrays, None, x.rows)


@dataclass(frozen=True, eq=False)
class OneHot(Operation):
    """A column of zeros and ones per category.

    `places` says which of the `width` columns a category sets; `unknown` is that of a value
    which is no category, per column.
    """

    categories: tuple[tuple[Any, ...], ...]
    places: tuple[tuple[int, ...], ...]
    unknown: tuple[int, ...]
    width: int
    dtype: str = "float64"

    @cached_property
    def _tables(self) -> list[_Table]:
        others = [None if place == REFUSED else place for place in self.unknown]
        columns = zip(self.categories, self.places, others, strict=True)
        return [_Table(*column) for column in columns]

    def __call__(self, x: Columns | Array, /) -> Array:
        """Shape (rows, width).

        Raises:
            Refused: a value is no category and the encoder takes no others.
        """
        columns = cells(x)
        rows = len(columns[0])
        out = np.zeros((rows, self.width), dtype=self.dtype)
        if rows == 1:
            for (value,), table in zip(columns, self._tables, strict=True):
                place = table[value]
                if place >= 0:
                    out[0, place] = 1
            return out
        flat = out.ravel()
        begins = np.arange(0, out.size, self.width)
        for values, table in zip(columns, self._tables, strict=True):
            places = table.numbers(values, np.intp)
            positions = begins + places
            nowhere = places < 0
            flat[positions[~nowhere] if nowhere.any() else positions] = 1
        return out


@dataclass(frozen=True, eq=False)
class Codes(Operation):
    """A number per category; `unknown` is that of a value which is none, refused when None."""

    categories: tuple[tuple[Any, ...], ...]
    codes: tuple[tuple[float, ...], ...]
    unknown: tuple[float | None, ...]
    dtype: str = "float64"

    @cached_property
    def _tables(self) -> list[_Table]:
        columns = zip(self.categories, self.codes, self.unknown, strict=True)
        return [_Table(*column) for column in columns]

    def __call__(self, x: Columns | Array, /) -> Array:
        """Shape (rows, columns).

        Raises:
            Refused: a value is no category and the encoder takes no others.
        """
        columns = cells(x)
        out = np.empty((len(columns[0]), len(columns)), dtype=self.dtype)
        for position, (values, table) in enumerate(zip(columns, self._tables, strict=True)):
            out[:, position] = table.numbers(values, np.float64)
        return out


@dataclass(frozen=True, eq=False)
class Bins(Operation):
    """The number of the interval that each value lies in; `edges` are the inner ones."""

    edges: tuple[Array, ...]

    def __call__(self, x: Array, /) -> Array:
        """The same shape and dtype, whole numbers from 0."""
        out = np.empty_like(x)
        for position, edges in enumerate(self.edges):
            out[:, position] = np.searchsorted(edges, x[:, position], side="right")
        return out
