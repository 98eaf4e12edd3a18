"""Shops and items that are made up, so that the demand that nobody saw is known.

Arrays have a row for each day and a column for each series, a shop's item.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from serve_app.core.columns import Array

SEED = 20
FIRST_DAY = "2024-06-03"
DAYS = 449
SHOPS = {"station": 1.4, "market": 1.0, "suburb": 0.7, "airport": 1.1}
ITEMS = {"bread": 48.0, "milk": 36.0, "salad": 18.0, "fruit": 26.0, "juice": 14.0, "flowers": 9.0}
_WEEK = {
    "station": (1.1, 1.1, 1.1, 1.1, 1.2, 0.8, 0.6),
    "market": (0.8, 0.8, 0.9, 0.9, 1.2, 1.5, 0.9),
    "suburb": (0.9, 0.9, 0.9, 0.9, 1.1, 1.4, 0.9),
    "airport": (1.1, 0.9, 0.9, 1.0, 1.2, 0.9, 1.0),
}
_SUMMER = {"salad": 0.35, "fruit": 0.25, "juice": 0.25, "flowers": -0.2}
"""How much more is wanted in the middle of summer, and how much less in winter."""
_PROMOTION, _HOLIDAY, _EVE = 1.6, 0.6, 1.4
_SHAPE = 16.0
"""Of the gamma distribution by which days of the same mean differ; smaller is wilder."""
SERIES = tuple(product(SHOPS, ITEMS))


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Days, what was planned for them (days, series), and what customers wanted of each item.

    `mean` is the mean of the distribution that `demand` was drawn from.
    """

    days: pd.DatetimeIndex
    promotion: Array
    holiday: Array
    eve: Array
    mean: Array
    demand: Array

    def quantile(self, level: float) -> Array:
        """The demand that is not exceeded with that probability, by who knows the distribution.

        A Poisson number whose mean is gamma distributed is negative binomial.
        """
        share = _SHAPE / (_SHAPE + self.mean)
        given: Array = stats.nbinom.ppf(level, _SHAPE, share)
        return given


def made_up() -> World:
    """A year and a quarter of days, the same each time."""
    rng = np.random.default_rng(SEED)
    days = pd.date_range(FIRST_DAY, periods=DAYS, freq="D")
    weeks = -(-DAYS // 7)
    # Promotions last a week; a week begins with the first day.
    promotion = np.repeat(rng.random((weeks, len(SERIES))) < 0.12, 7, axis=0)[:DAYS]
    is_holiday = np.zeros(DAYS, dtype=bool)
    is_holiday[np.cumsum(rng.integers(25, 60, 12))[:9] % DAYS] = True
    is_eve = np.append(is_holiday[1:], False)
    mean = _means(days, promotion, is_holiday, is_eve)
    demand = rng.poisson(mean * rng.gamma(_SHAPE, 1.0 / _SHAPE, mean.shape))
    return World(
        days,
        promotion.astype(np.float64),
        np.repeat(is_holiday[:, None], len(SERIES), axis=1).astype(np.float64),
        np.repeat(is_eve[:, None], len(SERIES), axis=1).astype(np.float64),
        mean,
        demand.astype(np.float64),
    )


def _means(days: pd.DatetimeIndex, promotion: Array, is_holiday: Array, is_eve: Array) -> Array:
    base = np.array([SHOPS[shop] * ITEMS[item] for shop, item in SERIES])
    week = np.array([_WEEK[shop] for shop, _ in SERIES]).T[days.day_of_week]
    summer = np.array([_SUMMER.get(item, 0.0) for _, item in SERIES])
    # Highest in the middle of July.
    year = 2 * np.pi * (days.day_of_year.to_numpy()[:, None] - 196) / 365.25
    season = 1.0 + summer * np.cos(year)
    planned = np.where(promotion, _PROMOTION, 1.0)
    calendar = np.where(is_holiday, _HOLIDAY, np.where(is_eve, _EVE, 1.0))[:, None]
    means: Array = base * week * season * planned * calendar
    return means
