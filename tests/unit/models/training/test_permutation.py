"""What a metric loses without a column, beside a closed form and beside scikit-learn's."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.metrics import make_scorer, roc_auc_score

from serve_app.models.training.metrics import METRICS, Predicted
from serve_app.models.training.permutation import MOST_PREDICTIONS, Judged, importances


def line(rows=4000):
    """A linear model of independent columns that is exactly right, and its rows."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(0, 1, rows), "b": rng.normal(0, 2, rows)})
    frame["unused"] = rng.normal(size=rows)
    truth = (3 * frame["a"] + frame["b"]).to_numpy()
    return LinearRegression().fit(frame, truth), frame, truth


def test_the_loss_of_r2_is_twice_the_share_of_the_variance_that_a_column_explains():
    """Gregorutti, Michel and Saint-Pierre, Statistics and Computing 27, 2017, proposition 2."""
    model, frame, truth = line()
    found = importances(model, Judged(frame, truth, 0, METRICS["r2"]), 20, 3)
    assert (found.metric, found.rows, found.repeats) == ("r2", 4000, 20)
    assert [one.column for one in found.losses] == ["a", "b", "unused"]
    losses = {one.column: one.mean for one in found.losses}
    variance = np.var(truth)
    assert losses["a"] == pytest.approx(2 * 9 * np.var(frame["a"]) / variance, rel=0.02)
    assert losses["b"] == pytest.approx(2 * np.var(frame["b"]) / variance, rel=0.02)
    assert losses["unused"] == pytest.approx(0, abs=1e-9)


def test_of_errors_a_loss_is_positive_too():
    model, frame, truth = line(500)
    found = importances(model, Judged(frame, truth, 0, METRICS["rmse"]), 5, 3)
    assert found.losses[0].column == "a"
    # Without it, what is off is the difference of two draws of 3 a.
    assert found.losses[0].mean == pytest.approx(3 * np.sqrt(2) * np.std(frame["a"]), rel=0.05)


def mixed(rows=600):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["x", "y", "z"])
    truth = (frame["x"] + 0.5 * frame["y"] + rng.normal(0, 0.7, rows) > 0).astype(int).to_numpy()
    forest = RandomForestClassifier(30, random_state=0, min_samples_leaf=5)
    return (
        forest.fit(frame[: rows // 2], truth[: rows // 2]),
        frame[rows // 2 :],
        truth[rows // 2 :],
    )


def test_it_is_what_scikit_learn_comes_to_with_other_draws():
    forest, frame, truth = mixed()
    found = importances(forest, Judged(frame, truth, 2, METRICS["roc_auc"]), 100, 3)
    scorer = make_scorer(roc_auc_score, response_method="predict_proba")
    theirs = permutation_importance(
        forest, frame, truth, scoring=scorer, n_repeats=100, random_state=0
    )
    for one in found.losses:
        place = list(frame.columns).index(one.column)
        assert one.mean == pytest.approx(theirs.importances_mean[place], abs=0.02)
        assert one.deviation == pytest.approx(theirs.importances_std[place], abs=0.01)


def test_a_seed_says_what_comes_out_and_rows_are_left_as_they_were():
    forest, frame, truth = mixed()
    before = frame.copy()
    judged = Judged(frame, truth, 2, METRICS["accuracy"])
    first, again = (importances(forest, judged, 3, 7) for _ in range(2))
    assert first == again
    assert first != importances(forest, judged, 3, 8)
    pd.testing.assert_frame_equal(frame, before)


class Counting:
    """Answers with the first column, and remembers how many rows it was asked."""

    def __init__(self):
        self.rows = 0

    def predict(self, frame):
        self.rows += len(frame)
        return frame.iloc[:, 0].to_numpy()


def test_of_many_rows_and_columns_no_more_than_so_many_are_predicted():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(30_000, 12)), columns=[f"x{n}" for n in range(12)])
    model = Counting()
    truth = frame["x0"].to_numpy()
    found = importances(model, Judged(frame, truth, 0, METRICS["rmse"]), 5, 1)
    assert found.rows == MOST_PREDICTIONS // 60
    assert model.rows <= MOST_PREDICTIONS + found.rows
    assert found.losses[0].column == "x0"


def test_words_keep_their_type_where_they_are_shuffled():
    frame = pd.DataFrame(
        {"town": pd.Categorical(["a", "b", "c", "a"] * 20), "flag": [True, False] * 40}
    )

    class Typed:
        def predict(self, given):
            assert dict(given.dtypes) == dict(frame.dtypes)
            return given["town"].cat.codes.to_numpy(dtype=float)

    truth = frame["town"].cat.codes.to_numpy(dtype=float)
    found = importances(Typed(), Judged(frame, truth, 0, METRICS["mae"]), 2, 1)
    assert found.losses[0].column == "town"
    assert found.losses[0].mean > 0
    assert found.losses[1].mean == 0


def test_where_the_metric_says_nothing_nothing_is_said():
    frame = pd.DataFrame({"x": np.arange(50.0)})
    nothing = Judged(frame, np.ones(50), 0, METRICS["r2"])
    assert not np.isfinite(METRICS["r2"].compute(np.ones(50), Predicted(np.ones(50))))
    assert importances(Counting(), nothing, 5, 1) is None
    judged = Judged(frame, frame["x"].to_numpy(), 0, METRICS["mae"])
    assert importances(Counting(), judged, 0, 1) is None
