"""Metrics are honest: on rows that the model has not seen, beside what knows nothing."""

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from serve_app.models.evaluate import evaluate


def noise(rows=120, columns=500):
    rng = np.random.default_rng(4)
    return pd.DataFrame(rng.normal(size=(rows, columns))).rename(columns=str), rng.integers(
        0, 2, rows
    )


def test_what_memorises_noise_has_learned_nothing():
    frame, target = noise(400, 5)
    found = evaluate(DecisionTreeClassifier(random_state=0), frame, target)
    assert found.cross_validated["roc_auc"] == pytest.approx(0.5, abs=0.1)
    assert found.held_out["roc_auc"] == pytest.approx(0.5, abs=0.15)


def test_a_transformer_that_sees_the_target_is_fitted_on_the_same_parts():
    # Choosing the best of 500 columns of noise on all rows would score far above chance.
    frame, target = noise()
    chain = SelectKBest(k=10).fit(frame, target)
    leaked = evaluate(LogisticRegression(), pd.DataFrame(chain.transform(frame)), target)
    honest = evaluate(LogisticRegression(), frame, target, chain=chain)
    assert leaked.cross_validated["roc_auc"] > 0.75
    assert honest.cross_validated["roc_auc"] < 0.65


def test_errors_are_given_the_right_way_up():
    frame = pd.DataFrame({"x": np.arange(100.0)})
    found = evaluate(LinearRegression(), frame, 2 * frame["x"] + 1)
    assert found.held_out["r2"] == pytest.approx(1.0)
    for error in ("mae", "rmse"):
        assert 0 <= found.held_out[error] < 1e-6 < found.baseline[error]


def test_a_classifier_without_probabilities_is_scored_without_them():
    frame, target = noise(100, 3)
    found = evaluate(LinearSVC(), frame, target)
    assert set(found.held_out) == {"accuracy", "balanced_accuracy"}


def test_the_same_seed_gives_the_same_metrics():
    frame, target = noise(100, 3)
    one, other = (evaluate(LogisticRegression(), frame, target, seed=7) for _ in range(2))
    assert one == other
    assert evaluate(LogisticRegression(), frame, target, seed=8) != one


def test_the_estimator_that_is_given_stays_as_it_is():
    frame, target = noise(100, 3)
    model = LogisticRegression()
    evaluate(model, frame, target)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("name", ["logging_level", "silent", "verbose", None])
def test_boosters_print_nothing_and_leave_no_files_while_they_are_fitted_anew(
    name, capfd, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    loud = {"logging_level": "Info", "silent": False, "verbose": 1}
    cats = catboost.CatBoostClassifier(iterations=2, **({name: loud[name]} if name else {}))
    models = [("c", cats), ("l", lightgbm.LGBMClassifier(n_estimators=2))]
    rng = np.random.default_rng(0)
    rows, target = rng.normal(size=(60, 2)), np.arange(60) % 2
    found = evaluate(VotingClassifier(models, voting="soft"), rows, target, folds=2)
    assert found.cross_validated.keys() >= {"accuracy"}
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    # The model that was given stays as it was.
    assert "allow_writing_files" not in cats.get_params()
