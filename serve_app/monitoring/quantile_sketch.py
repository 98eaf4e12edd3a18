"""Quantiles of numbers of any size within one percent, from counts that can be added up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

ACCURACY = 0.01
LEAST = 1e-9
"""Numbers that are nearer to 0 count as 0."""
_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GAMMA = math.log(_GAMMA)


@dataclass(frozen=True, slots=True)
class QuantileSketch:
    """How many numbers lie in each bin, and the bins grow with the numbers in them.

    Bin k of `positive` holds those in (gamma^(k-1), gamma^k], `negative` the same without their
    sign, so that every quantile is right within `ACCURACY` of itself (C. Masson, J. E. Rim and
    H. K. Lee, DDSketch, PVLDB 12, 2019).
    """

    zeros: int = 0
    positive: Mapping[int, int] = field(default_factory=dict)
    negative: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> QuantileSketch:
        """The sketch of some finite numbers."""
        above, below = values[values > LEAST], -values[values < -LEAST]
        zeros = len(values) - len(above) - len(below)
        return cls(zeros, _bins(above), _bins(below))

    @property
    def n(self) -> int:
        """How many numbers these are."""
        return self.zeros + sum(self.positive.values()) + sum(self.negative.values())

    def __add__(self, other: QuantileSketch) -> QuantileSketch:
        return QuantileSketch(
            self.zeros + other.zeros,
            _joined(self.positive, other.positive),
            _joined(self.negative, other.negative),
        )

    def quantile(self, share: float) -> float | None:
        """The number below which about that share of all lies; None where there is none."""
        if not self.n:
            return None
        left = share * (self.n - 1)
        for value, count in self._ascending():
            left -= count
            if left < 0:
                return value
        return None

    def _ascending(self) -> list[tuple[float, int]]:
        below = [(-_middle(k), count) for k, count in sorted(self.negative.items(), reverse=True)]
        above = [(_middle(k), count) for k, count in sorted(self.positive.items())]
        return [*below, (0.0, self.zeros), *above]


def _bins(values: NDArray[np.float64]) -> dict[int, int]:
    places = np.ceil(np.log(values) / _LOG_GAMMA).astype(np.int64)
    numbers, counts = np.unique(places, return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def _middle(place: int) -> float:
    return 2 * _GAMMA**place / (_GAMMA + 1)


def _joined(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {k: one.get(k, 0) + other.get(k, 0) for k in {**one, **other}}
