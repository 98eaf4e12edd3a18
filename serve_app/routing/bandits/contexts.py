"""The context of a decision: the numbers by which a contextual policy tells requests apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from serve_app.core.messages import Request


def context_of(request: Request, features: Sequence[str]) -> NDArray[np.float64]:
    """The mean of each feature over the rows of a request, of shape (features,).

    NaN where no row has a number.
    """
    columns = request.payload.columns
    return np.array([mean_of(columns.get(name, ())) for name in features], float)


def mean_of(values: Sequence[Any] | NDArray[Any]) -> float:
    """The mean of those values that are finite numbers, or spell one; NaN where none is."""
    if len(values) == 1:
        number = _number(values[0])
        return number if math.isfinite(number) else math.nan
    numbers = [number for number in map(_number, values) if math.isfinite(number)]
    # Divided before they are added up, so that the largest numbers have a mean too.
    return math.fsum(one / len(numbers) for one in numbers) if numbers else math.nan


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
