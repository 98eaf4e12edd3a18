"""The chance that a test statistic crosses boundaries at repeated looks, by integration.

With information `I_1 < I_2 < ...`, the statistics `Z_k` are jointly normal, `Z_k sqrt(I_k)` has
independent increments, and a drift makes the mean of `Z_k` grow with the root of its information
(Armitage, McPherson and Rowe 1969; Jennison and Turnbull 2000, chapter 19). The density of what
has not crossed yet is carried from look to look on Gauss-Legendre nodes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from serve_app.errors import InvalidInput
from serve_app.experiments.arguments import finite

Vector = NDArray[np.float64]
_REACH = 9.0
"""Standard deviations beyond which a normal density adds nothing that a float could hold."""
_NODES_PER_DEVIATION = 4
_MOST_NODES = 1200


@lru_cache(maxsize=64)
def _gauss_legendre(nodes: int) -> tuple[Vector, Vector]:
    points, weights = np.polynomial.legendre.leggauss(nodes)
    return points, weights


@dataclass(frozen=True, slots=True)
class Continuing:
    """The density of the statistic after a look, where no boundary was crossed.

    `points` are values of the statistic, `masses` the density there times the weight of each
    in an integral: they add up to the chance of getting here. None of both before any look.
    """

    information: float
    points: Vector
    masses: Vector


def start() -> Continuing:
    """Before the first look, where the statistic is certain."""
    return Continuing(0.0, np.zeros(1), np.ones(1))


def upper_tail(before: Continuing, information: float, z: float, *, drift: float = 0.0) -> float:
    """The chance to get to the next look and to be above `z` there.

    Args:
        before: the density after the look before.
        information: that of the next look.
        z: a value of its statistic, which may be infinite.
        drift: the mean of the statistic at information 1.
    """
    grown = information - before.information
    mean = before.points * math.sqrt(before.information) + drift * grown
    if math.isinf(z):
        return 0.0 if z > 0 else float(before.masses.sum())
    return float(before.masses @ ndtr((mean - z * math.sqrt(information)) / math.sqrt(grown)))


def lower_tail(before: Continuing, information: float, z: float, *, drift: float = 0.0) -> float:
    """The chance to get to the next look and to be below `z` there."""
    mirrored = Continuing(before.information, -before.points, before.masses)
    return upper_tail(mirrored, information, -z, drift=-drift)


def advance(
    before: Continuing, information: float, lower: float, upper: float, *, drift: float = 0.0
) -> Continuing:
    """The density after a look at which only values between both boundaries go on.

    Either boundary may be infinite.
    """
    centre = drift * math.sqrt(information)
    low, high = max(lower, centre - _REACH), min(upper, centre + _REACH)
    if low >= high:
        return Continuing(information, np.zeros(1), np.zeros(1))
    grown = information - before.information
    # The density is as narrow as what the last step added to it.
    width = math.sqrt(grown / information)
    wanted = math.ceil(_NODES_PER_DEVIATION * (high - low) / width) + 16
    nodes, weights = _gauss_legendre(min(-(-wanted // 16) * 16, _MOST_NODES))
    points = (high + low) / 2 + (high - low) / 2 * nodes
    means = before.points * math.sqrt(before.information) + drift * grown
    apart = (points[:, None] * math.sqrt(information) - means[None, :]) / math.sqrt(grown)
    density = np.exp(-0.5 * apart**2) @ before.masses
    density *= math.sqrt(information / grown / (2 * math.pi))
    return Continuing(information, points, density * weights * (high - low) / 2)


@dataclass(frozen=True, slots=True)
class Crossing:
    """The chance of crossing each boundary first at each look."""

    upper: tuple[float, ...]
    lower: tuple[float, ...]

    @property
    def total(self) -> float:
        """The chance of crossing any boundary at any look."""
        return sum(self.upper) + sum(self.lower)


def crossing_probabilities(
    information: Sequence[float],
    upper: Sequence[float],
    lower: Sequence[float] | None = None,
    *,
    drift: float = 0.0,
) -> Crossing:
    """The chance that the statistic leaves the boundaries, look by look.

    Args:
        information: that of each look, growing; only its ratios matter without a drift.
        upper: the upper boundary of the statistic at each look, infinite for none.
        lower: the lower one; none by default. `[-b for b in upper]` makes it symmetric.
        drift: the mean of the statistic at information 1.

    Raises:
        InvalidInput: information does not grow, or the sequences are not of the same length.
    """
    below = [-math.inf] * len(upper) if lower is None else list(lower)
    if not len(information) == len(upper) == len(below):
        raise InvalidInput(
            f"there are {len(information)} looks, {len(upper)} upper and {len(below)} lower"
            " boundaries: one is needed for each look"
        )
    density, above_chance, below_chance = start(), [], []
    for amount, top, bottom in zip(checked(information), upper, below, strict=True):
        if math.isnan(top) or math.isnan(bottom) or bottom > top:
            raise InvalidInput(f"boundaries from {bottom} to {top} leave nothing between them")
        above_chance.append(upper_tail(density, amount, top, drift=drift))
        below_chance.append(lower_tail(density, amount, bottom, drift=drift))
        density = advance(density, amount, bottom, top, drift=drift)
    return Crossing(tuple(above_chance), tuple(below_chance))


def checked(information: Sequence[float]) -> tuple[float, ...]:
    """Information that grows from look to look.

    Raises:
        InvalidInput: there is none, one is not above zero, or one does not exceed the one before.
    """
    amounts = [finite("information", amount) for amount in information]
    if not amounts or amounts[0] <= 0:
        raise InvalidInput("a test needs at least one look, with information above zero")
    for before, after in pairwise(amounts):
        if after <= before:
            raise InvalidInput(
                f"a look at {after} follows one at {before}: information must grow from look to"
                " look"
            )
    return tuple(amounts)
