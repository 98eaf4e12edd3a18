"""When requests arrive, for loads that do not wait for answers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phase:
    """So many requests a second for so long."""

    rate_per_s: float
    duration_s: float


def poisson(phases: Sequence[Phase], chance: random.Random) -> Iterator[float]:
    """Times of arrival, in seconds since the start, one phase after the other.

    Each is independent of the others, as with many callers who know nothing of each other.
    """
    began_s = 0.0
    for phase in phases:
        ends_s = began_s + phase.duration_s
        at_s = began_s
        while phase.rate_per_s > 0 and (at_s := at_s + chance.expovariate(phase.rate_per_s)):
            if at_s >= ends_s:
                break
            yield at_s
        began_s = ends_s
