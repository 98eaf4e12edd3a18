"""Arrays as arguments of statistical methods, refused in words before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from serve_app.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Numbers = Sequence[float] | npt.NDArray[np.float64] | npt.NDArray[np.int64]
"""What one-dimensional arguments may be."""
LARGEST = 1e150
"""The largest number whose square is one, with room to add some up."""
LARGEST_COUNT = 2**53
"""The largest count up to which a float holds every one."""


def numbers(name: str, values: Numbers, *, at_least: int = 1) -> Floats:
    """A one-dimensional array of finite numbers, at least so many.

    Raises:
        InvalidInput: it is of another shape, too short, or holds NaN, infinity or more than
            `LARGEST`.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} are not numbers: {error}") from error
    if array.ndim != 1:
        raise InvalidInput(f"{name} have {array.ndim} dimensions; they have to be one list")
    if len(array) < at_least:
        raise InvalidInput(f"{name} are {len(array)}; at least {at_least} are needed")
    wrong = np.flatnonzero(~np.isfinite(array))
    if len(wrong):
        place = int(wrong[0])
        raise InvalidInput(f"{name} have {array[place]} at place {place}; all have to be finite")
    if len(array) and float(np.abs(array).max()) > LARGEST:
        raise InvalidInput(f"{name} go beyond {LARGEST:g}, where squares are no numbers any more")
    return array


def counts(name: str, values: npt.ArrayLike) -> Floats:
    """An array of whole numbers from 0 up, of any shape.

    Raises:
        InvalidInput: one is negative, broken, NaN or infinite.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} are not numbers: {error}") from error
    wrong = ~np.isfinite(array) | (array < 0) | (array != np.floor(array))
    if wrong.any():
        value = array[wrong].flat[0]
        raise InvalidInput(f"{name} hold {value}; all have to be whole numbers from 0 up")
    if array.size and float(array.max()) > LARGEST_COUNT:
        raise InvalidInput(f"{name} go beyond {LARGEST_COUNT}, where counts are not exact any more")
    return array


def weights(name: str, values: Numbers) -> Floats:
    """Weights as shares that sum to 1.

    Raises:
        InvalidInput: there are none, one is negative, NaN or infinite, or they sum to 0.
    """
    array = numbers(name, values)
    if (array < 0).any():
        raise InvalidInput(f"{name} hold {array.min()}; none can be negative")
    total = float(array.sum())
    if total <= 0:
        raise InvalidInput(f"{name} sum to 0; at least one has to be above 0")
    return array / total


def same_length(**arrays: Floats) -> int:
    """The length that all arrays have.

    Raises:
        InvalidInput: they differ.
    """
    lengths = {what: len(array) for what, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{length} {what}" for what, length in lengths.items())
        raise InvalidInput(f"there are {listed}; there has to be one of each per row")
    return next(iter(lengths.values()))
