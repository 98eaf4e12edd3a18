"""Matrices as NumPy saves them (`.npy`), which SageMaker's scikit-learn clients send."""

from __future__ import annotations

import io
import math
import tokenize
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from serve_app.core.columns import Array
from serve_app.core.messages import RawColumns
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.protocols import json_body

MEDIA_TYPE = "application/x-npy"
_MAX_HEADER_BYTES = 4096
_HEADERS: Mapping[tuple[int, int], Callable[..., tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


def read(body: bytes, names: Sequence[str], max_rows: int) -> tuple[RawColumns, int]:
    """The columns of a matrix [rows, columns] or of one row, and the number of rows.

    Raises:
        BadEncoding: it is no array of NumPy's, or holds objects.
        InvalidInput: it does not have as many columns as there are `names`.
        TooLarge: more than `max_rows` rows.
    """
    matrix = np.atleast_2d(_array(body))
    json_body.check_rows(matrix.shape[0], max_rows)
    if matrix.shape[1] != len(names):
        msg = f"the matrix has {matrix.shape[1]} columns, but this endpoint takes {len(names)}"
        raise InvalidInput(msg, expected=len(names), got=matrix.shape[1])
    native = matrix.astype(matrix.dtype.newbyteorder("="), copy=False)
    columns: dict[str, Any] = {name: native[:, index] for index, name in enumerate(names)}
    return columns, len(native)


def _array(body: bytes) -> Array:
    """The array of a file, which is no copy: a header that lies allocates nothing.

    Objects would be pickles, which can run code.
    """
    file = io.BytesIO(body)
    try:
        header = _HEADERS[npy_format.read_magic(file)]
        shape, by_column, dtype = header(file, max_header_size=_MAX_HEADER_BYTES)
    except (ValueError, LookupError, SyntaxError, tokenize.TokenError) as error:
        raise BadEncoding("the body is no array of numbers as NumPy saves it") from error
    if dtype.kind not in "biuf" or len(shape) not in {1, 2}:
        raise BadEncoding("the body must be one matrix of numbers, or one row of them")
    content = body[file.tell() :]
    if min(shape) < 0 or math.prod(shape) * dtype.itemsize != len(content):
        msg = f"the array has {len(content)} bytes, which its shape {list(shape)} does not take"
        raise BadEncoding(msg)
    flat = np.frombuffer(content, dtype=dtype)
    return flat.reshape(shape, order="F" if by_column else "C")


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
