"""Matrices as NumPy saves them (`.npy`), which SageMaker's scikit-learn clients send."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.core.messages import RawColumns
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.protocols import json_body

MEDIA_TYPE = "application/x-npy"
_MAX_HEADER_BYTES = 4096


def read(body: bytes, names: Sequence[str], max_rows: int) -> tuple[RawColumns, int]:
    """The columns of a matrix [rows, columns] or of one row, and the number of rows.

    Raises:
        BadEncoding: it is no array of NumPy's, or holds objects.
        InvalidInput: it does not have as many columns as there are `names`.
        TooLarge: more than `max_rows` rows.
    """
    try:
        # Objects would be pickles, which can run code.
        found = np.load(io.BytesIO(body), allow_pickle=False, max_header_size=_MAX_HEADER_BYTES)
    except (ValueError, EOFError, OSError, SyntaxError) as error:
        raise BadEncoding("the body is no array of numbers as NumPy saves it") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "biuf" or found.ndim > 2:
        raise BadEncoding("the body must be one matrix of numbers, or one row of them")
    matrix = np.atleast_2d(found)
    json_body.check_rows(matrix.shape[0], max_rows)
    if matrix.shape[1] != len(names):
        msg = f"the matrix has {matrix.shape[1]} columns, but this endpoint takes {len(names)}"
        raise InvalidInput(msg, expected=len(names), got=matrix.shape[1])
    native = matrix.astype(matrix.dtype.newbyteorder("="), copy=False)
    columns: dict[str, Any] = {name: native[:, index] for index, name in enumerate(names)}
    return columns, len(native)


def write(values: Array) -> bytes:
    """An array as NumPy saves it; text as text of a fixed width.

    Raises:
        InvalidInput: its values are of several kinds.
    """
    plain = np.array(values.tolist()) if values.dtype == object else values
    if plain.dtype == object:
        raise InvalidInput("answers of several kinds have no form as an array; accept JSON")
    file = io.BytesIO()
    np.save(file, plain, allow_pickle=False)
    return file.getvalue()
