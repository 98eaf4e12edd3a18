"""Estimates follow what comes true where the inputs drift, and see nothing else."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    mean_absolute_error,
    roc_auc_score,
    root_mean_squared_error,
)

from serve_app.core.messages import Prediction
from serve_app.core.signature import Output
from serve_app.models.frames import to_columns
from serve_app.models.window_metrics import metrics_of
from serve_app.monitoring.binning import Binner
from serve_app.monitoring.estimated import Estimator
from serve_app.monitoring.profile.build import Scored, profile_of
from serve_app.monitoring.profile.profile import FeatureProfile

ROWS = 2_000


class World:
    """Rows of a made-up world, a model that was fitted on some, and its profile from others."""

    def __init__(self, classes=2, seed=1, threshold=None, labels=None):
        x, y = make_classification(
            60_000, 6, n_informative=5, n_redundant=0, n_classes=classes, flip_y=0.05,
            class_sep=0.9, random_state=seed,
        )  # fmt: skip
        self.labels = labels or tuple(f"c{number}" for number in range(classes))
        self.x, self.y = pd.DataFrame(x, columns=list("abcdef")), np.array(self.labels)[y]
        self.threshold = threshold
        self.model = LogisticRegression().fit(self.x[:10_000], self.y[:10_000])
        self.output = Output("classification", labels=self.labels, probabilities=True)
        self.profile = self.profile_of(slice(10_000, 20_000))
        self.binner = Binner(self.profile)
        self.estimator = Estimator(self.binner.layout, deviations=3.0)

    def profile_of(self, rows):
        return profile_of(to_columns(self.x[:10_000]), self.scored(rows))

    def scored(self, rows):
        known = metrics_of(self.output)
        return Scored(self.says(rows), self.output, "held_out", self.y[rows], known)

    def says(self, rows):
        shares = self.model.predict_proba(self.x.iloc[rows])
        answers = np.array(self.labels)[shares.argmax(axis=1)]
        if self.threshold is not None:
            answers = np.array(self.labels)[(shares[:, 1] >= self.threshold).astype(int)]
        return Prediction(answers, shares)

    def drawn(self, strength, seed):
        """A window whose rows are drawn so that some inputs come more often; the rest is as was."""
        rng = np.random.default_rng(seed)
        pool = np.arange(20_000, 60_000)
        # Rows of which the model is not sure come more often.
        unsure = 1 - self.model.predict_proba(self.x.iloc[pool]).max(axis=1)
        weights = np.exp(strength * unsure)
        return rng.choice(pool, ROWS, p=weights / weights.sum())

    def estimate(self, rows):
        counts = self.binner.count(to_columns(self.x.iloc[rows]), self.says(rows))
        return self.estimator.estimate(0, counts.vector)


@pytest.fixture(scope="module")
def world():
    return World()


def test_the_estimate_follows_the_realised_metrics_where_inputs_drift(world):
    realised, estimated, held = [], [], 0
    for seed, strength in enumerate(np.linspace(0, 8, 17)):
        rows = world.drawn(strength, seed)
        window, said = world.estimate(rows), world.says(rows)
        true = {
            "auc": roc_auc_score(world.y[rows] == "c1", said.probabilities[:, 1]),
            "accuracy": accuracy_score(world.y[rows], said.values),
            "f1": f1_score(world.y[rows], said.values, pos_label="c1"),
        }
        realised.append(list(true.values()))
        estimated.append([window.metrics[name].value for name in true])
        held += sum(m.low <= true[n] <= m.high for n in true for m in [window.metrics[n]])
    realised, estimated = np.array(realised), np.array(estimated)
    assert realised[0, 0] - realised[-1, 0] > 0.1
    for place in range(3):
        assert np.corrcoef(realised[:, place], estimated[:, place])[0, 1] > 0.94
        assert np.abs(realised[:, place] - estimated[:, place]).mean() < 0.015
    assert held >= 0.85 * 3 * 17


def test_a_drift_of_inputs_that_costs_quality_is_worse_and_none_is_not(world):
    assert not any(world.estimate(world.drawn(0.0, seed)).worse for seed in range(60))
    drifted = [world.estimate(world.drawn(4.0, seed)) for seed in range(20)]
    assert all(set(one.worse) == {"accuracy", "auc"} for one in drifted)
    assert all(one.metrics["auc"].value < one.bounds["auc"] for one in drifted)


def test_a_change_of_the_truth_alone_is_not_seen(world):
    """The limit of all estimates without labels, as their documentation says."""
    rows = world.drawn(0.0, 7)
    turned = world.x["a"].to_numpy()[rows] > 0
    truth = np.where(turned, np.where(world.y[rows] == "c1", "c0", "c1"), world.y[rows])
    said, window = world.says(rows), world.estimate(rows)
    assert roc_auc_score(truth == "c1", said.probabilities[:, 1]) < 0.7
    before = world.estimator.reference["auc"].value
    assert window.metrics["auc"].value == pytest.approx(before, abs=0.02)
    assert window.worse == ()


def test_the_reference_is_estimated_as_it_was(world):
    """On the rows of the profile itself the estimate is what came true."""
    for name, own in (("accuracy", "accuracy"), ("auc", "roc_auc")):
        value = world.estimator.reference[name].value
        assert value == pytest.approx(world.profile.metrics[own], abs=5e-3)


def test_another_threshold_is_told_from_the_profile(world):
    other = World(threshold=0.3)
    rows = other.drawn(0.0, 1)
    window = other.estimate(rows)
    true = accuracy_score(other.y[rows], other.says(rows).values)
    assert window.metrics["accuracy"].value == pytest.approx(true, abs=0.02)
    assert other.estimator.reference["accuracy"].value == pytest.approx(
        other.profile.metrics["accuracy"], abs=5e-3
    )
    assert window.metrics["accuracy"].value < world.estimate(rows).metrics["accuracy"].value


def test_where_no_threshold_fits_only_metrics_of_scores_are_estimated(world):
    rng = np.random.default_rng(1)
    said = world.says(slice(10_000, 20_000))
    answers = rng.choice(world.labels, 10_000, p=[0.503, 0.497])
    answers[said.probabilities[:, 1] > 0.9] = "c0"
    odd = Scored(
        Prediction(answers, said.probabilities), world.output, "held_out",
        world.y[10_000:20_000], metrics_of(world.output),
    )  # fmt: skip
    profile = profile_of(to_columns(world.x[:1000]), odd)
    layout = Binner(profile).layout
    estimator = Estimator(layout, 3.0)
    assert estimator.why_not is None
    assert "auc" in estimator.reference


@pytest.mark.parametrize("labels", [("c0", "c1", "c2", "c3"), (0, 1, 2, 3)])
def test_of_several_classes_accuracy_and_auc_are_estimated(labels):
    many = World(classes=4, labels=labels)
    for strength in (0.0, 5.0):
        rows = many.drawn(strength, 3)
        window, said = many.estimate(rows), many.says(rows)
        true = accuracy_score(many.y[rows], said.values)
        area = roc_auc_score(many.y[rows], said.probabilities, multi_class="ovr", labels=labels)
        assert window.metrics["accuracy"].value == pytest.approx(true, abs=0.03)
        assert window.metrics["auc"].value == pytest.approx(area, abs=0.02)
        assert bool(window.worse) == (strength > 0)


class Prices:
    """Numbers whose error depends on one of the features."""

    def __init__(self, seed=1):
        self.rng = np.random.default_rng(seed)
        learned, truth = self.drawn(10_000)
        self.model = LinearRegression().fit(learned[["size", "age"]], truth)
        rows, right = self.drawn(8_000)
        output, said = Output("regression"), self.says(rows)
        scored = Scored(said, output, "held_out", right, metrics_of(output), to_columns(rows))
        made = profile_of(to_columns(learned), scored)
        self.profile = FeatureProfile.decode(made.encode())
        assert self.profile.digest == made.digest
        self.binner = Binner(self.profile)
        self.estimator = Estimator(self.binner.layout, deviations=3.0)

    def drawn(self, count, shift=0.0):
        frame = pd.DataFrame(
            {
                "size": self.rng.normal(shift, 1, count),
                "age": self.rng.normal(0, 1, count),
                "city": self.rng.choice(["Rome", "Oslo"], count),
            }
        )
        spread = np.exp(0.5 * np.clip(frame["size"], -2, 2))
        noise = spread * self.rng.normal(size=count)
        return frame, (3 * frame["size"] + frame["age"] + noise).to_numpy()

    def says(self, rows):
        return Prediction(self.model.predict(rows[["size", "age"]]))

    def estimate(self, rows):
        counts = self.binner.count(to_columns(rows), self.says(rows))
        return self.estimator.estimate(0, counts.vector)


def test_errors_of_numbers_are_estimated_by_the_cells_of_their_rows():
    prices = Prices()
    assert set(prices.profile.error_model.absolute.effects) == {
        "size", "age", "city", "prediction:value"
    }  # fmt: skip
    for shift in (0.0, 0.5, 1.0):
        rows, truth = prices.drawn(ROWS, shift)
        window, said = prices.estimate(rows), prices.says(rows).values
        for name, metric in (("mae", mean_absolute_error), ("rmse", root_mean_squared_error)):
            assert window.metrics[name].value == pytest.approx(metric(truth, said), rel=0.12)
        assert bool(window.worse) == (shift >= 0.5)
    body = json.loads(json.dumps(window.to_json()))
    assert body["worse"] == ["mae", "rmse"]
    assert body["metrics"]["mae"]["value"] > body["bounds"]["mae"]


def test_no_drift_of_numbers_is_not_worse():
    prices = Prices(seed=5)
    assert not any(prices.estimate(prices.drawn(ROWS)[0]).worse for _ in range(40))


def test_what_cannot_be_estimated_is_said(world):
    def why_not(profile):
        return Estimator(Binner(profile).layout, 3.0).why_not

    columns = to_columns(world.x[:1000])
    assert "not counted by itself" in why_not(profile_of(columns))
    values = Prediction(np.arange(1000.0))
    assert "of its errors" in why_not(profile_of(columns, Scored(values, Output("regression"))))
    without = Scored(world.says(slice(0, 1000)), world.output)
    assert "how often its answers are right" in why_not(profile_of(columns, without))
    two = Scored(Prediction(np.ones((1000, 2))), Output("regression", width=2))
    assert "one class or one number" in why_not(profile_of(columns, two))
    with pytest.raises(ValueError, match="not counted"):
        Estimator(Binner(profile_of(columns)).layout, 3.0).estimate(0, np.zeros(3, dtype=np.int64))


def test_profiles_of_former_releases_have_no_error_model(world):
    body = world.profile.to_json()
    assert "error_model" not in body
    assert FeatureProfile.from_json(body).error_model is None
