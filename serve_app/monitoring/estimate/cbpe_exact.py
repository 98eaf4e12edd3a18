"""The same estimates from each row's own score, against which counting in bins is measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serve_app.errors import InvalidInput
from serve_app.monitoring.quality.confusion import accuracy, binary_metrics
from serve_app.monitoring.quality.interval import LEVEL, MetricValue
from serve_app.monitoring.quality.ranking import auc

_Floats = npt.NDArray[np.float64]


def estimate_binary_exact(
    scores: npt.ArrayLike,
    predicted: npt.ArrayLike,
    calibrated: npt.ArrayLike,
    level: float = LEVEL,
) -> dict[str, MetricValue]:
    """Accuracy, precision, recall, specificity, F1 and AUC from rows.

    Args:
        scores: by which rows are ranked.
        predicted: whether the positive class was answered.
        calibrated: the probability that a row is positive.
        level: of the intervals.

    Raises:
        InvalidInput: there are not as many of each, or a probability is below 0 or above 1.
    """
    ranks, p = np.asarray(scores, dtype=np.float64), np.asarray(calibrated, dtype=np.float64)
    positive = np.asarray(predicted, dtype=np.bool_)
    if not len(ranks) == len(p) == len(positive):
        raise InvalidInput(f"{len(ranks)} scores, {len(positive)} answers, {len(p)} probabilities")
    if not ((p >= 0) & (p <= 1)).all():
        raise InvalidInput("calibrated probabilities lie from 0 to 1")
    confusion = np.array([
        [(1 - p)[~positive].sum(), (1 - p)[positive].sum()],
        [p[~positive].sum(), p[positive].sum()],
    ])  # fmt: skip
    _, places = np.unique(ranks, return_inverse=True)
    positives, negatives = np.zeros(len(p)), np.zeros(len(p))
    np.add.at(positives, places, p)
    np.add.at(negatives, places, 1 - p)
    return {
        "accuracy": accuracy(confusion, level),
        **binary_metrics(confusion, 1, level),
        "auc": auc(positives, negatives, level),
    }
