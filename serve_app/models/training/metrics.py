"""Metrics of predictions, in NumPy alone: they are computed thousands of times by a bootstrap.

Classes are the numbers 0, 1, …, k - 1; of two classes, 1 is the positive one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import InvalidInput

_SMALLEST = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """What a model says of n rows: `values` (n,), and of classes `shares` (n, k) if it has any."""

    values: Array
    shares: Array | None = None

    def take(self, rows: Array) -> Predicted:
        """Those of some rows, by their places."""
        return Predicted(self.values[rows], None if self.shares is None else self.shares[rows])


Compute = Callable[[Array, Predicted], float]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric by its name; `greater` says that more is better."""

    name: str
    compute: Compute
    greater: bool
    classification: bool
    needs_shares: bool = False

    @overload
    def gain(self, value: float, reference: float) -> float: ...

    @overload
    def gain(self, value: Array, reference: Array) -> Array: ...

    def gain(self, value: Any, reference: Any) -> Any:
        """By how much a value is better than another, in the metric's own unit; or many of them."""
        return value - reference if self.greater else reference - value


def _accuracy(truth: Array, predicted: Predicted) -> float:
    return float(np.mean(truth == predicted.values))


def _balanced_accuracy(truth: Array, predicted: Predicted) -> float:
    right = truth == predicted.values
    return float(np.mean([right[truth == one].mean() for one in np.unique(truth)]))


def _f1(truth: Array, predicted: Predicted) -> float:
    """Of class 1 where there are two; else the mean over classes, each with the same weight."""
    known = np.union1d(truth, predicted.values)
    wanted = [1] if known.size and known.max() <= 1 else known.tolist()
    return float(np.mean([_f1_of(truth == one, predicted.values == one) for one in wanted]))


def _f1_of(truth: Array, values: Array) -> float:
    both = int(np.sum(truth & values))
    total = int(truth.sum()) + int(values.sum())
    return 2.0 * both / total if total else 0.0


def _shares(predicted: Predicted) -> Array:
    if predicted.shares is None:
        raise InvalidInput("the model gives no probabilities, which this metric is computed of")
    return predicted.shares


def _log_loss(truth: Array, predicted: Predicted) -> float:
    shares = _shares(predicted)
    given = shares[np.arange(len(truth)), truth.astype(np.intp)] / shares.sum(axis=1)
    return float(-np.mean(np.log(np.clip(given, _SMALLEST, 1.0))))


def _brier(truth: Array, predicted: Predicted) -> float:
    """Mean squared error of class 1 where there are two; else summed over classes.

    Source: Brier, "Verification of forecasts expressed in terms of probability", 1950.
    """
    shares = _shares(predicted)
    if shares.shape[1] == 2:
        return float(np.mean((shares[:, 1] - truth) ** 2))
    wanted = np.eye(shares.shape[1])[truth.astype(np.intp)]
    return float(np.mean(np.sum((shares - wanted) ** 2, axis=1)))


def area_under_roc(positive: Array, scores: Array) -> float:
    """How often a positive row has a higher score than another; ties count half. NaN without both.

    Source: Mann and Whitney's U, as in Hanley and McNeil, Radiology 143, 1982.
    """
    positives = int(positive.sum())
    others = len(positive) - positives
    if positives == 0 or others == 0:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2.0)[inverse]
    above = float(ranks[positive].sum()) - positives * (positives + 1) / 2.0
    return above / (positives * others)


def _roc_auc(truth: Array, predicted: Predicted) -> float:
    """Of two classes that of class 1; else each class against the rest, with the same weight."""
    shares = _shares(predicted)
    if shares.shape[1] == 2:
        return area_under_roc(truth == 1, shares[:, 1])
    each = [area_under_roc(truth == one, shares[:, one]) for one in range(shares.shape[1])]
    return float(np.mean(each))


def _mae(truth: Array, predicted: Predicted) -> float:
    return float(np.mean(np.abs(truth - predicted.values)))


def _rmse(truth: Array, predicted: Predicted) -> float:
    return float(np.sqrt(np.mean((truth - predicted.values) ** 2)))


def _r2(truth: Array, predicted: Predicted) -> float:
    spread = float(np.sum((truth - truth.mean()) ** 2))
    if spread == 0.0:
        return float("nan")
    return 1.0 - float(np.sum((truth - predicted.values) ** 2)) / spread


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", _accuracy, greater=True, classification=True),
        Metric("balanced_accuracy", _balanced_accuracy, greater=True, classification=True),
        Metric("brier", _brier, greater=False, classification=True, needs_shares=True),
        Metric("f1", _f1, greater=True, classification=True),
        Metric("log_loss", _log_loss, greater=False, classification=True, needs_shares=True),
        Metric("roc_auc", _roc_auc, greater=True, classification=True, needs_shares=True),
        Metric("mae", _mae, greater=False, classification=False),
        Metric("r2", _r2, greater=True, classification=False),
        Metric("rmse", _rmse, greater=False, classification=False),
    )
}
"""Metrics by name."""


_PINBALL = "pinball@"


def pinball(level: float) -> Metric:
    """The loss of a quantile: the mean of `level` x what was missing, (1 - level) x what was over.

    Less is better, and the quantile of that level is best.

    Source: Koenker and Bassett, Regression Quantiles, Econometrica 46, 1978.
    """

    def loss(truth: Array, predicted: Predicted) -> float:
        missing = truth - predicted.values
        return float(np.mean(np.maximum(level * missing, (level - 1.0) * missing)))

    return Metric(f"{_PINBALL}{level:g}", loss, greater=False, classification=False)


def metric_for(name: str | None, classes: int) -> Metric:
    """The metric of a name; without one, what is usual for so many classes (0: numbers).

    Raises:
        InvalidInput: it is one of classes for numbers, or the other way round.
    """
    if name is None:
        usual = {0: "rmse", 2: "roc_auc"}
        return METRICS[usual.get(classes, "log_loss")]
    is_quantile = name.startswith(_PINBALL)
    metric = pinball(float(name.removeprefix(_PINBALL))) if is_quantile else METRICS[name]
    if metric.classification != (classes > 0):
        fitting = ", ".join(
            one.name for one in METRICS.values() if one.classification == (classes > 0)
        )
        what = "classes" if classes else "numbers"
        fitting += "" if classes else f", {_PINBALL}0.75"
        msg = f"search.metric: {name} does not fit a target of {what}; these do: {fitting}"
        raise InvalidInput(msg)
    return metric


def all_metrics(truth: Array, predicted: Predicted, classes: int) -> dict[str, float]:
    """Every metric that fits the target and what the model gives, by name."""
    return {
        metric.name: metric.compute(truth, predicted)
        for metric in METRICS.values()
        if metric.classification == (classes > 0)
        and not (metric.needs_shares and predicted.shares is None)
    }
