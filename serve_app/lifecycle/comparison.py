"""How good models are on the hold-out: with intervals, beside others on the same rows, by slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from serve_app.core.columns import Array
from serve_app.models.training.metrics import Metric, Predicted

DRAWS = 2000
_LEVEL = 0.95
_MOST_VALUES = 20
_FEWEST_ROWS = 2


@dataclass(frozen=True, slots=True)
class Paired:
    """By how much one model is better than another on the same rows, in the metric's unit.

    `lower` is the one-sided 95 % bound. Positive is better, whatever the metric.
    """

    gain: float
    lower: float
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A metric of one model: on all rows, and on each draw of a bootstrap over rows."""

    value: float
    draws: Array
    rows: int


def drawn(truth: Array, predicted: Predicted, metric: Metric, seed: int) -> Drawn:
    """A metric of one model on rows and on `DRAWS` draws of them.

    Models that are drawn with one seed are judged on the same rows, draw by draw.
    """
    values = [
        metric.compute(truth[rows], predicted.take(rows)) for rows in _draws(len(truth), seed)
    ]
    return Drawn(metric.compute(truth, predicted), np.array(values), len(truth))


def interval(model: Drawn) -> tuple[float, float]:
    """The 95 % interval of a metric, by the percentiles of a bootstrap over rows.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    low, high = np.nanquantile(model.draws, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def paired(metric: Metric, one: Drawn, other: Drawn) -> Paired:
    """How much better one model is than another, with the bound of a paired bootstrap.

    Both were drawn with one seed, so that what is hard for both is no noise.
    """
    gains = metric.gain(one.draws, other.draws)
    gain = metric.gain(one.value, other.value)
    return Paired(gain, float(np.nanquantile(gains, 1 - _LEVEL)), one.rows)


def by_slice(
    frame: pd.DataFrame,
    columns: tuple[str, ...],
    truth: Array,
    models: Mapping[str, Predicted],
    metric: Metric,
) -> list[dict[str, Any]]:
    """The metric of each model in each slice of the hold-out, by column.

    Columns of numbers are cut at their quartiles, others by value; a slice in which the metric
    cannot be computed says none.
    """
    return [
        {
            "column": column,
            "slice": name,
            "rows": len(rows),
            **{
                model: _value(metric, truth[rows], predicted.take(rows))
                for model, predicted in models.items()
            },
        }
        for column in columns
        for name, rows in _slices(frame[column])
    ]


def _value(metric: Metric, truth: Array, predicted: Predicted) -> float | None:
    if len(truth) < _FEWEST_ROWS:
        return None
    value = metric.compute(truth, predicted)
    return value if np.isfinite(value) else None


def _slices(series: pd.Series[Any]) -> Iterator[tuple[str, Array]]:
    numeric = pd.api.types.is_numeric_dtype(series.dtype)
    is_bool = pd.api.types.is_bool_dtype(series.dtype)
    if numeric and not is_bool and series.nunique() > _MOST_VALUES:
        bins = pd.qcut(series, 4, duplicates="drop")
        keys = bins.astype(str).where(bins.notna(), "missing")
        order = [*map(str, bins.cat.categories), "missing"]
    else:
        keys = series.astype(object).where(series.notna(), "missing").map(str)
        order = keys.value_counts(sort=True).index[:_MOST_VALUES].tolist()
    for name in order:
        rows = np.flatnonzero((keys == name).to_numpy())
        if len(rows):
            yield name, rows


def _draws(rows: int, seed: int) -> Iterator[Array]:
    rng = np.random.default_rng([seed, 3])
    for _ in range(DRAWS):
        yield rng.integers(0, rows, rows)
