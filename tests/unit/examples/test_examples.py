"""The examples are real data, and their models have learned something from it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, log_loss

from serve_app.examples.datasets import breast_cancer, diabetes, wine
from serve_app.registry.store import Registry


@pytest.mark.parametrize(
    ("load", "rows", "columns", "labels"),
    [
        (breast_cancer, 569, 30, ("benign", "malignant")),
        (diabetes, 442, 10, ()),
        (wine, 178, 13, ("cultivar_1", "cultivar_2", "cultivar_3")),
    ],
)
def test_a_dataset_is_whole_and_its_columns_have_plain_names(load, rows, columns, labels):
    data = load()
    assert data.frame.shape == (rows, columns)
    assert len(data.target) == rows
    assert data.labels == labels
    assert all(name.isidentifier() and name == name.lower() for name in data.frame.columns)
    assert not data.frame.isna().any().any()


def test_the_malignant_are_those_with_large_nuclei():
    data = breast_cancer()
    named = data.named_target
    assert (named == "malignant").sum() == 212
    radius = data.frame["mean_radius"]
    assert radius[named == "malignant"].mean() > 1.3 * radius[named == "benign"].mean()


@pytest.mark.parametrize("load", [breast_cancer, diabetes, wine])
def test_a_quarter_is_held_out_and_no_row_is_in_both_parts(load):
    data = load()
    fitted_on, held_out = data.parts()
    assert len(held_out.target) == -(-len(data.target) // 4)
    places = [*fitted_on.frame.index, *held_out.frame.index]
    assert sorted(places) == list(data.frame.index)
    assert np.array_equal(data.target[held_out.frame.index], held_out.target)


def test_what_a_manifest_says_of_held_out_rows_is_true_of_the_model_that_is_served(candidates):
    _, held_out = breast_cancer().parts()
    rows = candidates["diagnosis-features"].estimator.transform(held_out.frame)
    for name in ("diagnosis-forest", "diagnosis-logistic", "diagnosis-xgb"):
        predicted = candidates[name].estimator.predict(rows)
        truth = held_out.target if name == "diagnosis-xgb" else held_out.named_target
        stated = candidates[name].evaluation.held_out["accuracy"]
        assert accuracy_score(truth, predicted) == pytest.approx(stated)


def test_a_model_of_other_units_evaluates_well_and_is_wrong_about_rows_as_they_come(candidates):
    _, held_out = breast_cancer().parts()
    candidate = candidates["diagnosis-millimetres"]
    assert candidate.evaluation.held_out["accuracy"] > 0.93
    rows = candidates["diagnosis-features"].estimator.transform(held_out.frame)
    assert set(candidate.estimator.predict(rows)) == {"benign"}
    assert accuracy_score(held_out.named_target, candidate.estimator.predict(rows)) < 0.65


def test_the_meta_model_of_a_stack_is_as_right_as_its_best_member_of_rows_that_none_has_seen(
    candidates,
):
    _, held_out = breast_cancer().parts()
    rows = candidates["diagnosis-features"].estimator.transform(held_out.frame)
    stacker = candidates["diagnosis-stacker"]
    members = ("diagnosis-xgb", "diagnosis-forest", "diagnosis-logistic")
    assert list(stacker.frame.columns) == [f"{name}@1:malignant" for name in members]
    said = np.column_stack(
        [candidates[name].estimator.predict_proba(rows)[:, 1] for name in members]
    )
    truth = held_out.named_target == "malignant"
    stacked = stacker.estimator.predict_proba(pd.DataFrame(said, columns=stacker.frame.columns))
    losses = [log_loss(truth, one) for one in said.T]
    assert log_loss(truth, stacked[:, 1]) < 1.2 * min(losses)
    assert len(stacker.frame) == len(breast_cancer().target) - len(truth)


@pytest.mark.parametrize(
    "name", ["diagnosis-xgb", "diagnosis-forest", "diagnosis-logistic", "cultivar-forest"]
)
def test_a_classifier_beats_its_baseline_by_far(candidates, name):
    evaluation = candidates[name].evaluation
    for scores, baseline in (
        (evaluation.cross_validated, evaluation.baseline_cross_validated),
        (evaluation.held_out, evaluation.baseline),
    ):
        assert scores["roc_auc"] > 0.97
        assert baseline["roc_auc"] == pytest.approx(0.5)
        assert scores["accuracy"] > baseline["accuracy"] + 0.25
        assert scores["log_loss"] < baseline["log_loss"] * 0.6


def test_the_regression_beats_its_baseline(candidates):
    evaluation = candidates["progression-xgb"].evaluation
    assert evaluation.cross_validated["r2"] > 0.3
    assert evaluation.baseline_cross_validated["r2"] < 0.05


def test_the_transformer_gives_what_the_classifiers_take(trained_home):
    store = Registry(str(trained_home / "registry"))
    given = [c.name for c in store.manifest("diagnosis-features", 1).signature.output.columns]
    assert len(given) == 15
    for name in ("diagnosis-xgb", "diagnosis-forest", "diagnosis-logistic"):
        signature = store.manifest(name, 1).signature
        assert list(signature.names) == given
        assert signature.output.labels == ("benign", "malignant")


def test_training_twice_gives_the_same_model(candidates):
    from serve_app.examples.trained import EXAMPLES

    again = EXAMPLES["cultivar"]["cultivar-forest"]()
    frame = wine().frame
    first = candidates["cultivar-forest"].estimator.predict_proba(frame)
    assert np.array_equal(again.estimator.predict_proba(frame), first)
