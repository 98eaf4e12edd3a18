"""Arguments of statistical methods, refused in words before anything is computed."""

from __future__ import annotations

import math
from typing import Literal, get_args

from serve_app.errors import InvalidInput

_LARGEST, _SMALLEST = 1e150, 1e-150
"""Numbers that floats can still square and divide by."""

Alternative = Literal["two-sided", "greater", "less"]
"""Which effects count as different from the null: any, a larger one, a smaller one."""


def finite(name: str, value: float) -> float:
    """The value as a float.

    Raises:
        InvalidInput: it is not a finite number, or too large to compute with.
    """
    number = float(value)
    if not math.isfinite(number):
        raise InvalidInput(f"{name} is {value}: it must be a finite number")
    if abs(number) > _LARGEST:
        raise InvalidInput(f"{name} is {value}: that is too large to compute with")
    return number


def not_negative(name: str, value: float) -> float:
    """The value as a float.

    Raises:
        InvalidInput: it is not finite, or below zero.
    """
    number = finite(name, value)
    if number < 0:
        raise InvalidInput(f"{name} is {value}: it cannot be negative")
    return number


def positive(name: str, value: float) -> float:
    """The value as a float.

    Raises:
        InvalidInput: it is not finite, or not above zero, or hardly.
    """
    number = finite(name, value)
    if number < _SMALLEST:
        raise InvalidInput(f"{name} is {value}: it must be above zero")
    return number


def count(name: str, value: float, *, at_least: int = 0) -> int:
    """The value as a whole number.

    Raises:
        InvalidInput: it is not whole, or below `at_least`.
    """
    number = finite(name, value)
    if number != int(number):
        raise InvalidInput(f"{name} is {value}: it must be a whole number")
    if number < at_least:
        raise InvalidInput(f"{name} is {int(number)}: at least {at_least} are needed")
    return int(value)


def probability(name: str, value: float) -> float:
    """The value as a float strictly between 0 and 1.

    Raises:
        InvalidInput: it is not.
    """
    number = finite(name, value)
    if not 0 < number < 1:
        raise InvalidInput(f"{name} is {value}: it must lie between 0 and 1")
    return number


def alternative(value: str) -> Alternative:
    """The alternative of that name.

    Raises:
        InvalidInput: there is none.
    """
    for known in get_args(Alternative):
        if value == known:
            return known  # type: ignore[no-any-return]
    raise InvalidInput(
        f"there is no alternative {value!r}: it is one of {', '.join(get_args(Alternative))}"
    )
