"""Simulated customers, who click on what the shop's did, only more often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examples.recommendations.log import POSITIONS, Log
from examples.recommendations.offline import Shares

TIMES_AS_OFTEN = 30.0
"""With the clicks of real customers a route would have to answer for weeks before it knew."""
_WEIGHT = 100.0
"""An item's click rate at a position is drawn to that of all, as if it had been shown so often."""


@dataclass(frozen=True, slots=True, eq=False)
class Customers:
    """Who looks at each impression of a log, and clicks at these rates, (positions, items).

    `choice` and `mood` are numbers from 0 to 1 for each impression: which item a way of choosing
    shows, and whether it is clicked. So two ways to choose that show the same item earn the same.
    """

    log: Log
    rates: NDArray[np.float64]
    choice: NDArray[np.float64]
    mood: NDArray[np.float64]

    def click(self, place: int, shares: Shares) -> float:
        """Whether the item that these shares choose is clicked: 1 or 0; shares of one impression.

        Their sum may differ from 1 by rounding.
        """
        item = min(int(np.searchsorted(np.cumsum(shares), self.choice[place])), len(shares) - 1)
        return float(self.mood[place] < self.rates[self.log.position[place], item])

    def clicks(self, shares: Shares) -> NDArray[np.float64]:
        """The same for each impression of the log; shares of shape (impressions, items)."""
        return np.array([self.click(place, one) for place, one in enumerate(shares)])


def customers_like(logs: tuple[Log, ...], shown: Log, *, seed: int) -> Customers:
    """Customers whose rates are those of both logs together, for the impressions of one."""
    clicks, times = np.zeros((2, POSITIONS, shown.items))
    for log in logs:
        np.add.at(clicks, (log.position, log.item), log.click)
        np.add.at(times, (log.position, log.item), 1.0)
    rates = (clicks + _WEIGHT * clicks.sum() / times.sum()) / (times + _WEIGHT)
    rng = np.random.default_rng(seed)
    return Customers(shown, TIMES_AS_OFTEN * rates, rng.random(len(shown)), rng.random(len(shown)))
