"""Estimated quality of classifiers from their calibrated probabilities, counted in bins.

Confidence-based performance estimation (J. Białek et al., arXiv:2401.08348, and NannyML's "How it
works"): a row with calibrated probability p is a positive to the share p and a negative to the
share 1 - p, and every metric is that of these shares. It assumes no concept drift, and that scores
mean what the calibration map says.

Intervals are those of the sampling error: where the metric of as many labelled rows would lie if
the assumptions hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serve_app.errors import InvalidInput
from serve_app.monitoring.estimate.calibration import Calibration
from serve_app.monitoring.quality.confusion import accuracy, binary_metrics, macro_metrics
from serve_app.monitoring.quality.interval import LEVEL, MetricValue, around, proportion, undefined
from serve_app.monitoring.quality.ranking import auc, macro_auc
from serve_app.monitoring.quality.score_bins import BINS, CENTRES

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class EstimatedQuality:
    """Estimated metrics by name, and the expected confusion matrix (rows are true classes)."""

    metrics: dict[str, MetricValue]
    confusion: _Floats
    assumes: str = "no concept drift"

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            "metrics": {name: metric.to_json() for name, metric in self.metrics.items()},
            "confusion": self.confusion.tolist(),
            "assumes": self.assumes,
        }


def estimate_binary(
    counts: npt.ArrayLike,
    calibration: Calibration,
    mass: npt.ArrayLike | None = None,
    level: float = LEVEL,
) -> EstimatedQuality:
    """The estimated quality of a binary classifier.

    Where all scores of a bin mean the same, as in a profile's calibration map, it is that of
    `estimate_binary_exact` whatever the scores are. Where scores are probabilities themselves,
    AUC is within 1e-4 of it if scores spread over several bins and `mass` is known.

    Args:
        counts: rows by predicted class and bin, `counts[predicted, bin]`: 2 by 100 bins of the
            positive class's probability, the negative class first.
        calibration: what the scores of each bin mean.
        mass: sums of the calibrated probabilities of the rows in `counts`, where they are known;
            otherwise all rows of a bin count as those in its middle.
        level: of the intervals.

    Raises:
        InvalidInput: counts are of another shape or negative, or sums do not fit them.
    """
    rows = _checked(counts, (2, BINS))
    positives = rows * calibration.rates if mass is None else _checked(mass, (2, BINS))
    if mass is not None:
        calibration = calibration.with_mass(rows.sum(axis=0), positives.sum(axis=0))
    negatives = np.maximum(0.0, rows - positives)
    confusion = np.array([negatives.sum(axis=1), positives.sum(axis=1)])
    metrics = {
        "accuracy": accuracy(confusion, level),
        **binary_metrics(confusion, 1, level),
        "auc": _auc(rows.sum(axis=0), calibration, level),
        **_losses(positives.sum(axis=0), negatives.sum(axis=0), level),
    }
    return EstimatedQuality(metrics, confusion)


def by_threshold(counts: npt.ArrayLike, threshold: float = 0.5) -> npt.NDArray[np.int64]:
    """Counts by predicted class and bin from counts by bin, where a threshold decides the class.

    Raises:
        InvalidInput: the threshold lies within a bin, whose rows it would split.
    """
    rows = np.asarray(counts, dtype=np.int64)
    edge = round(threshold * BINS)
    if abs(threshold * BINS - edge) > 1e-9 or not 0 <= edge <= BINS:
        msg = (
            f"the threshold {threshold} is no edge of the {BINS} bins of scores: count rows by "
            "predicted class too"
        )
        raise InvalidInput(msg)
    above = np.arange(BINS) >= edge
    return np.array([np.where(above, 0, rows), np.where(above, rows, 0)])


def estimate_multiclass(
    counts: npt.ArrayLike, calibrations: Sequence[Calibration], level: float = LEVEL
) -> EstimatedQuality:
    """The estimated quality of a classifier of several classes.

    Accuracy, macro precision, recall and F1 come from the calibrated probability of each class
    among the rows predicted as each; macro AUC from each class against all others. Calibrated by
    class, probabilities of a row need not add up to 1: those of each predicted class are scaled
    so that they do on average.

    Args:
        counts: rows by predicted class, class and bin of that class's probability,
            `counts[predicted, class, bin]`: as many rows for every class.
        calibrations: what the scores of each class mean.
        level: of the intervals.

    Raises:
        InvalidInput: counts are of another shape, negative, or not as many for every class.
    """
    classes = len(calibrations)
    rows = _checked(counts, (classes, classes, BINS))
    predicted = rows.sum(axis=2)
    if not (predicted == predicted[:, :1]).all():
        raise InvalidInput("every row has a score of every class: counts differ between classes")
    mass = np.einsum("pcb,cb->cp", rows, np.array([part.rates for part in calibrations]))
    total = mass.sum(axis=0)
    scale = np.divide(predicted[:, 0], total, out=np.zeros(classes), where=total > 0)
    confusion = mass * scale
    metrics = {
        "accuracy": accuracy(confusion, level),
        **macro_metrics(confusion, classes, level),
        "auc": estimate_macro_auc(rows.sum(axis=0), calibrations, level),
    }
    return EstimatedQuality(metrics, confusion)


def estimate_macro_auc(
    counts: npt.ArrayLike, calibrations: Sequence[Calibration], level: float = LEVEL
) -> MetricValue:
    """The estimated mean AUC of each class against all others, where nothing else is counted.

    Args:
        counts: rows by class and bin of that class's probability, `counts[class, bin]`.
        calibrations: what the scores of each class mean.
        level: of the intervals.

    Raises:
        InvalidInput: counts are of another shape or negative.
    """
    rows = _checked(counts, (len(calibrations), BINS))
    pairs = zip(rows, calibrations, strict=True)
    return macro_auc([_auc(part, calibration, level) for part, calibration in pairs])


def estimate_accuracy(
    counts: npt.ArrayLike, calibration: Calibration, level: float = LEVEL
) -> MetricValue:
    """The estimated accuracy from how sure the answers were: the mean calibrated confidence.

    Args:
        counts: rows by bin of the probability of the class that was answered.
        calibration: how often answers of such a confidence are right.
        level: of the interval.

    Raises:
        InvalidInput: counts are of another shape or negative.
    """
    rows = _checked(counts, (BINS,))
    return proportion(float(rows @ calibration.rates), float(rows.sum()), level)


def _checked(counts: npt.ArrayLike, shape: tuple[int, ...]) -> _Floats:
    rows = np.asarray(counts, dtype=np.float64)
    if rows.shape != shape:
        raise InvalidInput(f"counts have the shape {shape}, not {rows.shape}")
    if not (rows >= 0).all():
        raise InvalidInput("counts are 0 or more")
    return rows


def _auc(rows: _Floats, calibration: Calibration, level: float) -> MetricValue:
    positives, negatives = rows * calibration.rates, rows * (1 - calibration.rates)
    metric = auc(positives, negatives, level)
    if metric.value is None:
        return metric
    # Within a bin pairs are in order more often than not where the probability rises: with scores
    # spread evenly, a pair of rows by 1/12 of the slope.
    pairs = float(positives.sum() * negatives.sum())
    inside = float((rows**2 * calibration.slopes).sum()) / 12 / pairs
    value = min(1.0, metric.value + inside)
    low = None if metric.low is None else min(1.0, metric.low + inside)
    high = None if metric.high is None else min(1.0, metric.high + inside)
    return MetricValue(value, low, high, metric.n, metric.method)


def _losses(positives: _Floats, negatives: _Floats, level: float) -> dict[str, MetricValue]:
    above = (0.0, np.inf)
    of_one, of_zero = -np.log(CENTRES), -np.log(1 - CENTRES)
    return {
        "log_loss": _mean(positives, negatives, (of_one, of_zero), above, level),
        "brier": _mean(positives, negatives, ((1 - CENTRES) ** 2, CENTRES**2), above, level),
    }


def _mean(
    positives: _Floats,
    negatives: _Floats,
    losses: tuple[_Floats, _Floats],
    bounds: tuple[float, float],
    level: float,
) -> MetricValue:
    n = float(positives.sum() + negatives.sum())
    if n <= 0:
        return undefined("normal")
    mean = float((positives * losses[0] + negatives * losses[1]).sum()) / n
    square = float((positives * losses[0] ** 2 + negatives * losses[1] ** 2).sum()) / n
    return around(mean, max(0.0, square - mean * mean) / n, n, "normal", bounds, level)
