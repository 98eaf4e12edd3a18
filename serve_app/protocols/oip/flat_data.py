"""The data of a tensor as one flat list, however its lists are nested."""

from __future__ import annotations

import math
from typing import Any

from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding

_MOST_DEPTH = 100


def flat(data: list[Any], shape: tuple[int, ...], shown: str) -> list[Any]:
    """The data row by row, whether it came flat or in lists."""
    if data and isinstance(data[0], list) and _depth(data, shown) != len(shape):
        data = _flattened(data)
        check_size(len(data), shape, shown)
        return data
    if data and len(shape) > 2 and isinstance(data[0], list):
        return _nested(data, shape, shown)
    if data and len(shape) == 2 and isinstance(data[0], list):
        rows, width = shape
        for row, values in enumerate(data):
            if not isinstance(values, list) or len(values) != width:
                got = value_text(values)
                msg = f"input {shown!r}: row {row} must be a list of {width}, got {got}"
                raise BadEncoding(msg, input=shown, row=row)
        if len(data) != rows:
            msg = f"input {shown!r} has {len(data)} rows, but its shape says {rows}"
            raise BadEncoding(msg, input=shown)
        return [value for values in data for value in values]
    check_size(len(data), shape, shown)
    return data


def _depth(data: list[Any], shown: str) -> int:
    """How deep lists stand in lists at the beginning.

    Raises:
        BadEncoding: deeper than Triton goes.
    """
    first: Any = data
    for depth in range(_MOST_DEPTH + 1):
        if not isinstance(first, list) or not first:
            return depth
        first = first[0]
    msg = f"input {shown!r}: JSON nesting depth exceeds maximum allowed limit ({_MOST_DEPTH})"
    raise BadEncoding(msg, input=shown)


def _flattened(data: list[Any]) -> list[Any]:
    """The values of lists that are alike at each level, whatever the shape, as Triton has them."""
    while all(isinstance(part, list) and len(part) == len(data[0]) for part in data):
        data = [value for part in data for value in part]
        if not data:
            break
    return data


def _nested(data: Any, shape: tuple[int, ...], shown: str) -> list[Any]:
    """The values of lists in lists, of a shape of any rank."""
    if not isinstance(data, list) or len(data) != shape[0]:
        msg = (
            f"input {shown!r}: a list of {shape[0]} is expected in its data, got {value_text(data)}"
        )
        raise BadEncoding(msg, input=shown)
    if len(shape) == 1:
        return data
    return [value for part in data for value in _nested(part, shape[1:], shown)]


def check_size(got: int, shape: tuple[int, ...], shown: str) -> None:
    """Return where a tensor has as many values as its shape needs.

    Raises:
        BadEncoding: it has not.
    """
    size = count(shape)
    if got != size:
        msg = f"input {shown!r} has {got} values, but its shape {list(shape)} needs {size}"
        raise BadEncoding(msg, input=shown, expected=size, got=got)


def count(shape: tuple[int, ...]) -> int:
    """How many values a shape holds."""
    return math.prod(shape)
