"""Estimates in bins against the exact ones, by hand, and against what came true."""

import json

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, f1_score, log_loss, roc_auc_score

from serve_app.errors import InvalidInput
from serve_app.monitoring.estimate.calibration import Calibration
from serve_app.monitoring.estimate.cbpe import (
    by_threshold,
    estimate_accuracy,
    estimate_binary,
    estimate_macro_auc,
    estimate_multiclass,
)
from serve_app.monitoring.estimate.cbpe_exact import estimate_binary_exact
from serve_app.monitoring.profile.calibration import calibration
from serve_app.monitoring.quality.score_bins import bin_of

RNG = np.random.default_rng
IDENTITY = Calibration.identity()
SMOOTH = {
    "even": lambda rng: rng.random(50_000),
    "middle": lambda rng: rng.beta(2, 2, 50_000),
    "ends": lambda rng: rng.beta(0.5, 0.5, 50_000),
    "low": lambda rng: rng.beta(1, 9, 50_000),
    "narrow": lambda rng: rng.normal(0.5, 0.02, 50_000).clip(0, 1),
    "few rows": lambda rng: rng.beta(1, 2, 300),
    "two decimals": lambda rng: np.round(rng.beta(1, 3, 50_000), 2),
    "one decimal": lambda rng: np.round(rng.beta(1, 3, 50_000), 1),
    "all the same": lambda rng: np.full(1000, 0.37),
    "three values": lambda rng: rng.choice([0.0, 0.42, 1.0], 5000),
}
EXTREME = {
    "rare": lambda rng: rng.beta(0.5, 50, 50_000),
    "rarer": lambda rng: rng.beta(0.1, 30, 50_000),
    "nearly sure": lambda rng: rng.beta(0.02, 0.02, 50_000),
    "two values in one bin": lambda rng: rng.choice([0.011, 0.019], 5000),
}


def counted(scores):
    return by_threshold(np.bincount(bin_of(scores), minlength=100))


def summed(scores, probabilities):
    bins = np.bincount(bin_of(scores), weights=probabilities, minlength=100)
    above = np.arange(100) >= 50
    return np.array([np.where(above, 0, bins), np.where(above, bins, 0)])


def values(metrics):
    return {name: metric.value for name, metric in metrics.items()}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [*SMOOTH, *EXTREME])
def test_with_a_calibration_map_bins_lose_nothing(shape, seed):
    rng = RNG(seed)
    scores = {**SMOOTH, **EXTREME}[shape](rng)
    calibration = Calibration.of_rates(np.sort(rng.random(100)))
    exact = estimate_binary_exact(scores, scores >= 0.5, calibration.probability(scores))
    binned = estimate_binary(counted(scores), calibration).metrics
    for name, metric in exact.items():
        assert binned[name].value == pytest.approx(metric.value, abs=1e-9), name


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", SMOOTH)
def test_scores_that_are_probabilities_are_within_a_ten_thousandth(shape, seed):
    scores = SMOOTH[shape](RNG(seed))
    exact = values(estimate_binary_exact(scores, scores >= 0.5, scores))
    binned = values(estimate_binary(counted(scores), IDENTITY, summed(scores, scores)).metrics)
    for name, value in exact.items():
        assert binned[name] == pytest.approx(value, abs=1e-4), name


@pytest.mark.parametrize("shape", ["even", "middle"])
def test_counts_alone_are_within_a_ten_thousandth_where_bins_are_filled_evenly(shape):
    scores = SMOOTH[shape](RNG(1))
    exact = estimate_binary_exact(scores, scores >= 0.5, scores)["auc"].value
    binned = estimate_binary(counted(scores), IDENTITY).metrics["auc"].value
    assert binned == pytest.approx(exact, abs=1e-4)


def test_by_hand():
    # NannyML, "How it works", binary classification: P(wrong) of a row is |answer - probability|.
    # Answers 1, 1, 0 with probabilities 0.9, 0.6, 0.2: TP = 1.5, FP = 0.5, FN = 0.2, TN = 0.8.
    # AUC: pairs in order 0.9 x (0.4 + 0.8) + 0.6 x 0.8 = 1.56, and half of those of a row with
    # itself, (0.09 + 0.24 + 0.16) / 2 = 0.245, of 1.7 x 1.3 pairs.
    exact = estimate_binary_exact([0.9, 0.6, 0.2], [1, 1, 0], [0.9, 0.6, 0.2])
    assert values(exact) == pytest.approx(
        {
            "accuracy": 2.3 / 3,
            "precision": 0.75,
            "recall": 1.5 / 1.7,
            "specificity": 0.8 / 1.3,
            "f1": 3.0 / 3.7,
            "auc": (1.56 + 0.245) / (1.7 * 1.3),
        }
    )


def thresholds_walked(scores, probabilities):
    """AUC by NannyML's steps 1 to 11: a confusion matrix for each threshold, then trapezoids."""
    points = [(0.0, 0.0)]
    for threshold in np.unique(scores)[::-1]:
        above = scores >= threshold
        points.append(
            (
                (1 - probabilities[above]).sum() / (1 - probabilities).sum(),
                probabilities[above].sum() / probabilities.sum(),
            )
        )
    false_rates, true_rates = np.array(points).T
    return np.trapezoid(true_rates, false_rates)


@pytest.mark.parametrize("decimals", [1, 2, 6])
def test_the_exact_auc_is_that_of_all_thresholds(decimals):
    scores = np.round(RNG(5).beta(1, 2, 400), decimals)
    exact = estimate_binary_exact(scores, scores >= 0.5, scores**1.5)["auc"].value
    assert exact == pytest.approx(thresholds_walked(scores, scores**1.5), abs=1e-12)


def test_a_calibrated_model_comes_true_as_estimated():
    scores = RNG(2).beta(1, 2, 200_000)
    truth = RNG(3).random(200_000) < scores
    metrics = values(estimate_binary(counted(scores), IDENTITY).metrics)
    assert metrics["auc"] == pytest.approx(roc_auc_score(truth, scores), abs=3e-3)
    assert metrics["f1"] == pytest.approx(f1_score(truth, scores >= 0.5), abs=3e-3)
    assert metrics["accuracy"] == pytest.approx(np.mean((scores >= 0.5) == truth), abs=3e-3)
    assert metrics["log_loss"] == pytest.approx(log_loss(truth, scores), abs=3e-3)
    assert metrics["brier"] == pytest.approx(brier_score_loss(truth, scores), abs=3e-3)


@pytest.mark.parametrize("name", ["accuracy", "precision", "recall", "f1", "auc", "brier"])
def test_intervals_hold_what_comes_true(name):
    from serve_app.monitoring.quality.classification import Classes, ClassificationSums

    held = 0
    for seed in range(200):
        rng = RNG(seed)
        scores = rng.beta(1, 2, 500)
        truth = (rng.random(500) < scores).astype(int)
        estimated = estimate_binary(counted(scores), IDENTITY).metrics[name]
        realised = ClassificationSums.of(
            Classes(("0", "1")), truth, (scores >= 0.5).astype(int),
            np.column_stack([1 - scores, scores]),
        ).metrics()[name].value  # fmt: skip
        held += estimated.low <= realised <= estimated.high
    assert held / 200 >= 0.92


def test_a_drop_in_confidence_is_a_drop_in_quality():
    sure, unsure = RNG(1).beta(0.3, 0.3, 5000), RNG(1).beta(3, 3, 5000)
    first, second = (estimate_binary(counted(part), IDENTITY).metrics for part in (sure, unsure))
    assert first["auc"].low > second["auc"].high


def test_a_threshold_within_a_bin_is_refused():
    assert by_threshold(np.ones(100), 0.37)[0].sum() == 37
    with pytest.raises(InvalidInput, match=r"threshold 0\.375"):
        by_threshold(np.ones(100), 0.375)


def several(seed, n=100_000, concentration=(1.0, 2.0, 0.7)):
    rng = RNG(seed)
    probabilities = rng.dirichlet(concentration, n)
    truth = (probabilities.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return truth, probabilities.argmax(axis=1), probabilities


def counted_by_class(predicted, probabilities):
    classes = probabilities.shape[1]
    counts = np.zeros((classes, classes, 100), dtype=np.int64)
    for k in range(classes):
        np.add.at(counts[:, k], (predicted, bin_of(probabilities[:, k])), 1)
    return counts


def test_several_classes_come_true_as_estimated():
    truth, predicted, probabilities = several(4)
    result = estimate_multiclass(counted_by_class(predicted, probabilities), [IDENTITY] * 3)
    metrics = values(result.metrics)
    assert metrics["accuracy"] == pytest.approx(np.mean(truth == predicted), abs=4e-3)
    assert metrics["f1"] == pytest.approx(f1_score(truth, predicted, average="macro"), abs=4e-3)
    assert metrics["auc"] == pytest.approx(
        roc_auc_score(truth, probabilities, multi_class="ovr"), abs=4e-3
    )
    assert result.confusion.sum() == pytest.approx(100_000)


def test_accuracy_of_several_classes_is_the_mean_probability_of_the_answer():
    # NannyML, "How it works": "the mean of predicted probabilities corresponding to the predicted
    # classes"; here each is the middle of its bin, and those of a row need scaling.
    _, predicted, probabilities = several(6, n=20_000)
    result = estimate_multiclass(counted_by_class(predicted, probabilities), [IDENTITY] * 3)
    assert result.metrics["accuracy"].value == pytest.approx(
        probabilities.max(axis=1).mean(), abs=2e-3
    )


def test_where_classes_are_counted_apart_auc_and_accuracy_are_known():
    truth, predicted, probabilities = several(8)
    by_class = counted_by_class(predicted, probabilities)
    joint = estimate_multiclass(by_class, [IDENTITY] * 3).metrics
    assert estimate_macro_auc(by_class.sum(axis=0), [IDENTITY] * 3) == joint["auc"]
    confidence = np.bincount(bin_of(probabilities.max(axis=1)), minlength=100)
    accuracy = estimate_accuracy(confidence, IDENTITY)
    assert accuracy.value == pytest.approx(np.mean(truth == predicted), abs=4e-3)
    assert accuracy.n == 100_000


def test_the_calibration_of_a_profile_is_one_of_scores():
    rng = RNG(11)
    scores = rng.beta(1, 3, 50_000)
    truth = rng.random(50_000) < scores**1.5
    rates = calibration("score:yes", scores, truth).rates
    metrics = values(estimate_binary(counted(scores), Calibration.of_rates(rates)).metrics)
    assert metrics["auc"] == pytest.approx(roc_auc_score(truth, scores), abs=3e-3)
    assert metrics["accuracy"] == pytest.approx(np.mean((scores >= 0.5) == truth), abs=3e-3)


def test_nothing_was_predicted():
    assert estimate_binary(np.zeros((2, 100)), IDENTITY).metrics["auc"].value is None
    empty = estimate_multiclass(np.zeros((3, 3, 100)), [IDENTITY] * 3)
    assert empty.metrics["accuracy"].value is None


def test_it_says_what_it_assumes():
    written = json.loads(json.dumps(estimate_binary(np.ones((2, 100)), IDENTITY).to_json()))
    assert written["assumes"] == "no concept drift"
    assert written["metrics"]["auc"]["interval"] == "delong"


@pytest.mark.parametrize("counts", [np.ones(100), np.ones((3, 100)), -np.ones((2, 100))])
def test_counts_of_another_shape_are_refused(counts):
    with pytest.raises(InvalidInput, match="counts"):
        estimate_binary(counts, IDENTITY)


def test_scores_of_some_classes_alone_are_refused():
    counts = np.zeros((2, 2, 100))
    counts[0, 0, 5] = 1
    with pytest.raises(InvalidInput, match="differ between classes"):
        estimate_multiclass(counts, [IDENTITY] * 2)


def test_exact_estimates_of_columns_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInput, match="2 scores"):
        estimate_binary_exact([0.1, 0.2], [1], [0.1])
    with pytest.raises(InvalidInput, match="from 0 to 1"):
        estimate_binary_exact([0.1], [1], [1.1])
