"""The expected calibration error, by hand and by simulation."""

import numpy as np
import pytest

from serve_app.monitoring.quality.calibration_error import calibration_error
from serve_app.monitoring.quality.score_bins import RANK_BINS, rank_bin_of


def of(scores, truth, seed=0):
    bins = rank_bin_of(scores)
    parts = [np.bincount(bins, weights, RANK_BINS) for weights in (truth, 1 - truth, scores)]
    return calibration_error(*parts, seed)


def test_by_hand():
    # Four rows around 0.25 of which 1 is positive, six around 0.8 of which all are:
    # 0.4 x |0.25 - 0.25| + 0.6 x |0.8 - 1.0| = 0.12.
    scores = np.array([0.22, 0.24, 0.26, 0.28] + [0.8] * 6)
    truth = np.array([1.0, 0, 0, 0] + [1.0] * 6)
    metric = of(scores, truth)
    assert metric.value == pytest.approx(0.12)
    assert metric.low <= metric.value < metric.high
    assert metric.method == "bootstrap"


def test_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(1)
    scores = rng.random(500)
    truth = (rng.random(500) < scores**2).astype(float)
    assert of(scores, truth, 3) == of(scores, truth, 3)


def test_the_interval_holds_the_error_of_a_badly_calibrated_model():
    # Scores s of which the share s^2 is positive: the gap is the mean of s - s^2 = 1/6.
    held = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        scores = rng.random(800)
        metric = of(scores, (rng.random(800) < scores**2).astype(float), seed)
        held.append(metric.low <= 1 / 6 <= metric.high)
    assert np.mean(held) >= 0.9


def test_no_rows_have_no_error():
    assert calibration_error(*[np.zeros(RANK_BINS)] * 3).value is None
