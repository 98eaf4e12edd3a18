"""Identifiers of predictions: unique, and in the order of time."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable

TIME_DIGITS = 12
RANDOM_DIGITS = 20
_AT_ONCE = 256
_OURS = re.compile(rf"([0-9a-f]{{{TIME_DIGITS}}})[0-9a-f]{{{RANDOM_DIGITS}}}")


class PredictionIds:
    """Gives identifiers of 32 hexadecimal digits: 12 of time, 20 of chance.

    The first are milliseconds since 1970, as in UUIDs of version 7, so that whoever keeps
    predictions by time finds one by its identifier. Chance is drawn from the system's source many
    at a time. `clock` gives seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._drawn: list[str] = []

    def __call__(self) -> str:
        """A new identifier."""
        if not self._drawn:
            digits = secrets.token_hex(RANDOM_DIGITS // 2 * _AT_ONCE)
            starts = range(0, len(digits), RANDOM_DIGITS)
            self._drawn = [digits[start : start + RANDOM_DIGITS] for start in starts]
        return f"{int(self._clock() * 1000):012x}{self._drawn.pop()}"


def time_of(identifier: str) -> float | None:
    """When an identifier of ours was given, in seconds since 1970; none for those of others."""
    ours = _OURS.fullmatch(identifier)
    return None if ours is None else int(ours[1], 16) / 1000
