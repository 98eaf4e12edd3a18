"""Counts of durations in fixed bins, so that those of several processes can be added up."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

BOUNDS_S = (
    0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
)  # fmt: skip
"""Upper bounds of the bins, in seconds; what is above the last has a bin of its own.

A small model answers in less than a millisecond. What people promise (5, 10, 25, 50, 100 ms …) are
bounds, since the share of requests within a promise can be read exactly at a bound alone.
"""
_NAMES = (*(f"{bound:g}" for bound in BOUNDS_S), "+Inf")


def quantile_s(bins: Sequence[int], share: float) -> float | None:
    """The duration below which a share of those in the bins lies; none where there are none.

    Within a bin they are taken to lie evenly; those above the last bound count as that.
    """
    total = sum(bins)
    if not total:
        return None
    left, low_s = share * total, 0.0
    for number, high_s in zip(bins, BOUNDS_S, strict=False):
        if number and left <= number:
            return low_s + (high_s - low_s) * left / number
        left, low_s = left - number, high_s
    return BOUNDS_S[-1]


class Histogram:
    """How many durations fell into each bin, and how long all of them were."""

    __slots__ = ("bins", "total_s")

    def __init__(self) -> None:
        self.bins = [0] * (len(BOUNDS_S) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration."""
        self.bins[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds

    def include(self, other: Histogram) -> None:
        """Count everything that another one has counted as well."""
        self.bins = [own + more for own, more in zip(self.bins, other.bins, strict=True)]
        self.total_s += other.total_s

    @property
    def count(self) -> int:
        """How many durations there were."""
        return sum(self.bins)

    def cumulative(self) -> list[tuple[str, int]]:
        """How many durations were at most each bound, as Prometheus writes them (`le`)."""
        return list(zip(_NAMES, accumulate(self.bins), strict=True))
