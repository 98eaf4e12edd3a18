"""Estimators of `auto` take the columns as they are, and draw from the seed alone."""

import numpy as np
import pandas as pd
import pytest

from serve_app.config.pipeline_search import AUTO, Dimension
from serve_app.errors import InvalidInput
from serve_app.models.training.estimators import SPACES, Recipe, built
from serve_app.models.training.metrics import METRICS
from serve_app.models.training.trial import FoldData, fitted, predictions, scored

ROWS = 120


def mixed(rows=ROWS):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "age": rng.normal(50, 10, rows),
            "visits": rng.integers(0, 9, rows),
            "town": rng.choice(["north", "south", "west"], rows),
            "member": rng.random(rows) < 0.5,
        }
    )
    target = (frame["age"] + 20 * (frame["town"] == "west") > 55).to_numpy().astype(int)
    frame.loc[3:9, "age"] = np.nan
    frame.loc[10:14, "town"] = None
    return frame, target


def data(frame, target, classes, metric):
    half = ROWS // 2
    folds = ((np.arange(half), np.arange(half, ROWS)), (np.arange(half, ROWS), np.arange(half)))
    return FoldData(frame, target, classes, folds, METRICS[metric], 7)


@pytest.mark.parametrize("name", AUTO)
@pytest.mark.parametrize("kind", ["mixed", "numbers"])
def test_each_learns_classes_from_columns_of_any_type(name, kind):
    frame, target = mixed()
    frame = frame if kind == "mixed" else frame[["age", "visits"]]
    folds = data(frame, target, 2, "roc_auc")
    first = scored(Recipe(name, name), {}, folds)
    assert min(first.by_fold) > 0.7
    assert scored(Recipe(name, name), {}, folds).by_fold == first.by_fold


@pytest.mark.parametrize("name", AUTO)
@pytest.mark.filterwarnings("error")
def test_a_column_that_is_empty_in_all_rows_or_in_a_fold_changes_nothing(name):
    frame, target = mixed()
    empty = frame.assign(never=np.nan, later=np.where(np.arange(ROWS) < ROWS // 2, np.nan, 1.0))
    assert min(scored(Recipe(name, name), {}, data(empty, target, 2, "roc_auc")).by_fold) > 0.7


@pytest.mark.parametrize("name", AUTO)
def test_each_learns_numbers_better_than_their_mean(name):
    frame, _ = mixed()
    target = frame["visits"].to_numpy() * 3.0 + (frame["town"] == "west")
    assert min(scored(Recipe(name, name), {}, data(frame, target, 0, "r2")).by_fold) > 0.5


@pytest.mark.parametrize("name", AUTO)
@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("end", [0, 1])
def test_every_bound_of_every_space_can_be_set(name, task, end):
    frame, _ = mixed()
    ranges = {key: Dimension.model_validate(one) for key, one in SPACES[name][task].items()}
    bounds = {key: (one.int_ or one.float_)[end] for key, one in ranges.items()}
    classes = 2 if task == "classification" else 0
    estimator = built(Recipe(name, name), frame, bounds, classes=classes, seed=1)
    set_ = estimator.get_params()
    assert all(set_[f"model__{key}"] == value for key, value in bounds.items())


def test_dates_are_refused_with_what_to_do():
    frame = pd.DataFrame({"when": pd.date_range("2026-01-01", periods=4)})
    with pytest.raises(InvalidInput, match=r"column 'when' holds dates.*data\.drop"):
        built(Recipe("linear", "linear"), frame, {}, classes=0, seed=0)


def test_an_unknown_parameter_is_named():
    frame, _ = mixed()
    with pytest.raises(InvalidInput, match="'forest' has no parameter 'model__depth'"):
        built(Recipe("forest", "forest"), frame, {"depth": 3}, classes=2, seed=0)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("nowhere_at_all:build", "ModuleNotFoundError"),
        ("math:sqrt", "TypeError"),
        ("builtins:dict", "gives a dict"),
    ],
)
def test_what_gives_no_estimator_is_refused(source, reason):
    frame, _ = mixed()
    with pytest.raises(InvalidInput, match=reason):
        built(Recipe("own", source), frame, {}, classes=2, seed=0)


def test_an_imported_class_is_seeded_and_computes_with_one_thread():
    frame, _ = mixed()
    recipe = Recipe("own", "sklearn.ensemble:RandomForestClassifier", {"n_estimators": 3})
    parameters = built(recipe, frame, {"max_depth": 2}, classes=2, seed=11).get_params()
    assert [parameters[name] for name in ("random_state", "n_jobs")] == [11, None]
    assert [parameters[name] for name in ("n_estimators", "max_depth")] == [3, 2]


@pytest.mark.parametrize("fixed", [{"n_jobs": 4}, {"n_jobs": -1}])
def test_no_estimator_takes_more_than_one_thread(fixed):
    frame, _ = mixed()
    recipe = Recipe("own", "sklearn.ensemble:RandomForestClassifier", fixed)
    assert built(recipe, frame, {}, classes=2, seed=1).n_jobs == 1
    boosted = built(Recipe("xgboost", "xgboost"), frame, {}, classes=2, seed=1)
    assert boosted.get_params()["model__n_jobs"] == 1


def test_a_class_that_a_fold_lacks_has_the_share_0():
    frame, target = mixed()
    folds = data(frame, target, 3, "log_loss")
    estimator = fitted(Recipe("boosting", "boosting"), {}, folds, np.arange(ROWS))
    shares = predictions(estimator, frame, 3).shares
    assert shares.shape == (ROWS, 3)
    assert np.all(shares[:, 2] == 0)
    assert shares.sum(axis=1) == pytest.approx(1)
