"""Metrics of predictions as arrays, quick enough to be computed of many windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.stats import rankdata

from serve_app.core.columns import Array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output


def metrics_of(output: Output) -> Callable[[Array, Prediction], Mapping[str, float]] | None:
    """What computes the metrics of an output of one class or one number per row, else none.

    `accuracy`, with probabilities `roc_auc` (of several classes the mean of each against the
    rest), `log_loss` and `brier`; or `r2`, `mae` and `rmse`. The truth is in the words of the
    labels. What some rows do not define is NaN: AUC where all are of one class, R² of equal
    values.
    """
    if output.kind == "regression":
        return _of_numbers if output.width == 1 else None
    if output.kind != "classification":
        return None
    labels = np.array(output.labels, dtype=object)

    def of_classes(truth: Array, prediction: Prediction) -> Mapping[str, float]:
        scores = {"accuracy": float(np.mean(prediction.values == truth))}
        if prediction.probabilities is None or not len(labels):
            return scores
        return {**scores, **_of_shares(truth[:, None] == labels, prediction.probabilities)}

    return of_classes


def _of_numbers(truth: Array, prediction: Prediction) -> Mapping[str, float]:
    wanted = np.asarray(truth, dtype=np.float64)
    errors = np.asarray(prediction.values, dtype=np.float64).reshape(-1) - wanted
    squares, spread = np.mean(errors**2), np.mean((wanted - wanted.mean()) ** 2)
    return {
        "r2": float(1 - squares / spread) if spread else np.nan,
        "mae": float(np.mean(np.abs(errors))),
        "rmse": float(np.sqrt(squares)),
    }


def _of_shares(came_true: Array, shares: Array) -> dict[str, float]:
    """Metrics of probabilities; both arrays have a column for each class."""
    shares = np.asarray(shares, dtype=np.float64)
    least = np.finfo(np.float64).eps
    of_truth = np.clip(np.sum(shares * came_true, axis=1), least, 1 - least)
    binary = shares.shape[1] == 2
    scored = range(1, 2) if binary else range(shares.shape[1])
    areas = [_area(came_true[:, at], shares[:, at]) for at in scored]
    squares = np.sum((shares - came_true) ** 2, axis=1)
    return {
        "roc_auc": float(np.mean(areas)),
        "log_loss": float(-np.mean(np.log(of_truth))),
        "brier": float(np.mean(squares) / (2 if binary else 1)),
    }


def _area(came_true: Array, share: Array) -> float:
    """The area under the ROC curve: how often a true row is ranked above another."""
    positives = int(np.count_nonzero(came_true))
    negatives = len(came_true) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(share)[came_true.astype(bool)].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))
