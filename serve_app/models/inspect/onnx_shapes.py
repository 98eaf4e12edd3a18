"""Shapes that constants decide, in graphs of ONNX; sizes beyond any memory are cut at 2^62."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from serve_app.core.columns import Array


def broadcast_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape of tensors that are combined element by element."""
    rank = max(len(one) for one in shapes)
    padded = [(1,) * (rank - len(one)) + one for one in shapes]
    return tuple(max(sizes) for sizes in zip(*padded, strict=True))


def range_shape(given: Sequence[Array | None]) -> tuple[int, ...] | None:
    """How many numbers there are from a start to a limit; None where those are not constant."""
    start, limit, step = (None if one is None or not len(one) else one[0] for one in given)
    if start is None or limit is None or step is None or not step:
        return None
    count = (float(limit) - float(start)) / float(step)
    return (max(0, math.ceil(count)),) if math.isfinite(count) else (2**62,)


def grown_shape(
    operator: str, first: tuple[int, ...] | None, given: Sequence[Array | None]
) -> tuple[int, ...] | None:
    """How large padding, one-hot columns and resizing make a tensor."""
    constants = [one for one in given[1:] if one is not None and len(one)]
    if not constants:
        return None
    if operator == "OneHot":
        return (*(first or ()), abs(int(constants[0][0])))
    if operator == "Pad":
        pads = np.abs(constants[0].astype(np.float64))
        half = len(pads) // 2
        base = first if first is not None and len(first) == half else (1,) * half
        grown = pads[:half] + pads[half : 2 * half]
        return tuple(size + int(min(more, 2.0**62)) for size, more in zip(base, grown, strict=True))
    factors = np.abs(constants[-1].astype(np.float64))
    return tuple(int(min(one, 2.0**62)) for one in np.ceil(np.nan_to_num(factors)))
