"""Every version that came with data has a profile: of its columns and of what it says of them."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

from serve_app.engine.load import profile_of
from serve_app.engine.registration.register import Candidate, ProfileRows, register
from serve_app.errors import ArtifactRejected, InvalidInput
from serve_app.models.frames import to_columns
from serve_app.monitoring.binning import Binner
from serve_app.registry.store import Registry

ROWS = 400
RNG = np.random.default_rng(7)
FRAME = pd.DataFrame(
    {
        "age": RNG.integers(18, 80, ROWS),
        "income": RNG.normal(2000, 500, ROWS),
        "city": RNG.choice(["Rome", "Oslo", "Bern"], ROWS),
    }
)
LEAVES = np.where(FRAME["age"] + RNG.normal(0, 15, ROWS) > 50, "leaves", "stays")
TARGET = pd.Series((LEAVES == "stays").astype(int))


@pytest.fixture
def registry(tmp_path):
    return Registry(str(tmp_path))


def forest():
    words = ColumnTransformer([("city", OneHotEncoder(), ["city"])], remainder="passthrough")
    return make_pipeline(words, RandomForestClassifier(20, random_state=0))


def test_predictions_are_those_of_rows_that_the_model_had_not_seen(registry):
    fitted = forest().fit(FRAME, LEAVES)
    manifest = register(registry, Candidate("churn", fitted, FRAME, truth=LEAVES, source="a.csv"))
    profile = profile_of(registry, "churn", 1)
    assert [(one.name, one.kind) for one in profile.features] == [
        ("age", "numbers"),
        ("income", "numbers"),
        ("city", "categories"),
    ]
    assert (profile.rows, profile.scored_rows, profile.scores_from) == (ROWS, ROWS // 4, "held_out")
    # The evaluation's own accuracy on the same rows.
    assert profile.metrics["accuracy"] == pytest.approx(manifest.metrics.held_out["accuracy"])
    assert profile.metrics["roc_auc"] == pytest.approx(manifest.metrics.held_out["roc_auc"])
    assert profile.metrics["log_loss"] == pytest.approx(manifest.metrics.held_out["log_loss"])
    assert [one.rows for one in profile.baselines] == [100]
    assert [one.score for one in profile.calibrations] == ["score:stays"]
    said = manifest.profile
    assert (said.rows, said.features, said.scores_from) == (ROWS, 3, "held_out")
    assert said.source == "a.csv"
    assert "profile.json" in {file.path for file in manifest.files}


def test_the_profile_counts_rows_as_a_gateway_does(registry):
    register(registry, Candidate("churn", forest().fit(FRAME, LEAVES), FRAME), compile="never")
    profile = profile_of(registry, "churn", 1)
    binner = Binner(profile)
    counted = binner.count(to_columns(FRAME))
    for name in FRAME:
        own = binner.layout.reference().feature(name).counts
        assert counted.feature(name).counts.tolist() == own.tolist()


def test_without_a_truth_the_predictions_are_of_the_training_rows(registry):
    register(registry, Candidate("churn", forest().fit(FRAME, LEAVES), FRAME), compile="never")
    profile = profile_of(registry, "churn", 1)
    assert (profile.scores_from, profile.scored_rows) == ("training", ROWS)
    assert (profile.calibrations, profile.baselines, dict(profile.metrics)) == ((), (), {})


def test_names_of_numbered_classes_are_those_of_the_labels(registry):
    fitted = XGBClassifier(n_estimators=5).fit(FRAME[["age", "income"]], TARGET)
    candidate = Candidate(
        "churn", fitted, FRAME[["age", "income"]], labels=("leaves", "stays"), truth=TARGET
    )
    register(registry, candidate)
    profile = profile_of(registry, "churn", 1)
    classes, score = profile.predictions
    assert set(classes.feature.categories) == {"leaves", "stays"}
    assert (score.label, profile.scores_from) == ("stays", "held_out")
    assert profile.metrics["accuracy"] > 0.6
    unseen = Candidate(
        "fixed",
        fitted,
        FRAME[["age", "income"]],
        labels=("leaves", "stays"),
        truth=TARGET,
        evaluate=False,
    )
    register(registry, unseen)
    trained = profile_of(registry, "fixed", 1)
    assert trained.scores_from == "training"
    assert trained.metrics["accuracy"] == pytest.approx(
        float(np.mean(fitted.predict(FRAME[["age", "income"]]) == TARGET))
    )


def test_a_regressor_has_its_errors_and_quantiles(registry):
    numbers = FRAME[["age", "income"]]
    wanted = numbers["age"] * 2 + RNG.normal(size=ROWS)
    fitted = LinearRegression().fit(numbers, wanted)
    manifest = register(registry, Candidate("spend", fitted, numbers, truth=wanted))
    profile = profile_of(registry, "spend", 1)
    assert profile.predictions[0].feature.name == "value"
    assert profile.metrics == pytest.approx(manifest.metrics.held_out)
    assert 0 < profile.baselines[0].deviation["rmse"] < 1


def test_other_rows_can_make_the_profile(registry):
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(
        FRAME[["age", "income"]], LEAVES
    )
    later = pd.DataFrame({"more": 1, "income": [1.0, 2.0, 3.0] * 50, "age": [30, 40, 50] * 50})
    candidate = Candidate(
        "churn",
        fitted,
        FRAME[["age", "income"]],
        truth=LEAVES,
        profile_rows=ProfileRows(later, np.array(["leaves", "stays"] * 75), "later.csv"),
    )
    manifest = register(registry, candidate)
    profile = profile_of(registry, "churn", 1)
    assert [one.name for one in profile.features] == ["age", "income"]
    assert (profile.rows, profile.source, profile.scores_from) == (150, "later.csv", "profile_data")
    assert profile.features[0].values == (30.0, 40.0, 50.0)
    predicted = fitted.predict(later[["age", "income"]])
    expected = np.mean(predicted == np.array(["leaves", "stays"] * 75))
    assert profile.metrics["accuracy"] == pytest.approx(expected)
    assert manifest.profile.scores_from == "profile_data"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (pd.DataFrame({"age": [1]}), "lacks the column 'income'; it has age"),
        (pd.DataFrame({"age": [], "income": []}), "has no rows"),
    ],
)
def test_rows_that_make_no_profile_are_refused(registry, rows, words):
    fitted = LogisticRegression().fit(FRAME[["age", "income"]], LEAVES)
    candidate = Candidate("churn", fitted, FRAME[["age", "income"]], profile_rows=ProfileRows(rows))
    with pytest.raises(InvalidInput, match=words):
        register(registry, candidate)
    assert registry.versions("churn") == []


def test_a_model_that_came_without_data_has_none(registry):
    fitted = LogisticRegression().fit(FRAME[["age", "income"]], LEAVES)
    candidate = Candidate("churn", fitted, FRAME[["age", "income"]].head(3), example=True)
    manifest = register(registry, candidate)
    assert manifest.profile is None
    assert profile_of(registry, "churn", 1) is None


def test_a_transformer_has_a_profile_of_what_it_takes(registry):
    fitted = StandardScaler().fit(FRAME[["age", "income"]])
    register(registry, Candidate("scaled", fitted, FRAME[["age", "income"]]))
    profile = profile_of(registry, "scaled", 1)
    assert (len(profile.features), profile.predictions) == (2, ())


def test_a_profile_that_was_changed_or_is_of_a_later_kind_is_not_read(registry, tmp_path):
    fitted = LogisticRegression().fit(FRAME[["age", "income"]], LEAVES)
    register(registry, Candidate("churn", fitted, FRAME[["age", "income"]]))
    first = registry.read("churn", 1)
    body = json.loads(first.files["profile.json"]) | {"schema": 2}
    files = {**first.files, "profile.json": json.dumps(body).encode()}
    registry.register(first.manifest, files)
    with pytest.raises(ArtifactRejected, match="schema 2"):
        profile_of(registry, "churn", 2)
    (tmp_path / "churn" / "1" / "profile.json").write_bytes(b"{}")
    with pytest.raises(ArtifactRejected, match=r"profile\.json"):
        profile_of(registry, "churn", 1)


@pytest.mark.parametrize(
    ("truth", "words"),
    [([1.0, None] * 50, "has gaps"), (["a", "b"] * 50, "no number")],
)
def test_a_truth_that_says_nothing_is_left_out_with_a_warning(registry, truth, words):
    numbers = FRAME[["age", "income"]]
    fitted = LinearRegression().fit(numbers, numbers["age"])
    rows = ProfileRows(numbers.head(100), pd.Series(truth))
    manifest = register(registry, Candidate("spend", fitted, numbers, profile_rows=rows))
    assert any(words in warning for warning in manifest.warnings)
    profile = profile_of(registry, "spend", 1)
    assert (dict(profile.metrics), profile.scored_rows) == ({}, 100)


def test_a_truth_in_a_frame_of_one_column_is_that_column(registry):
    numbers = FRAME[["age", "income"]]
    fitted = LinearRegression().fit(numbers, numbers["age"])
    rows = ProfileRows(numbers.head(100), numbers[["age"]].head(100))
    register(registry, Candidate("spend", fitted, numbers, profile_rows=rows))
    assert profile_of(registry, "spend", 1).metrics["rmse"] == pytest.approx(0, abs=1e-6)
