"""`serve-app register` says, is told or asks what a file of XGBoost's does not tell."""

import json
import os
import pty
import sys

import numpy as np
import pandas as pd
import pytest
import xgboost

ROWS = 120
RNG = np.random.default_rng(3)
NUMBERS = pd.DataFrame(RNG.normal(size=(ROWS, 2)), columns=["age", "income"])
STORES = RNG.choice([10, 20, 30, 70], ROWS)
SOLD = (3 * NUMBERS["age"] + STORES % 7).to_numpy()
GAPPY = NUMBERS.assign(age=np.where(np.arange(ROWS) % 4 == 0, -999.0, NUMBERS["age"]))
OF_DATA = ["--data", "train.csv", "--target", "sold"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stored(frame, data, file="model.ubj", **more):
    booster = xgboost.train({"max_depth": 3}, xgboost.DMatrix(frame, SOLD, **more), 4)
    booster.save_model(file)
    data.assign(sold=SOLD).to_csv("train.csv", index=False)
    return booster


def sample_of(serve_app, name="sales"):
    shown = json.loads(serve_app("models", "show", name, "--json").out)
    return shown, shown["sample"]["expected"]["values"]


@pytest.mark.parametrize("file", ["model.ubj", "model.json"])
def test_integers_are_served_as_the_categories_of_the_file(file, folder, serve_app):
    as_read = NUMBERS.assign(store=STORES)[["store", "income", "age"]]
    frame = NUMBERS.assign(store=pd.Categorical(STORES))
    booster = stored(frame, as_read, file, enable_categorical=True)
    said = serve_app("register", "sales", file, *OF_DATA)
    assert "registered sales@1 (regression)" in said.out
    shown, sample = sample_of(serve_app)
    store = shown["signature"]["inputs"][2]
    assert (store["name"], store["categories"]) == ("store", [10, 20, 30, 70])
    wanted = booster.predict(xgboost.DMatrix(frame, enable_categorical=True))[:8]
    np.testing.assert_allclose(sample, wanted, rtol=1e-5)


class TestGaps:
    """A number in the data that looks like a gap."""

    def test_it_is_refused_without_an_answer(self, folder, serve_app):
        stored(GAPPY, GAPPY, missing=-999)
        said = serve_app("register", "sales", "model.ubj", *OF_DATA)
        assert "-999 in column 'age' (25.0% of the rows)" in said.err
        assert "--missing -999" in said.err
        assert "--missing nan" in said.err

    @pytest.mark.parametrize("missing", [-999, float("nan")])
    def test_the_answer_decides(self, missing, folder, serve_app):
        booster = stored(GAPPY, GAPPY, missing=missing)
        said = serve_app("register", "sales", "model.ubj", *OF_DATA, "--missing", str(missing))
        assert f"missing: {'NaN' if np.isnan(missing) else '-999 and NaN'}" in said.out
        _, sample = sample_of(serve_app)
        wanted = booster.predict(xgboost.DMatrix(GAPPY, missing=missing))[:8]
        np.testing.assert_allclose(sample, wanted, rtol=1e-5)

    @pytest.mark.parametrize("answer", ["y", "n"])
    def test_it_is_asked_for_at_a_terminal(self, answer, folder, serve_app, monkeypatch):
        booster = stored(GAPPY, GAPPY, missing=-999)
        ours, theirs = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        with os.fdopen(theirs) as terminal, os.fdopen(ours):
            monkeypatch.setattr(sys, "stdin", terminal)
            said = serve_app("register", "sales", "model.ubj", *OF_DATA)
        assert said.code == 0, said.err
        assert "Was it -999 in training (missing=-999)? [y/n]" in said.err
        _, sample = sample_of(serve_app)
        missing = -999 if answer == "y" else float("nan")
        wanted = booster.predict(xgboost.DMatrix(GAPPY, missing=missing))[:8]
        np.testing.assert_allclose(sample, wanted, rtol=1e-5)


def test_which_iterations_answer_is_said_and_chosen(folder, serve_app):
    rest = xgboost.DMatrix(NUMBERS[80:], SOLD[80:])
    booster = xgboost.train(
        {"learning_rate": 0.6}, xgboost.DMatrix(NUMBERS[:80], SOLD[:80]), 40,
        evals=[(rest, "rest")], early_stopping_rounds=3, verbose_eval=False,
    )  # fmt: skip
    booster.save_model("model.ubj")
    NUMBERS.assign(sold=SOLD).to_csv("train.csv", index=False)
    best, total = booster.best_iteration, booster.num_boosted_rounds()
    rows = xgboost.DMatrix(NUMBERS)
    for choice, words, end in [
        ((), f"iterations: all {total}, as a Booster's predict takes them", 0),
        (("--iterations", "best"), f"iterations: 0 to {best} of {total} (best", best + 1),
        (("--iterations", "2"), f"iterations: 0 to 1 of {total}", 2),
    ]:
        assert words in serve_app("register", "sales", "model.ubj", *OF_DATA, *choice).out
        shown, sample = sample_of(serve_app)
        wanted = booster.predict(rows, iteration_range=(0, end))[:8]
        np.testing.assert_allclose(sample, wanted, rtol=1e-5)
        assert shown["parameters"]["iterations"] in serve_app("models", "show", "sales").out
    for wrong in ("some", "0", "1000"):
        refused = serve_app("register", "sales", "model.ubj", *OF_DATA, "--iterations", wrong)
        assert refused.code != 0


def test_an_offset_is_a_column_of_data_and_requests(folder, serve_app):
    hours = np.log(RNG.uniform(1, 9, ROWS))
    data = xgboost.DMatrix(NUMBERS, np.exp(SOLD / 9), base_margin=hours)
    booster = xgboost.train({"objective": "count:poisson"}, data, 4)
    booster.save_model("model.ubj")
    NUMBERS.assign(sold=SOLD, hours=hours).to_csv("train.csv", index=False)
    said = serve_app("register", "sales", "model.ubj", *OF_DATA)
    assert "'hours', which the model was not trained on" in said.err
    said = serve_app("register", "sales", "model.ubj", *OF_DATA, "--offset", "hours")
    assert "offset: hours" in said.out
    shown, sample = sample_of(serve_app)
    assert [column["name"] for column in shown["signature"]["inputs"]] == ["age", "income", "hours"]
    np.testing.assert_allclose(sample, booster.predict(data)[:8], rtol=1e-5)


def test_a_rankers_file_is_served_as_one(folder, serve_app):
    ranker = xgboost.XGBRanker(n_estimators=3).fit(
        NUMBERS, np.digitize(SOLD, [0, 3]), qid=np.arange(ROWS) // 10
    )
    ranker.save_model("model.json")
    NUMBERS.assign(sold=SOLD).to_csv("train.csv", index=False)
    serve_app("register", "sales", "model.json", *OF_DATA)
    shown, sample = sample_of(serve_app)
    assert shown["parameters"]["estimator"] == "XGBRanker"
    np.testing.assert_allclose(sample, ranker.predict(NUMBERS)[:8], rtol=1e-5)
