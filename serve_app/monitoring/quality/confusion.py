"""Metrics of predicted classes, from how often each was predicted for each true one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from serve_app.monitoring.quality.interval import (
    LEVEL,
    MetricValue,
    around,
    proportion,
    undefined,
    wilson,
)

Matrix = npt.NDArray[np.float64]
"""Rows are true classes, columns predicted ones; counts, or expected counts."""
_Ratio = Callable[[float, float, float], tuple[float, float, float]]


def accuracy(matrix: Matrix, level: float = LEVEL) -> MetricValue:
    """The share of rows whose class was predicted, with Wilson's interval."""
    return proportion(float(np.trace(matrix)), float(matrix.sum()), level)


def binary_metrics(matrix: Matrix, positive: int, level: float = LEVEL) -> dict[str, MetricValue]:
    """Precision, recall, specificity and F1 of one class against all others.

    F1 = 2J / (1 + J), where J is the share of true positives among all rows that are positive or
    predicted to be: its interval is Wilson's for J.
    """
    true_positives = float(matrix[positive, positive])
    false_negatives = float(matrix[positive].sum()) - true_positives
    false_positives = float(matrix[:, positive].sum()) - true_positives
    negatives = float(matrix.sum() - matrix[positive].sum())
    return {
        "precision": proportion(true_positives, true_positives + false_positives, level),
        "recall": proportion(true_positives, true_positives + false_negatives, level),
        "specificity": proportion(negatives - false_positives, negatives, level),
        "f1": _f1(true_positives, false_positives + false_negatives, level),
    }


def _f1(true_positives: float, errors: float, level: float) -> MetricValue:
    n = true_positives + errors
    if n <= 0:
        return undefined("wilson")
    low, high = wilson(true_positives, n, level)
    value = 2 * true_positives / (2 * true_positives + errors)
    return MetricValue(value, 2 * low / (1 + low), 2 * high / (1 + high), n, "wilson")


def macro_metrics(matrix: Matrix, classes: int, level: float = LEVEL) -> dict[str, MetricValue]:
    """Precision, recall and F1 averaged over the first `classes`, by the delta method.

    As in scikit-learn with `zero_division=0`: a class that is never predicted has precision 0.
    Classes that neither occur nor are predicted are left out of the average.
    """
    return {
        "precision": _macro(matrix, classes, _precision, level),
        "recall": _macro(matrix, classes, _recall, level),
        "f1": _macro(matrix, classes, _harmonic, level),
    }


# Each gives how much a hit, the row sum and the column sum weigh in numerator and denominator.
def _precision(hits: float, _true: float, predicted: float) -> tuple[float, float, float]:
    return hits, 0.0, predicted


def _recall(hits: float, true: float, _predicted: float) -> tuple[float, float, float]:
    return hits, true, 0.0


def _harmonic(hits: float, true: float, predicted: float) -> tuple[float, float, float]:
    return 2 * hits, true, predicted


def _macro(matrix: Matrix, classes: int, ratio: _Ratio, level: float) -> MetricValue:
    true, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    occurring = [k for k in range(classes) if true[k] + predicted[k] > 0]
    n = float(matrix.sum())
    if not occurring:
        return undefined("delta")
    total, influence = 0.0, np.zeros_like(matrix)
    for k in occurring:
        hits, by_true, by_predicted = ratio(
            float(matrix[k, k]), float(true[k]), float(predicted[k])
        )
        below = by_true + by_predicted
        if below <= 0:
            continue
        value = hits / below
        total += value
        # How the ratio moves with one more row in each cell; it is 0 on average over all rows.
        influence[k, k] += ratio(1.0, 0.0, 0.0)[0] / below
        influence[k] -= value / below if by_true else 0.0
        influence[:, k] -= value / below if by_predicted else 0.0
    variance = float((matrix * influence**2).sum()) / len(occurring) ** 2
    return around(total / len(occurring), variance, n, "delta", (0.0, 1.0), level)
