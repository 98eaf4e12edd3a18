"""Rolling origins: fitted on all that was known, judged on the four weeks that follow, and again.

Source: Tashman, Out-of-sample tests of forecasting accuracy, International Journal of Forecasting
16, 2000.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from xgboost import XGBRegressor

from examples.demand.history import FEATURES, Sales, rows_of, values_of
from examples.demand.world import SEED, World
from serve_app.core.columns import Array
from serve_app.models.training.metrics import Predicted, pinball

ORIGINS = (278, 306, 334, 362)
AHEAD_DAYS = 28
LEVELS = (0.1, 0.5, 0.75, 0.9)
WORDS = ("shop", "item")


@dataclass(frozen=True, slots=True, eq=False)
class Rolling:
    """Rows that were judged, by place, and forecasts of them: (rows, levels) by what was learned.

    `naive` is what was sold a week before the first day of the four weeks, and so on.
    """

    rows: Array
    quantiles: dict[str, Array]
    naive: Array


def rolled(world: World, sales: Sales) -> Rolling:
    """Forecasts of four times four weeks, of models that learned sales and of those of demand."""
    by_name = {"sales": sales.sold, "demand": sales.estimated_demand()}
    days = np.repeat(np.arange(len(world.days)), world.demand.shape[1])
    days = days[-len(values_of(world.demand)) :]
    judged = [(days >= origin) & (days < origin + AHEAD_DAYS) for origin in ORIGINS]
    quantiles = {}
    for name, known in by_name.items():
        frame, target = encoded(rows_of(world, known)), values_of(known)
        parts = []
        for origin, chosen in zip(ORIGINS, judged, strict=True):
            fits = (days < origin) & ~np.isnan(target)
            model = quantile_model().fit(frame[fits], target[fits])
            parts.append(np.asarray(model.predict(frame[chosen])))
        quantiles[name] = np.concatenate(parts)
    rows = np.concatenate([np.flatnonzero(chosen) for chosen in judged])
    return Rolling(rows, quantiles, _naive(sales.sold, days, rows))


def quantile_model() -> XGBRegressor:
    """Trees for several quantiles at once, as the pipeline fits them for one."""
    return XGBRegressor(
        objective="reg:quantileerror", quantile_alpha=np.array(LEVELS), n_estimators=120,
        max_depth=4, learning_rate=0.1, random_state=SEED, n_jobs=1,
    )  # fmt: skip


def encoded(frame: pd.DataFrame) -> pd.DataFrame:
    """The features as numbers: words by their alphabetical order."""
    words = {name: frame[name].astype("category").cat.codes for name in WORDS}
    return frame[list(FEATURES)].assign(**words)


def _naive(sold: Array, days: Array, rows: Array) -> Array:
    """What was sold on the same weekday of the newest week that was known at the origin."""
    origins = np.array(ORIGINS)[np.searchsorted(ORIGINS, days[rows], side="right") - 1]
    weeks = 1 + (days[rows] - origins) // 7
    series = np.arange(len(days))[rows] % sold.shape[1]
    given: Array = sold[days[rows] - 7 * weeks, series]
    return given


def pinball_loss(wanted: Array, forecast: Array, level: float) -> float:
    """The loss of a quantile's forecast, as the pipeline's metric computes it."""
    return pinball(level).compute(wanted, Predicted(forecast))
