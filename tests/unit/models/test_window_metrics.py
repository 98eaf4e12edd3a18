"""Metrics of windows, held against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics

from serve_app.core.messages import Prediction
from serve_app.core.signature import Output, Target
from serve_app.models.window_metrics import metrics_of


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def of_labels(*labels):
    return metrics_of(Output("classification", labels=labels, probabilities=True))


def test_of_two_classes(rng):
    shares = np.round(rng.random(500), 2)
    truth = np.where(rng.random(500) < shares, "ill", "well").astype(object)
    values = np.where(shares > 0.5, "ill", "well").astype(object)
    found = of_labels("well", "ill")(
        truth, Prediction(values, np.column_stack([1 - shares, shares]))
    )
    ill = truth == "ill"
    assert found == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(truth, values),
            "roc_auc": metrics.roc_auc_score(ill, shares),
            "log_loss": metrics.log_loss(ill, shares),
            "brier": metrics.brier_score_loss(ill, shares),
        }
    )


def test_of_several_classes(rng):
    shares = rng.dirichlet([1, 1, 1], 300)
    truth = rng.integers(0, 3, 300)
    values = shares.argmax(axis=1)
    found = of_labels(0, 1, 2)(truth, Prediction(values, shares))
    assert found["accuracy"] == metrics.accuracy_score(truth, values)
    assert found["roc_auc"] == pytest.approx(
        metrics.roc_auc_score(truth, shares, multi_class="ovr")
    )
    assert found["log_loss"] == pytest.approx(metrics.log_loss(truth, shares))


def test_of_numbers(rng):
    truth, values = rng.normal(size=50), rng.normal(size=50)
    found = metrics_of(Output("regression"))(truth, Prediction(values))
    assert found == pytest.approx(
        {
            "r2": metrics.r2_score(truth, values),
            "mae": metrics.mean_absolute_error(truth, values),
            "rmse": metrics.root_mean_squared_error(truth, values),
        }
    )


def test_what_rows_do_not_define_is_nan():
    truth, shares = np.array(["a", "a"], dtype=object), np.array([[0.4, 0.6], [1.0, 0.0]])
    assert np.isnan(of_labels("a", "b")(truth, Prediction(truth, shares))["roc_auc"])
    same = np.ones(3)
    assert np.isnan(metrics_of(Output("regression"))(same, Prediction(same))["r2"])


def test_a_class_without_probabilities_has_its_accuracy():
    truth = np.array(["a", "b"], dtype=object)
    given = metrics_of(Output("classification", labels=("a", "b")))(truth, Prediction(truth))
    assert given == {"accuracy": 1.0}


def test_several_targets_have_none():
    targets = (Target("a", (0, 1)), Target("b", (0, 1)))
    assert metrics_of(Output("multilabel", targets=targets)) is None
    assert metrics_of(Output("regression", width=2)) is None
