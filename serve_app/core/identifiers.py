"""Identifiers of predictions: unique, and in the order of time."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable

TIME_DIGITS = 12
RANDOM_DIGITS = 20
MARK_DIGITS = 10
"""Of these digits of chance, so many say whose an identifier is where that counts."""
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


class OwnedIds:
    """Marks identifiers with whom they were given to, so that nobody else can use them.

    The last 10 digits take the place of chance: a keyed hash of the others and the owner. Whoever
    has the `secret` tells by it whose an identifier is, without a look into any record; whoever has
    not cannot make one, nor claim another's.
    """

    def __init__(self, secret: bytes) -> None:
        self._keyed = hashlib.blake2b(key=secret, digest_size=MARK_DIGITS // 2)

    def given(self, identifier: str, owner: str) -> str:
        """One of `PredictionIds`, given to somebody."""
        kept = identifier[:-MARK_DIGITS]
        return kept + self._mark(kept, owner)

    def is_of(self, identifier: str, owner: str) -> bool:
        """Whether an identifier was given to somebody."""
        if _OURS.fullmatch(identifier) is None:
            return False
        kept, mark = identifier[:-MARK_DIGITS], identifier[-MARK_DIGITS:]
        return hmac.compare_digest(self._mark(kept, owner), mark)

    def _mark(self, kept: str, owner: str) -> str:
        keyed = self._keyed.copy()
        keyed.update(f"{kept} {owner}".encode("utf-8", "surrogatepass"))
        return keyed.hexdigest()


def time_of(identifier: str) -> float | None:
    """When an identifier of ours was given, in seconds since 1970; none for those of others."""
    ours = _OURS.fullmatch(identifier)
    return None if ours is None else int(ours[1], 16) / 1000
