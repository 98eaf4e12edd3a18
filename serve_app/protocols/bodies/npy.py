"""Rows as one array of NumPy's own format, as SageMaker's SDK sends them for scikit-learn.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.lib import format as npy

from serve_app.core.columns import Array
from serve_app.core.messages import RawColumns
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.protocols.bodies import json_body

MEDIA_TYPE = "application/x-npy"
_LENGTH_BYTES = {b"\x93NUMPY\x01\x00": 2, b"\x93NUMPY\x02\x00": 4}
# A header is a dict in Python's words. NumPy evaluates it; of a stranger's we read what it writes.
_HEADER = re.compile(
    rb"\{'descr': '([<>|](?:b1|[iu][1248]|f[248]))', 'fortran_order': (False|True), "
    rb"'shape': \((\d{1,12}),(?: (\d{1,12}))?\), \}\s*"
)


def read(body: bytes, names: Sequence[str], max_rows: int) -> tuple[RawColumns, int]:
    """The columns of a matrix [rows, columns], or of one row, and the number of its rows.

    Raises:
        BadEncoding: it is no array of numbers, or not as long as its header says.
        InvalidInput: it has another number of columns.
        TooLarge: more than `max_rows` rows.
    """
    matrix = _array(body)
    width = len(names)
    if matrix.ndim == 1:
        matrix = matrix.reshape((-1, 1) if width == 1 else (1, -1))
    if matrix.shape[1] != width:
        msg = f"the array has the shape {list(matrix.shape)}, but must be [rows, {width}]"
        raise InvalidInput(msg, expected=width)
    rows = len(matrix)
    json_body.check_rows(rows, max_rows)
    return dict(zip(names, matrix.T, strict=True)), rows


def write(values: Array) -> bytes:
    """An array of predictions; texts are of NumPy's own kind.

    Raises:
        InvalidInput: they are of several kinds, which the format has no word for.
    """
    plain = values
    if values.dtype == object:
        flat = values.reshape(-1).tolist()
        # Of words and numbers NumPy would make words, in silence.
        mixed = len({isinstance(value, str) for value in flat}) > 1
        plain = values if mixed else np.array(values.tolist())
    if plain.dtype == object:
        raise InvalidInput(f"these predictions cannot be said as {MEDIA_TYPE}; accept JSON")
    buffer = io.BytesIO()
    npy.write_array(buffer, plain, allow_pickle=False)
    return buffer.getvalue()


def _array(body: bytes) -> Array:
    """The array of a body: what was sent, whatever its header says of its size.

    Raises:
        BadEncoding: it is no array of numbers, or not as long as its header says.
    """
    width = _LENGTH_BYTES.get(body[:8], 0)
    start = 8 + width + int.from_bytes(body[8 : 8 + width], "little")
    header = _HEADER.fullmatch(body[8 + width : start]) if width else None
    if header is None:
        msg = f"the body is no array of numbers in the format of {MEDIA_TYPE}, of one or two axes"
        raise BadEncoding(msg)
    kind, by_column, *sizes = header.groups()
    dtype = np.dtype(kind.decode())
    shape = tuple(int(size) for size in sizes if size is not None)
    expected, got = math.prod(shape) * dtype.itemsize, len(body) - start
    if expected != got:
        msg = f"the array has {got} bytes, but one of shape {list(shape)} takes {expected}"
        raise BadEncoding(msg, expected=expected, got=got)
    array = np.frombuffer(body, dtype, offset=start)
    if dtype.kind == "b" and got and array.view("u1").max() > 1:
        raise BadEncoding("the array is of booleans, which are bytes of 0 or 1")
    shaped = array.reshape(shape, order="F" if by_column == b"True" else "C")
    return shaped.astype(dtype.newbyteorder("="), copy=False)
