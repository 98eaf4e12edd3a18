"""Named columns of equal length: what every stage between decoding and encoding handles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def of_objects(values: Sequence[Any]) -> Array:
    """An array of shape (values,) that holds each value as it is, lists and arrays too."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


class Columns:
    """Named columns of equal length, never changed after they are built.

    A column is one-dimensional, or of shape (rows, …) where each row is a tensor.

    Columns of one dtype may share one two-dimensional `block` of shape (rows, columns),
    so that a purely numeric request is one array from decoding to the model and crosses
    a process border as one buffer.
    """

    __slots__ = ("_arrays", "block", "names", "rows")

    def __init__(
        self, names: Sequence[str], arrays: Sequence[Array] | None, block: Array | None, rows: int
    ) -> None:
        self.names = tuple(names)
        self.block = block
        self.rows = rows
        self._arrays = None if arrays is None else tuple(arrays)

    @classmethod
    def of(cls, columns: Mapping[str, Array]) -> Columns:
        """Take named arrays of equal length.

        Raises:
            ValueError: the lengths differ.
        """
        arrays = tuple(np.asarray(array) for array in columns.values())
        lengths = {len(array) for array in arrays}
        if len(lengths) > 1:
            msg = f"columns differ in length: {sorted(lengths)}"
            raise ValueError(msg)
        return cls(tuple(columns), arrays, None, lengths.pop() if lengths else 0)

    @classmethod
    def from_block(cls, names: Sequence[str], block: Array) -> Columns:
        """Take a matrix of shape (rows, len(names)).

        Raises:
            ValueError: the matrix does not have one column per name.
        """
        if block.ndim != 2 or block.shape[1] != len(names):
            msg = f"a block of shape {block.shape} does not hold {len(names)} columns"
            raise ValueError(msg)
        return cls(names, None, block, block.shape[0])

    @property
    def arrays(self) -> tuple[Array, ...]:
        """One array per name, in the order of `names`."""
        if self._arrays is None:
            block = self.block
            self._arrays = (
                () if block is None else tuple(block[:, j] for j in range(len(self.names)))
            )
        return self._arrays

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> Array:
        return self.arrays[self.names.index(name)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Columns):
            return NotImplemented
        return (self.names, self.rows) == (other.names, other.rows) and all(
            a.dtype == b.dtype and _same(a, b)
            for a, b in zip(self.arrays, other.arrays, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Columns({self.rows} rows: {', '.join(self.names)})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Views into a block would each be copied; the block alone says everything.
        if self.block is not None:
            return Columns.from_block, (self.names, np.ascontiguousarray(self.block))
        return Columns, (self.names, self._arrays, None, self.rows)

    @property
    def nbytes(self) -> int:
        """About how many bytes the values take."""
        if self.block is not None:
            return self.block.nbytes
        return sum(array.nbytes + _text_bytes(array) for array in self.arrays)

    def as_dict(self) -> dict[str, Array]:
        """The columns by name."""
        return dict(zip(self.names, self.arrays, strict=True))

    def copy(self) -> Columns:
        """The same values in arrays of their own: whoever changes them changes nothing here."""
        if self.block is not None:
            return Columns.from_block(self.names, self.block.copy())
        return Columns(self.names, [array.copy() for array in self.arrays], None, self.rows)

    def select(self, names: Sequence[str]) -> Columns:
        """These columns in this order.

        Raises:
            KeyError: a name is not here.
        """
        names = tuple(names)
        if names == self.names:
            return self
        try:
            index = [self.names.index(name) for name in names]
        except ValueError:
            missing = [name for name in names if name not in self.names]
            raise KeyError(missing[0]) from None
        if self.block is not None:
            return Columns.from_block(names, self.block[:, index])
        return Columns(names, [self.arrays[j] for j in index], None, self.rows)

    def take(self, rows: Sequence[int]) -> Columns:
        """These rows in ascending order, each at most once; itself when they are all."""
        if len(rows) == self.rows:
            return self
        index = np.asarray(rows, dtype=np.intp)
        if self.block is not None:
            return Columns.from_block(self.names, self.block[index])
        return Columns(self.names, [a[index] for a in self.arrays], None, len(index))

    def slice(self, start: int, stop: int) -> Columns:
        """The rows from `start` up to `stop`."""
        if self.block is not None:
            return Columns.from_block(self.names, self.block[start:stop])
        rows = len(range(self.rows)[start:stop])
        return Columns(self.names, [a[start:stop] for a in self.arrays], None, rows)


def concatenate(parts: Sequence[Columns]) -> Columns:
    """Stack columns of the same names on top of each other.

    Raises:
        ValueError: the names differ, or there is nothing to stack.
    """
    if not parts:
        msg = "there is nothing to stack"
        raise ValueError(msg)
    if len(parts) == 1:
        return parts[0]
    names = parts[0].names
    if any(part.names != names for part in parts[1:]):
        msg = "columns of different names cannot be stacked"
        raise ValueError(msg)
    blocks = [part.block for part in parts if part.block is not None]
    if len(blocks) == len(parts) and len({block.dtype for block in blocks}) == 1:
        return Columns.from_block(names, np.concatenate(blocks))
    arrays = [np.concatenate(arrays) for arrays in zip(*(p.arrays for p in parts), strict=True)]
    return Columns(names, arrays, None, sum(part.rows for part in parts))


def _text_bytes(array: Array) -> int:
    if array.dtype != object:
        return 0
    try:
        return sum(map(len, filter(None, array.reshape(-1).tolist())))
    except TypeError:  # truth values among nulls
        return 0


def _same(a: Array, b: Array) -> bool:
    if a.dtype.kind == "f":
        return bool(np.array_equal(a, b, equal_nan=True))
    if a.dtype.kind == "O":
        if a.shape != b.shape:
            return False
        pairs = zip(a.reshape(-1), b.reshape(-1), strict=True)
        return all(x is y or x == y or (x != x and y != y) for x, y in pairs)  # noqa: PLR0124
    return bool(np.array_equal(a, b))
