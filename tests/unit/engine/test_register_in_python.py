"""Registering from Python does what the command line does, and prints short."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import InvalidInput
from serve_app.registry.store import Registry
from tests.unit.engine.repositories import committed


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty registry, away from any repository."""
    monkeypatch.chdir(tmp_path)
    return Registry("./registry")


@pytest.fixture
def rows():
    """Features of 200 customers."""
    rng = np.random.default_rng(0)
    return pd.DataFrame({"age": rng.integers(18, 90, 200), "visits": rng.normal(5, 2, 200)})


@pytest.fixture
def churned(rows):
    """Who left."""
    return (rows["visits"] + rows["age"] / 30 < 6).astype(int)


def test_with_truth_it_is_evaluated_as_scikit_learn_does(store, rows, churned):
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, churned)
    manifest = register(store, Candidate("churn", pipeline, rows, truth=churned))
    parts = train_test_split(rows, churned, test_size=0.25, random_state=0, stratify=churned)
    anew = make_pipeline(StandardScaler(), LogisticRegression()).fit(parts[0], parts[2])
    expected = accuracy_score(parts[3], anew.predict(parts[1]))
    assert manifest.metrics.held_out["accuracy"] == expected
    assert str(manifest) == f"churn@1 classification, {expected:.2f} accuracy, compiled"
    assert repr(manifest) == str(manifest)


def test_a_frame_that_holds_the_target_is_taken_apart(store, rows, churned):
    pipeline = LogisticRegression().fit(rows, churned)
    frame = rows.assign(churned=churned)
    manifest = register(store, Candidate("churn", pipeline, frame, target="churned"))
    assert manifest.signature.names == ("age", "visits")
    assert manifest.training.target == "churned"
    assert manifest.metrics.held_out["accuracy"] > 0.5


def test_several_targets_are_taken_apart(store, rows, churned):
    truth = pd.DataFrame({"churned": churned, "old": (rows["age"] > 50).astype(int)})
    model = MultiOutputClassifier(LogisticRegression()).fit(rows, truth)
    frame = pd.concat([rows, truth], axis=1)
    manifest = register(store, Candidate("both", model, frame, target="churned, old"))
    assert [target.name for target in manifest.signature.output.targets] == ["churned", "old"]


def test_a_target_in_words_alone_changes_nothing(store, rows, churned):
    model = LogisticRegression().fit(rows, churned)
    manifest = register(store, Candidate("churn", model, rows, target="who left"))
    assert (manifest.training.target, manifest.metrics) == ("who left", None)
    assert str(manifest) == "churn@1 classification, compiled"


def test_evaluating_can_be_left_out_and_what_was_evaluated_before_stays(store, rows, churned):
    model = LogisticRegression().fit(rows, churned)
    candidate = Candidate("churn", model, rows, truth=churned, evaluate=False)
    assert register(store, candidate).metrics is None


def test_what_cannot_be_fitted_anew_is_registered_with_a_warning(store, rows):
    once = (rows.index == 0).astype(int)
    model = LogisticRegression().fit(rows, once)
    manifest = register(store, Candidate("rare", model, rows, truth=once))
    assert manifest.metrics is None
    assert "; warning: not evaluated:" in str(manifest)


def test_a_regression_says_its_r2(store, rows):
    worth = rows["age"] * 2.0 + rows["visits"]
    manifest = register(
        store, Candidate("worth", LinearRegression().fit(rows, worth), rows, truth=worth)
    )
    assert str(manifest).startswith("worth@1 regression, 1.00 r2, ")


OWN = """
def twice(rows):
    return rows * 2
"""


@pytest.mark.parametrize("trust", ["own_steps.twice", ["own_steps.twice"], ("own_steps.*",)])
def test_types_that_are_trusted_are_stored(store, rows, churned, tmp_path, monkeypatch, trust):
    (tmp_path / "own_steps.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_steps", raising=False)
    import own_steps

    pipeline = make_pipeline(FunctionTransformer(own_steps.twice), LogisticRegression())
    candidate = Candidate("churn", pipeline.fit(rows, churned), rows)
    with pytest.raises(InvalidInput, match=r"trust=\['own_steps\.twice'\]"):
        register(store, candidate)
    assert register(store, candidate, trust=trust).trusted_types == ("own_steps.twice",)


def test_rows_that_are_no_frame_are_refused_in_words(store, rows, churned):
    model = LogisticRegression().fit(rows.to_numpy(), churned)
    with pytest.raises(InvalidInput, match="the rows are a ndarray; give a pandas DataFrame"):
        register(store, Candidate("churn", model, rows.to_numpy()))


def test_a_named_series_of_texts_is_a_frame_of_one_column(store):
    texts = pd.Series(["good day", "bad day", "good night", "bad night"] * 5, name="review")
    pleased = [word.startswith("good") for word in texts]
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, pleased)
    manifest = register(store, Candidate("mood", pipeline, texts, truth=pleased))
    assert [column.name for column in manifest.signature.inputs] == ["review"]
    with pytest.raises(InvalidInput, match="the rows are a Series; give a pandas DataFrame"):
        register(store, Candidate("mood", pipeline, texts.rename(None)))


def test_the_commit_is_that_of_the_project_or_of_the_working_directory(
    store, rows, churned, tmp_path, monkeypatch
):
    model = LogisticRegression().fit(rows, churned)
    assert register(store, Candidate("churn", model, rows)).git_commit is None
    here, there = committed(tmp_path / "here"), committed(tmp_path / "there")
    monkeypatch.chdir(tmp_path / "here")
    assert register(store, Candidate("churn", model, rows)).git_commit == here
    candidate = Candidate("churn", model, rows, project=tmp_path / "there")
    assert register(store, candidate).git_commit == there
    candidate = Candidate("churn", model, rows, project=tmp_path)
    assert register(store, candidate).git_commit == here
