"""AUC against scikit-learn, DeLong's variance against his definition and against simulation."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from serve_app.monitoring.quality.interval import MetricValue
from serve_app.monitoring.quality.ranking import auc, auc_of_scores, macro_auc


def rows(seed, n=400, decimals=None):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.3
    scores = 1 / (1 + np.exp(-rng.normal(truth * 1.2, 1)))
    return truth, scores if decimals is None else np.round(scores, decimals)


@pytest.mark.parametrize("decimals", [None, 2, 1])
@pytest.mark.parametrize("seed", range(3))
def test_auc_of_scores_is_that_of_scikit_learn(seed, decimals):
    truth, scores = rows(seed, decimals=decimals)
    assert auc_of_scores(truth, scores).value == pytest.approx(
        roc_auc_score(truth, scores), abs=1e-12
    )


@pytest.mark.parametrize("decimals", [None, 1])
def test_the_variance_is_as_delong_defines_it(decimals):
    truth, scores = rows(8, n=120, decimals=decimals)
    positives, negatives = scores[truth], scores[~truth]
    pairs = (positives[:, None] > negatives) + (positives[:, None] == negatives) / 2
    variance = pairs.mean(axis=1).var(ddof=1) / len(positives)
    variance += pairs.mean(axis=0).var(ddof=1) / len(negatives)
    metric = auc_of_scores(truth, scores)
    assert metric.high - metric.value == pytest.approx(norm.ppf(0.975) * variance**0.5)
    assert (metric.method, metric.n) == ("delong", 120)


def test_intervals_hold_the_auc_of_all_rows():
    right = norm.cdf(1.2 / 2**0.5)
    held = [auc_of_scores(*rows(seed, n=300)) for seed in range(400)]
    assert 0.92 <= np.mean([m.low <= right <= m.high for m in held]) <= 0.98


def test_where_no_pair_is_wrong_the_interval_still_has_a_width():
    metric = auc(np.array([0.0, 0.0, 10.0]), np.array([20.0, 5.0, 0.0]))
    assert (metric.value, metric.high, metric.method) == (1.0, 1.0, "wilson")
    assert 0.6 < metric.low < 0.8


def test_one_class_alone_has_no_auc():
    assert auc(np.array([3.0, 1.0]), np.zeros(2)).value is None
    assert auc_of_scores(np.array([], dtype=bool), np.array([])).value is None


def test_one_positive_has_an_auc_without_an_interval():
    metric = auc(np.array([0.0, 1.0, 0.0]), np.array([2.0, 0.0, 2.0]))
    assert (metric.value, metric.low) == (0.5, None)


def test_the_mean_of_classes_is_over_those_that_have_one():
    parts = [MetricValue(0.8, 0.7, 0.9, 10, "delong"), MetricValue(0.6, 0.4, 0.8, 10, "delong")]
    nothing = MetricValue(None, None, None, 0, "delong")
    mean = macro_auc([*parts, nothing])
    assert (mean.value, mean.low, mean.high) == pytest.approx((0.7, 0.55, 0.85))
    assert macro_auc([nothing]).value is None
    assert macro_auc([parts[0], MetricValue(0.6, None, None, 9, "delong")]).low is None
