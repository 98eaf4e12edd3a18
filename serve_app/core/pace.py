"""Which computations are so short that handing them to a thread would take longer."""

from __future__ import annotations

import math
from collections.abc import Hashable

SHORT_S = 0.001
"""What takes no more of a processor keeps an event loop no longer than other turns of it do."""
_WEIGHT = 1 / 8


class Pace:
    """Learns how long computations take, by what they are; none is short before it was measured."""

    def __init__(self, short_s: float = SHORT_S) -> None:
        self._short_s = short_s
        self._took_s: dict[Hashable, float] = {}

    def is_short(self, what: Hashable) -> bool:
        """Whether it took no longer lately, on average."""
        return self._took_s.get(what, math.inf) <= self._short_s

    def took(self, what: Hashable, seconds: float) -> None:
        """Take note of one computation."""
        former = self._took_s.get(what, seconds)
        self._took_s[what] = former + (seconds - former) * _WEIGHT

    def forget(self, what: Hashable) -> None:
        """Measure it anew before it is short again."""
        self._took_s.pop(what, None)
