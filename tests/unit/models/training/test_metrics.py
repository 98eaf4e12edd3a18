"""Metrics in NumPy are those of scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given
from hypothesis import strategies as st

from serve_app.errors import InvalidInput
from serve_app.models.training.metrics import (
    METRICS,
    Predicted,
    all_metrics,
    area_under_roc,
    metric_for,
)


def of_classes(classes, rows, seed):
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), rng.integers(0, classes, rows)])
    # Rounded, so that some scores are equal.
    shares = np.round(rng.dirichlet(np.ones(classes), len(truth)), 1) + 0.01
    shares /= shares.sum(axis=1, keepdims=True)
    return truth, Predicted(shares.argmax(axis=1), shares)


@given(classes=st.integers(2, 5), rows=st.integers(5, 80), seed=st.integers(0, 10_000))
def test_metrics_of_classes_are_scikit_learns(classes, rows, seed):
    truth, predicted = of_classes(classes, rows, seed)
    shares, known = predicted.shares, range(classes)
    positive = shares[:, 1] if classes == 2 else shares
    average = "binary" if classes == 2 else "macro"
    wanted = {
        "accuracy": reference.accuracy_score(truth, predicted.values),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, predicted.values),
        "f1": reference.f1_score(truth, predicted.values, average=average, zero_division=0.0),
        "log_loss": reference.log_loss(truth, shares, labels=known),
        "roc_auc": reference.roc_auc_score(truth, positive, multi_class="ovr", labels=known),
        "brier": reference.brier_score_loss(
            truth, positive, labels=known, scale_by_half=classes == 2
        ),
    }
    assert all_metrics(truth, predicted, classes) == pytest.approx(wanted, abs=1e-12)


@given(rows=st.integers(2, 60), seed=st.integers(0, 10_000))
def test_metrics_of_numbers_are_scikit_learns(rows, seed):
    rng = np.random.default_rng(seed)
    truth, values = rng.normal(size=rows), rng.normal(size=rows)
    wanted = {
        "mae": reference.mean_absolute_error(truth, values),
        "rmse": reference.root_mean_squared_error(truth, values),
        "r2": reference.r2_score(truth, values),
    }
    assert all_metrics(truth, Predicted(values), 0) == pytest.approx(wanted, abs=1e-12)


@given(level=st.floats(0.01, 0.99), rows=st.integers(1, 60), seed=st.integers(0, 10_000))
def test_the_loss_of_a_quantile_is_scikit_learns(level, rows, seed):
    rng = np.random.default_rng(seed)
    truth, values = rng.normal(size=rows), rng.normal(size=rows)
    name = f"pinball@{level:.4f}"
    metric = metric_for(name, 0)
    wanted = reference.mean_pinball_loss(truth, values, alpha=float(name[8:]))
    assert metric.compute(truth, Predicted(values)) == pytest.approx(wanted, abs=1e-12)
    assert metric.gain(1.0, 2.0) > 0


def test_the_loss_of_a_quantile_is_of_numbers():
    with pytest.raises(InvalidInput, match=r"pinball@0\.9 does not fit a target of classes"):
        metric_for("pinball@0.9", 2)
    with pytest.raises(InvalidInput, match=r"these do: mae, r2, rmse, pinball@0\.75"):
        metric_for("accuracy", 0)


def test_the_area_is_how_many_pairs_are_in_order():
    rng = np.random.default_rng(1)
    positive, scores = rng.random(40) < 0.4, rng.integers(0, 6, 40)
    pairs = [
        1.0 if one > other else 0.5 if one == other else 0.0
        for one in scores[positive]
        for other in scores[~positive]
    ]
    assert area_under_roc(positive, scores) == pytest.approx(np.mean(pairs), abs=1e-12)


def test_one_class_alone_has_no_area():
    assert np.isnan(area_under_roc(np.ones(3, dtype=bool), np.arange(3)))


def test_a_metric_of_probabilities_needs_them():
    with pytest.raises(InvalidInput, match="gives no probabilities"):
        METRICS["log_loss"].compute(np.array([0, 1]), Predicted(np.array([0, 1])))


@pytest.mark.parametrize(
    ("name", "classes", "expected"),
    [(None, 2, "roc_auc"), (None, 3, "log_loss"), (None, 0, "rmse"), ("f1", 2, "f1")],
)
def test_each_target_has_a_usual_metric(name, classes, expected):
    assert metric_for(name, classes).name == expected


@pytest.mark.parametrize(("name", "classes"), [("rmse", 2), ("roc_auc", 0)])
def test_a_metric_of_another_target_is_refused_with_those_that_fit(name, classes):
    with pytest.raises(InvalidInput, match=r"does not fit a target of .*; these do: "):
        metric_for(name, classes)


@pytest.mark.parametrize(("name", "gain"), [("roc_auc", 0.25), ("rmse", -0.25)])
def test_a_gain_is_positive_where_it_is_better(name, gain):
    assert METRICS[name].gain(0.75, 0.5) == gain
