"""Metrics of predicted classes against scikit-learn, their intervals against simulation."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
    recall_score,
)

from serve_app.monitoring.quality.confusion import accuracy, binary_metrics, macro_metrics


def rows(seed, n=500, classes=3, right=0.6):
    rng = np.random.default_rng(seed)
    truth = rng.choice(classes, n, p=np.array([0.6, 0.3, 0.1])[:classes] if classes == 3 else None)
    guess = rng.integers(0, classes, n)
    return truth, np.where(rng.random(n) < right, truth, guess)


def matrix(truth, predicted, classes):
    return confusion_matrix(truth, predicted, labels=range(classes)).astype(float)


@pytest.mark.parametrize("seed", range(5))
def test_binary_metrics_are_those_of_scikit_learn(seed):
    truth, predicted = rows(seed, classes=2)
    counts = matrix(truth, predicted, 2)
    metrics = binary_metrics(counts, 1)
    right = precision_recall_fscore_support(truth, predicted, average="binary")
    names = ("precision", "recall", "f1")
    assert [metrics[name].value for name in names] == pytest.approx(right[:3])
    assert metrics["specificity"].value == pytest.approx(
        recall_score(truth, predicted, pos_label=0)
    )
    assert accuracy(counts).value == pytest.approx(accuracy_score(truth, predicted))


@pytest.mark.parametrize("seed", range(5))
def test_macro_metrics_are_those_of_scikit_learn(seed):
    truth, predicted = rows(seed)
    metrics = macro_metrics(matrix(truth, predicted, 3), 3)
    right = precision_recall_fscore_support(truth, predicted, average="macro")
    names = ("precision", "recall", "f1")
    assert [metrics[name].value for name in names] == pytest.approx(right[:3])


def test_a_class_that_is_never_predicted_has_no_precision():
    truth, predicted = [0, 1, 2, 0], [0, 1, 1, 0]
    metrics = macro_metrics(matrix(truth, predicted, 3), 3)
    right = precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0)
    names = ("precision", "recall", "f1")
    assert [metrics[name].value for name in names] == pytest.approx(right[:3])


def test_a_class_that_does_not_occur_is_left_out():
    truth, predicted = [0, 1, 1, 0], [0, 1, 0, 0]
    assert macro_metrics(matrix(truth, predicted, 3), 3) == macro_metrics(
        matrix(truth, predicted, 3), 2
    )


def test_without_rows_nothing_is_defined():
    empty = np.zeros((3, 3))
    assert accuracy(empty).value is None
    assert all(metric.value is None for metric in macro_metrics(empty, 3).values())
    assert all(metric.value is None for metric in binary_metrics(empty, 1).values())


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
@pytest.mark.parametrize("classes", [2, 3])
def test_intervals_hold_the_metric_of_all_rows(name, classes):
    truth, predicted = rows(99, n=300_000, classes=classes)
    population = matrix(truth, predicted, classes)
    rng = np.random.default_rng(4)

    def metric(counts):
        if classes == 2:
            return binary_metrics(counts, 1)[name]
        return macro_metrics(counts, 3)[name]

    right, held = metric(population).value, 0
    cells = (population / population.sum()).ravel()
    for drawn in rng.multinomial(400, cells, size=600):
        drawn_metric = metric(drawn.reshape(classes, classes).astype(float))
        held += drawn_metric.low <= right <= drawn_metric.high
    assert 0.92 <= held / 600 <= 0.98
