"""Estimated error of regressors, from a second model of their absolute and squared error.

Direct loss estimation (NannyML's "How it works"), with a model that is additive over bins: the
error of a row is a mean plus one effect for each feature's bin, and one for the bin of the
predicted value. So its mean over any rows follows from the counts of each bin alone, which are
merged over replicas and windows anyway. It assumes no concept drift, and that no two features
must come together to make an error large.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serve_app.errors import InvalidInput
from serve_app.monitoring.quality.interval import LEVEL, MetricValue, around, undefined

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
RIDGE = 20.0
"""Rows by which the effect of a bin is drawn to none: a bin of 20 rows keeps half of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class AdditiveModel:
    """A number for each row: a mean, and the effect of the bin of each feature."""

    mean: float
    effects: Mapping[str, _Floats]

    def mean_over(self, counts: Mapping[str, _Floats]) -> float:
        """The mean over rows of which the counts of each bin are known."""
        total = self.mean
        for name, effects in self.effects.items():
            rows = counts[name]
            if rows.sum() > 0:
                total += float(rows @ effects / rows.sum())
        return total

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            "mean": self.mean,
            "effects": {name: effects.tolist() for name, effects in self.effects.items()},
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> AdditiveModel:
        """A model as `to_json` wrote it."""
        effects = {
            name: np.array(values, dtype=np.float64) for name, values in content["effects"].items()
        }
        return cls(float(content["mean"]), effects)


def fit_additive(
    bins: Mapping[str, _Ints], sizes: Mapping[str, int], targets: _Floats
) -> list[AdditiveModel]:
    """The ridge regression of each column of `targets` on the bins of the rows.

    Rows become counts of pairs of bins first: work grows with the square of the number of
    features, memory with that of the bins.
    """
    names, n = list(bins), len(targets)
    starts = np.cumsum([0, *(sizes[name] for name in names)])
    width = int(starts[-1])
    pairs, sums = np.zeros((width, width)), np.zeros((width, targets.shape[1]))
    for name, start in zip(names, starts, strict=False):
        part = slice(start, start + sizes[name])
        for other, begin in zip(names, starts, strict=False):
            shape = (sizes[name], sizes[other])
            keys = bins[name] * shape[1] + bins[other]
            pairs[part, begin : begin + shape[1]] = np.bincount(
                keys, minlength=shape[0] * shape[1]
            ).reshape(shape)
        for k in range(targets.shape[1]):
            sums[part, k] = np.bincount(bins[name], targets[:, k], sizes[name])
    rows, means = np.diag(pairs).copy(), targets.mean(axis=0)
    centred = pairs - np.outer(rows, rows) / n + RIDGE * np.eye(width)
    effects = np.linalg.solve(centred, sums - np.outer(rows, means))
    return [
        AdditiveModel(
            float(means[k] - rows @ effects[:, k] / n),
            dict(zip(names, np.split(effects[:, k], starts[1:-1]), strict=True)),
        )
        for k in range(targets.shape[1])
    ]


@dataclass(frozen=True, slots=True, eq=False)
class ErrorModel:
    """What the error of a regressor was where the truth is known, by the bins of its rows.

    `rows` is how many it was fitted on, `kurtosis` how heavy the tails of the error are (the mean
    of e⁴ over the square of that of e²), `spread` the standard deviation of |e|.
    """

    absolute: AdditiveModel
    squared: AdditiveModel
    rows: int
    kurtosis: float
    spread: float

    @classmethod
    def fit(
        cls, bins: Mapping[str, npt.ArrayLike], sizes: Mapping[str, int], errors: npt.ArrayLike
    ) -> ErrorModel:
        """Fit it on rows that the regressor was not fitted on.

        Args:
            bins: of each feature, and of the predicted value, the bin of each row.
            sizes: how many bins each has.
            errors: predicted less true value of each row.

        Raises:
            InvalidInput: there are no rows, not as many of each, a bin that is none, or an error
                that is no number.
        """
        e = np.asarray(errors, dtype=np.float64).ravel()
        if not bins:
            raise InvalidInput("bins of one feature, or of the predicted value, are needed")
        if not len(e) or not np.isfinite(e).all():
            raise InvalidInput("errors to learn from are one finite number or more")
        places = {name: _checked_bins(name, values, sizes, len(e)) for name, values in bins.items()}
        squares = e**2
        mean_square = float(squares.mean())
        absolute, squared = fit_additive(places, sizes, np.column_stack([np.abs(e), squares]))
        return cls(
            absolute,
            squared,
            len(e),
            float((squares**2).mean()) / mean_square**2 if mean_square else 1.0,
            float(np.abs(e).std()),
        )

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            "absolute": self.absolute.to_json(),
            "squared": self.squared.to_json(),
            "rows": self.rows,
            "kurtosis": self.kurtosis,
            "spread": self.spread,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ErrorModel:
        """A model as `to_json` wrote it."""
        return cls(
            AdditiveModel.from_json(content["absolute"]),
            AdditiveModel.from_json(content["squared"]),
            int(content["rows"]),
            float(content["kurtosis"]),
            float(content["spread"]),
        )

    def estimate(
        self, counts: Mapping[str, npt.ArrayLike], level: float = LEVEL
    ) -> dict[str, MetricValue]:
        """The estimated MAE and RMSE of rows, from how many lie in each bin of each feature.

        Intervals hold the metric of as many labelled rows: the sampling error of these rows and
        that of the rows from which the model learned. A bin without a row then has no effect.

        Raises:
            InvalidInput: counts of a feature are missing, of another length, or negative.
        """
        rows = {name: self._checked_counts(name, counts) for name in self.absolute.effects}
        n = max((float(part.sum()) for part in rows.values()), default=0.0)
        if n <= 0:
            return {"mae": undefined("delta"), "rmse": undefined("delta")}
        mae = max(0.0, self.absolute.mean_over(rows))
        # The mean of squares is never below the square of the mean.
        mean_square = max(mae * mae, self.squared.mean_over(rows))
        rmse, share = math.sqrt(mean_square), 1 / n + 1 / self.rows
        of_mae = max(mean_square - mae * mae, 0.0) / n + self.spread**2 / self.rows
        of_rmse = (self.kurtosis - 1) * mean_square / 4 * share
        above = (0.0, math.inf)
        return {
            "mae": around(mae, of_mae, n, "delta", above, level),
            "rmse": around(rmse, of_rmse, n, "delta", above, level),
        }

    def _checked_counts(self, name: str, counts: Mapping[str, npt.ArrayLike]) -> _Floats:
        if name not in counts:
            raise InvalidInput(f"counts of {name!r} are missing")
        rows = np.asarray(counts[name], dtype=np.float64)
        size = len(self.absolute.effects[name])
        if rows.shape != (size,) or not (rows >= 0).all():
            raise InvalidInput(f"counts of {name!r} are {size} numbers from 0 on")
        return rows


def _checked_bins(name: str, values: npt.ArrayLike, sizes: Mapping[str, int], rows: int) -> _Ints:
    places = np.asarray(values, dtype=np.int64).ravel()
    size = sizes.get(name, 0)
    if len(places) != rows or not ((places >= 0) & (places < size)).all():
        raise InvalidInput(f"{name!r} needs a bin from 0 to {size - 1} for each of {rows} rows")
    return places
