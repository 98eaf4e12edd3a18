"""Predictive diagnostics: the threshold that costs least, costs that are counted, patients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix

from examples.diagnostics.costs import bins, outcomes
from examples.diagnostics.models import threshold
from examples.diagnostics.patients import patients
from serve_app.examples.datasets import breast_cancer


@given(miss_cost=st.floats(0.1, 100), seed=st.integers(0, 1_000))
def test_no_threshold_costs_less_in_the_mean(miss_cost, seed):
    # Of probabilities that come true, so that costs are known without drawing who is ill.
    probability = np.random.default_rng(seed).beta(0.4, 0.6, 300)

    def cost(at):
        called = probability >= at
        return np.sum(np.where(called, 1 - probability, probability * miss_cost))

    best = min(cost(at) for at in [*probability, 0.0, 1.1])
    assert cost(threshold(miss_cost)) == pytest.approx(best)


@given(rows=st.integers(1, 60), at=st.floats(0, 1), seed=st.integers(0, 1_000))
def test_outcomes_are_those_of_a_confusion_matrix(rows, at, seed):
    rng = np.random.default_rng(seed)
    ill, probability = rng.integers(0, 2, rows).astype(float), rng.random(rows)
    matrix = confusion_matrix(ill, probability >= at, labels=[0, 1])
    one = outcomes(ill, probability, at)
    assert (one.needless, one.missed) == (matrix[0, 1], matrix[1, 0])
    assert (one.called, one.patients) == (matrix[:, 1].sum(), rows)
    assert one.cost_per_100(20) == pytest.approx(100 * (20 * matrix[1, 0] + matrix[0, 1]) / rows)


def test_bins_are_those_of_scikit_learn():
    rng = np.random.default_rng(2)
    probability = rng.random(500)
    ill = (rng.random(500) < probability).astype(float)
    share, mean = calibration_curve(ill, probability, n_bins=5)
    given_ = bins(ill, probability, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
    assert [one.share_ill for one in given_] == pytest.approx(share)
    assert [one.mean_probability for one in given_] == pytest.approx(mean)
    assert sum(one.patients for one in given_) == 500


def test_each_patient_is_in_one_part_as_the_data_has_them():
    parts = patients()
    frames = (parts.first, parts.later, parts.waiting)
    assert [len(frame) for frame in frames] == [400, 120, 49]
    names = [name for frame in frames for name in frame["patient"]]
    assert len(set(names)) == len(names) == 569
    data = breast_cancer()
    everybody = {
        (*row, label)
        for row, label in zip(data.frame.to_numpy().tolist(), data.named_target, strict=True)
    }
    columns = [*data.frame.columns, "diagnosis"]
    assert {tuple(row) for frame in frames for row in frame[columns].to_numpy()} == everybody
