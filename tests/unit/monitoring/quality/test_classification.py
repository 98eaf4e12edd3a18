"""Sums of classified rows: metrics as scikit-learn's, merging in any order."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    roc_auc_score,
)

from serve_app.errors import InvalidInput
from serve_app.monitoring.quality.classification import Classes, ClassificationSums

TWO = Classes(("no", "yes"), "yes")
THREE = Classes(("a", "b", "c"))


def binary(seed, n=2000):
    rng = np.random.default_rng(seed)
    scores = rng.beta(1, 2, n)
    truth = np.where(rng.random(n) < scores, "yes", "no")
    predicted = np.where(scores >= 0.5, "yes", "no")
    return truth, predicted, np.column_stack([1 - scores, scores])


def several(seed, n=3000):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet([1.0, 2.0, 0.7], n)
    labels = np.array(THREE.labels)
    truth = labels[(probabilities.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)]
    return truth, labels[probabilities.argmax(axis=1)], probabilities


def test_metrics_of_two_classes_are_those_of_scikit_learn():
    truth, predicted, probabilities = binary(1)
    metrics = ClassificationSums.of(TWO, truth, predicted, probabilities).metrics()
    scores = probabilities[:, 1]
    assert metrics["accuracy"].value == pytest.approx(accuracy_score(truth, predicted))
    assert metrics["f1"].value == pytest.approx(f1_score(truth, predicted, pos_label="yes"))
    assert metrics["log_loss"].value == pytest.approx(log_loss(truth, probabilities))
    assert metrics["brier"].value == pytest.approx(brier_score_loss(truth, scores, pos_label="yes"))
    assert metrics["auc"].value == pytest.approx(roc_auc_score(truth == "yes", scores), abs=5e-4)
    assert {metric.n for name, metric in metrics.items() if name in ("auc", "brier")} == {2000}
    for metric in metrics.values():
        assert metric.low <= metric.value <= metric.high


def test_metrics_of_three_classes_are_those_of_scikit_learn():
    truth, predicted, probabilities = several(2)
    metrics = ClassificationSums.of(THREE, truth, predicted, probabilities).metrics()
    assert metrics["f1"].value == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert metrics["log_loss"].value == pytest.approx(log_loss(truth, probabilities))
    assert metrics["brier"].value == pytest.approx(
        brier_score_loss(truth, probabilities, scale_by_half=False)
    )
    assert metrics["auc"].value == pytest.approx(
        roc_auc_score(truth, probabilities, multi_class="ovr"), abs=5e-4
    )
    assert metrics["calibration_error"].value < 0.03


@pytest.mark.parametrize("shape", [(0.5, 50), (0.3, 6), (50, 0.5), (0.5, 0.5)])
def test_auc_is_right_where_scores_crowd_near_an_end(shape):
    rng = np.random.default_rng(9)
    scores = rng.beta(*shape, 20_000)
    truth = rng.random(20_000) < scores
    sums = ClassificationSums.of(
        TWO, np.where(truth, "yes", "no"), ["no"] * 20_000, np.column_stack([1 - scores, scores])
    )
    assert sums.metrics()["auc"].value == pytest.approx(roc_auc_score(truth, scores), abs=1e-3)


def test_the_calibration_error_is_the_mean_gap_of_ten_groups():
    truth, predicted, probabilities = binary(3)
    probabilities = np.column_stack([1 - probabilities[:, 1] ** 2, probabilities[:, 1] ** 2])
    metrics = ClassificationSums.of(TWO, truth, predicted, probabilities).metrics()
    scores, hits = probabilities[:, 1], truth == "yes"
    group = np.minimum((scores * 10).astype(int), 9)
    gaps = [abs(scores[group == k].mean() - hits[group == k].mean()) for k in range(10)]
    weights = np.bincount(group, minlength=10) / len(scores)
    assert metrics["calibration_error"].value == pytest.approx(np.dot(weights, gaps), abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), st.randoms())
def test_windows_add_up_to_one_pass_in_any_order(sizes, chance):
    truth, predicted, probabilities = several(5, n=sum(sizes))
    ends = np.cumsum(sizes)
    parts = [
        ClassificationSums.of(
            THREE, truth[end - n : end], predicted[end - n : end], probabilities[end - n : end]
        )
        for n, end in zip(sizes, ends, strict=True)
    ]
    chance.shuffle(parts)
    merged = ClassificationSums.empty(THREE)
    for part in parts:
        merged += part
    whole = ClassificationSums.of(THREE, truth, predicted, probabilities)
    assert merged.to_json() == whole.to_json()
    assert merged.metrics() == whole.metrics()


def test_json_keeps_all():
    sums = ClassificationSums.of(TWO, *binary(6, n=50))
    again = ClassificationSums.from_json(json.loads(json.dumps(sums.to_json())))
    assert again.to_json() == sums.to_json()
    assert again.metrics() == sums.metrics()


def test_labels_of_any_type_are_compared():
    classes = Classes.of([0, 1])
    metrics = ClassificationSums.of(classes, ["0", "1", 1.0], [0, 1, 0]).metrics()
    assert classes.positive == "1"
    assert metrics["recall"].value == 0.5
    assert "auc" not in metrics


def test_a_truth_that_is_no_label_is_a_wrong_answer_without_a_loss():
    sums = ClassificationSums.of(TWO, ["yes", "maybe"], ["yes", "yes"], [[0.2, 0.8], [0.3, 0.7]])
    assert sums.metrics()["accuracy"].value == 0.5
    assert (sums.n, sums.losses.n, sums.left_out) == (2, 1, 1)


@pytest.mark.parametrize("bad", [[np.nan, 0.5], [1.5, -0.5], [np.inf, 0.0]])
def test_rows_without_usable_probabilities_are_counted(bad):
    sums = ClassificationSums.of(TWO, ["yes", "no"], ["yes", "no"], [bad, [0.9, 0.1]])
    assert (sums.n, sums.losses.n, sums.left_out) == (2, 1, 1)


def test_a_sure_answer_that_was_wrong_has_a_finite_loss():
    sums = ClassificationSums.of(TWO, ["yes", "no"], ["no", "no"], [[1.0, 0.0], [1.0, 0.0]])
    right = log_loss(["yes", "no"], [[1.0, 0.0], [1.0, 0.0]], labels=["no", "yes"])
    assert sums.metrics()["log_loss"].value == pytest.approx(right)


def test_without_rows_nothing_is_defined():
    metrics = ClassificationSums.empty(TWO).metrics()
    assert all(metric.value is None for metric in metrics.values())


@pytest.mark.parametrize(
    ("labels", "positive"), [(("a",), None), (("a", "a"), None), (("a", "b"), "c")]
)
def test_classes_that_make_no_sense_are_refused(labels, positive):
    with pytest.raises(InvalidInput):
        Classes(labels, positive)


def test_the_positive_label_can_be_the_first():
    classes = Classes.of([True, False], positive=True)
    sums = ClassificationSums.of(classes, [True, True, False], [True, False, False])
    assert (classes.scored, sums.metrics()["recall"].value) == ((0,), 0.5)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(InvalidInput, match="2 true labels for 1"):
        ClassificationSums.of(TWO, ["yes", "no"], ["yes"])
    with pytest.raises(InvalidInput, match="probabilities are 1 rows of 2"):
        ClassificationSums.of(TWO, ["yes"], ["yes"], [[0.1, 0.2, 0.7]])
    with pytest.raises(InvalidInput, match="different classes"):
        ClassificationSums.empty(TWO) + ClassificationSums.empty(THREE)
