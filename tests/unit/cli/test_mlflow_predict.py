"""`serve-app mlflow models predict`: what people type to MLflow."""

import io
import json
import os
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from serve_app.registry.store import Registry
from tests.unit.models.test_mlflow_directory import DOUBLES, ILL, NUMBERS, sklearn, split

LINE = ("mlflow", "models", "predict")


@pytest.fixture
def here(_registered, tmp_path, monkeypatch):
    """A folder with a registry and 30 rows."""
    for path, content in _registered.items():
        file = tmp_path / "registry" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    frame = pd.DataFrame({"id": range(30), "age": range(30, 60), "dose": [2.0] * 30})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def directory(tmp_path):
    fitted = LogisticRegression().fit(NUMBERS, ILL)
    example = split(NUMBERS.head(5))
    return sklearn(tmp_path / "stored", fitted, inputs=DOUBLES, example=example), fitted


def typed(monkeypatch, content):
    """Somebody types this, or another program does."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize(
    "uri",
    ["models:/logistic/1", "models:/logistic@best", "models:/logistic/latest", "logistic@1"],
)
def test_a_version_of_our_registry_answers_under_mlflows_names(serve_app, here, uri):
    Registry("registry").set_alias("logistic", "best", 1, by="a test", reason="a test")
    said = serve_app(*LINE, "--model-uri", uri, "--input-path", "rows.csv", "-t", "csv")
    assert said.code == 0, said.err
    assert set(json.loads(said.out)["predictions"]) <= {"ill", "well"}
    assert len(json.loads(said.out)["predictions"]) == 30


@pytest.mark.parametrize("how", ["{}", "file://{}"])
def test_a_directory_answers_without_being_registered(serve_app, here, directory, how, monkeypatch):
    path, fitted = directory
    typed(monkeypatch, json.dumps({"dataframe_split": split(NUMBERS)}).encode())
    said = serve_app(*LINE, "-m", how.format(path), "--env-manager", "conda", "--install-mlflow")
    assert json.loads(said.out) == {"predictions": fitted.predict(NUMBERS).tolist()}
    assert Registry("registry").versions("model") == []


def test_the_answer_goes_into_a_file_and_standard_output_says_nothing(serve_app, here):
    line = (*LINE, "-m", "logistic@1", "-i", "rows.csv", "-t", "csv")
    assert serve_app(*line, "-o", "a.json").out == ""
    said = json.loads(serve_app(*line, "-o", "b.json", "--json").out)
    assert said == {"output": "b.json", "predictions": 30, "model": "logistic@1"}
    assert (here / "a.json").read_bytes() == (here / "b.json").read_bytes()
    printed = serve_app(*line, "--json").out
    assert json.loads(printed) == json.loads((here / "a.json").read_bytes())


def test_params_of_the_input_ask_for_probabilities(serve_app, here, directory, monkeypatch):
    path, fitted = directory
    body = {"dataframe_split": split(NUMBERS), "params": {"predict_method": "predict_proba"}}
    typed(monkeypatch, json.dumps(body).encode())
    answer = json.loads(serve_app(*LINE, "-m", path).out)["predictions"]
    assert np.array(answer) == pytest.approx(fitted.predict_proba(NUMBERS), rel=1e-12)


def test_more_rows_than_a_request_may_have_are_answered(serve_app, here):
    frame = pd.DataFrame({"age": [40] * 20_000, "dose": [2.0] * 20_000})
    frame.to_csv("many.csv", index=False)
    said = serve_app(*LINE, "-m", "logistic@1", "-i", "many.csv", "-t", "csv")
    assert len(json.loads(said.out)["predictions"]) == 20_000


def test_what_is_wrong_with_a_row_is_said_and_the_file_stays_as_it_was(serve_app, here):
    (here / "bad.csv").write_text("age,dose\n40,2.0\nold,2.0\n")
    (here / "kept.json").write_text("mine")
    line = (*LINE, "-m", "logistic@1", "-i", "bad.csv", "-t", "csv", "-o", "kept.json")
    said = serve_app(*line)
    assert said.code == 1
    assert "row 1, column 'age'" in said.err
    assert (here / "kept.json").read_text() == "mine"


def test_variables_stand_while_the_model_answers(serve_app, here):
    line = (*LINE, "-m", "logistic@1", "-i", "rows.csv", "-t", "csv")
    assert serve_app(*line, "--env", "SOME_VARIABLE=1").code == 0
    assert "SOME_VARIABLE" not in os.environ
    said = serve_app(*line, "--env", "SOME_VARIABLE")
    assert (said.code, "KEY=VALUE" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-m", "logistic@1", "-r", "x==1"), "install these packages beside serve-app"),
        (("-m", "runs:/4f/model"), "set MLFLOW_TRACKING_URI to its address"),
        (("-m", "models:/m-4f"), "set MLFLOW_TRACKING_URI to its address"),
        (("-m", "s3://bucket/model"), "no file or directory here; copy it here"),
        (("-m", "models:/nobody/1"), "there is no model 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said(serve_app, here, monkeypatch, options, words):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    said = serve_app(*LINE, *options, "-i", "rows.csv", "-t", "csv")
    assert said.code != 0
    assert words in " ".join(said.err.split())


def test_rows_stand_for_an_example_that_a_directory_lacks(serve_app, here, directory, monkeypatch):
    path, fitted = directory
    body = yaml.safe_load((path / "MLmodel").read_text())
    del body["saved_input_example_info"]
    (path / "MLmodel").write_text(yaml.safe_dump(body))
    NUMBERS.to_csv("numbers.csv", index=False)
    line = (*LINE, "-m", path, "-i", "numbers.csv", "-t", "csv")
    said = serve_app(*line)
    assert said.code == 1
    assert "give --data" in said.err
    answer = json.loads(serve_app(*line, "--data", "numbers.csv").out)
    assert answer == {"predictions": fitted.predict(NUMBERS).tolist()}
