"""What can be said of answers beside how right they are: how honest their shares are, how new."""

from __future__ import annotations

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.training.metrics import Predicted

_BINS = 10


def calibration_error(truth: Array, predicted: Predicted) -> float | None:
    """The expected calibration error: by how much shares and what came true differ, in the mean.

    Of each class against the others, in ten bins of equal width, weighed by their rows; of several
    classes the mean over them. None of models that give no shares.

    Source: Naeini, Cooper, Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian
    Binning, AAAI 2015.
    """
    shares = predicted.shares
    if shares is None or not len(truth):
        return None
    classes = [1] if shares.shape[1] == 2 else range(shares.shape[1])
    return float(np.mean([_error(truth == one, shares[:, one]) for one in classes]))


def _error(positive: Array, shares: Array) -> float:
    bins = np.clip((shares * _BINS).astype(np.intp), 0, _BINS - 1)
    difference = np.bincount(bins, weights=positive - shares, minlength=_BINS)
    return float(np.abs(difference).sum() / len(shares))


def distance(one: Predicted, other: Predicted, classes: int) -> float:
    """How far the answers of two models to the same rows are from each other, in the mean.

    Of classes the share of probability that would have to move (total variation), or of models
    without shares how often they name another class: from 0 to 1. Of numbers the mean absolute
    difference, in standard deviations of the other's.
    """
    if not classes:
        spread = float(np.std(other.values))
        difference = float(np.mean(np.abs(one.values - other.values)))
        if difference == 0.0:
            return 0.0
        return difference / spread if spread > 0 else float("inf")
    if one.shares is None or other.shares is None:
        return float(np.mean(one.values != other.values))
    return float(np.mean(np.abs(one.shares - other.shares).sum(axis=1)) / 2.0)
