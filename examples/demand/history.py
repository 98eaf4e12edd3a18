"""What shops know: what they sold, when a shelf was empty, and what is planned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from examples.demand.world import SEED, SERIES, World
from serve_app.core.columns import Array

HORIZON_DAYS = 7
"""Orders are placed so long before: nothing younger is known then."""
_WEEKS = 4
_MORE = 1.25
"""How many times of what they usually sell shops order, before there is a model."""
FIRST_USABLE = HORIZON_DAYS * _WEEKS
TARGET = "demand"
FEATURES = (
    *("shop", "item", "weekday", "promotion", "holiday", "eve"),
    *("usual", "level", "promoted"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Sales:
    """Pieces in the morning, pieces sold, and the share of the day until a shelf was empty.

    `open_share` is the share of a usual day's customers who come before that: 1 where something
    was left in the evening.
    """

    stock: Array
    sold: Array
    open_share: Array

    def estimated_demand(self) -> Array:
        """What would have been sold, had there been enough; nothing is known of empty mornings.

        Where k pieces lasted for a share u of the day's customers, (k - 1) / u is the demand in
        the mean: of n customers who come at random, the k-th comes at a share whose distribution
        is beta(k, n - k + 1), and the mean of 1 / u is n / (k - 1).

        Source: as Haldane, On a method of estimating frequencies, Biometrika 33, 1945, who counts
        until the k-th.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            guess = (self.sold - 1.0) / self.open_share
        given: Array = np.where(self.open_share >= 1.0, self.sold, guess)
        given[self.stock < 1] = np.nan
        return given


def sales_of(world: World) -> Sales:
    """What was sold of a made-up world, where shops order a little more than they usually sell."""
    rng = np.random.default_rng(SEED + 1)
    stock, sold = np.zeros_like(world.demand), np.zeros_like(world.demand)
    for day in range(len(world.days)):
        if day < FIRST_USABLE:
            usual = world.demand[: day + 1].mean(axis=0) if day else world.mean[0]
        else:
            usual = sold[day - FIRST_USABLE : day : HORIZON_DAYS].mean(axis=0)
        stock[day] = np.ceil(_MORE * usual)
        sold[day] = np.minimum(stock[day], world.demand[day])
    empty = world.demand > stock
    drawn = rng.beta(np.maximum(stock, 1.0), np.maximum(world.demand - stock + 1.0, 1.0))
    return Sales(stock, sold, np.where(empty, drawn, 1.0))


def rows_of(world: World, sold: Array) -> pd.DataFrame:
    """A row for each day and series, with all that is known of it when it is ordered.

    `sold` are the numbers of pieces that features are made of: `usual` is the mean of the same
    weekday in four weeks, `level` of all days of the newest week, `promoted` the share of those
    four weekdays that had a promotion.
    """
    days, series = np.arange(FIRST_USABLE, len(world.days)), np.arange(len(SERIES))
    weeks = [HORIZON_DAYS * week for week in range(1, _WEEKS + 1)]
    usual = np.nanmean([sold[days - back] for back in weeks], axis=0)
    promoted = np.mean([world.promotion[days - back] for back in weeks], axis=0)
    newest = range(HORIZON_DAYS, 2 * HORIZON_DAYS)
    level = np.nanmean([sold[days - back] for back in newest], axis=0)
    count = len(series)
    return pd.DataFrame(
        {
            "day": np.repeat(world.days[days].strftime("%Y-%m-%d"), count),
            "shop": np.tile([shop for shop, _ in SERIES], len(days)),
            "item": np.tile([item for _, item in SERIES], len(days)),
            "weekday": np.repeat(world.days[days].day_of_week.to_numpy(), count),
            "promotion": world.promotion[days].astype(int).ravel(),
            "holiday": world.holiday[days].astype(int).ravel(),
            "eve": world.eve[days].astype(int).ravel(),
            "usual": usual.ravel(),
            "level": level.ravel(),
            "promoted": promoted.ravel(),
        }
    )


def values_of(values: Array) -> Array:
    """Numbers by day and series, in the order of `rows_of`."""
    ordered: Array = values[FIRST_USABLE:].ravel()
    return ordered
