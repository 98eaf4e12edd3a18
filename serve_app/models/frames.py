"""Between pandas frames and columns, without losing a type on the way.

A pipeline that was trained on a frame gets a frame with the same names, order and dtypes
again, whatever body the rows came in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from serve_app.core.columns import Array, Columns
from serve_app.core.signature import Column
from serve_app.errors import InvalidInput
from serve_app.models.frame_columns import OBJECT_WITH_NAN, array_of, column_of
from serve_app.models.frame_series import maker

__all__ = ["OBJECT_WITH_NAN", "Framer", "describe", "matrix", "to_columns"]


def to_columns(frame: pd.DataFrame) -> Columns:
    """The columns of a frame; missing is NaN in numbers, NaT in times and None in text.

    Raises:
        InvalidInput: a column's type cannot be served, or two have one name.
    """
    names = _names(frame)
    arrays = {name: array_of(name, frame[label]) for name, label in names.items()}
    dtypes = {array.dtype for array in arrays.values()}
    if len(dtypes) == 1 and next(iter(dtypes)).kind == "f":
        return Columns.from_block(tuple(arrays), np.column_stack(list(arrays.values())))
    return Columns.of(arrays)


def describe(frame: pd.DataFrame) -> tuple[Column, ...]:
    """The signature's columns as they are in a training frame.

    Raises:
        InvalidInput: a column's type cannot be served, or two have one name.
    """
    return tuple(
        replace(column_of(name, frame[label]), label=None if isinstance(label, str) else label)
        for name, label in _names(frame).items()
    )


class Framer:
    """Builds frames like the one of training out of columns."""

    def __init__(self, inputs: Sequence[Column]) -> None:
        labels = [column.name if column.label is None else column.label for column in inputs]
        self._index = pd.Index(labels)
        self._makers = tuple(maker(column) for column in inputs)
        dtypes = {column.frame_dtype or column.dtype for column in inputs}
        self._float = next(iter(dtypes)) if len(dtypes) == 1 else ""

    def frame(self, columns: Columns) -> pd.DataFrame:
        """A frame with the names, order and dtypes of training.

        Raises:
            RowsRefused: a value has more digits than the column had in training.
        """
        block = columns.block
        if block is not None and str(block.dtype) == self._float:
            # Column by column in memory, as pandas keeps frames: BLAS adds in another order
            # otherwise, and the last bit of a linear model would differ.
            return pd.DataFrame(np.asfortranarray(block), columns=self._index, copy=False)
        pairs = zip(self._makers, columns.arrays, strict=True)
        frame = pd.DataFrame(
            {position: make(array) for position, (make, array) in enumerate(pairs)},
            index=pd.RangeIndex(columns.rows),
        )
        frame.columns = self._index
        return frame


def fit_a_matrix(inputs: Iterable[Column]) -> bool:
    """Whether a matrix holds columns as well as a frame: numbers, truth values without gaps."""
    return all(
        column.is_numeric
        and column.frame_dtype != "category"
        and not (column.dtype == "bool" and column.nullable)
        for column in inputs
    )


def matrix(columns: Columns) -> Array:
    """The columns as one two-dimensional array."""
    if columns.block is not None:
        return columns.block
    return np.column_stack(columns.arrays) if len(columns) else np.empty((columns.rows, 0))


def _names(frame: pd.DataFrame) -> dict[str, Any]:
    """What the frame calls each of its columns, by the name that requests call it.

    Raises:
        InvalidInput: one is called by something else than text or a whole number, or two alike.
    """
    labels = [label.item() if isinstance(label, np.generic) else label for label in frame.columns]
    for label in labels:
        if not isinstance(label, (str, int)) or isinstance(label, bool):
            msg = (
                f"a column is called {label!r}, which is neither text nor a whole number; give "
                "it a plain name before training"
            )
            raise InvalidInput(msg, column=str(label))
    names = [str(label) for label in labels]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        msg = f"two columns are named {twice[0]!r}; give each its own name"
        raise InvalidInput(msg, column=twice[0])
    return dict(zip(names, labels, strict=True))


def empty_frame(columns: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """A frame without rows of columns by name and dtype, for lack of training data."""
    return pd.DataFrame(
        {
            name: pd.Series([], dtype=object if dtype == "string" else dtype)
            for name, dtype in columns
        }
    )
