"""What libraries say of each column's part in a raw score, in one form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from serve_app.core.columns import Array


class Attributed(NamedTuple):
    """Parts of raw scores: of shape (rows, columns, outputs), and (rows, outputs) of the base."""

    contributions: Array
    base: Array


def of_library(raw: Any, columns: int) -> Attributed:
    """Parts as libraries of trees give them: the base last, one output after the other.

    Raises:
        ValueError: they are not of so many columns.
    """
    array = np.asarray(raw, dtype=np.float64)
    if array.ndim == 2:
        array = array.reshape(len(array), -1, columns + 1)
    if array.ndim != 3 or array.shape[2] != columns + 1:
        msg = f"parts of shape {array.shape} are not of {columns} columns"
        raise ValueError(msg)
    return Attributed(array[:, :, :-1].transpose(0, 2, 1), array[:, :, -1])
