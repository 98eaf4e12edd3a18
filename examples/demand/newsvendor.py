"""How much to order where what is left over costs, and what is missing costs more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from serve_app.core.columns import Array

MISSING, LEFT_OVER = 3.0, 1.0
"""What one piece costs that somebody wanted and was not there, and one that nobody wanted."""


def critical_ratio(missing: float = MISSING, left_over: float = LEFT_OVER) -> float:
    """The quantile of demand that costs least in the mean, as a probability.

    One piece more is worth it while the probability that it is sold is above
    left_over / (missing + left_over).

    Source: Arrow, Harris and Marschak, Optimal inventory policy, Econometrica 19, 1951.
    """
    return missing / (missing + left_over)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of orders: cost of a series' day in the mean, and two shares."""

    cost: float
    served: float
    sold_out: float


def result(demand: Array, order: Array) -> Result:
    """What orders come to, where whatever is left over in the evening is thrown away.

    `served` is the share of all demand that was there, `sold_out` of days on which more was wanted.
    """
    missing, left = np.maximum(demand - order, 0.0), np.maximum(order - demand, 0.0)
    cost = float(np.mean(MISSING * missing + LEFT_OVER * left))
    served = 1.0 - float(missing.sum() / demand.sum())
    return Result(cost, served, float(np.mean(missing > 0)))
