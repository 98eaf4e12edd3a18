"""The model of errors learns from the cells that gateways count."""

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output
from serve_app.models.window_metrics import metrics_of
from serve_app.monitoring.binning import Binner
from serve_app.monitoring.profile.build import Scored, profile_of
from serve_app.monitoring.profile.error_model import MAX_FEATURES, places


def of(columns, truth, values):
    rows = Columns.of(columns)
    output = Output("regression")
    scored = Scored(Prediction(values), output, "held_out", truth, metrics_of(output), rows)
    return profile_of(rows, scored)


@pytest.mark.parametrize(
    "array",
    [
        np.array([1.0, np.nan, np.inf, -np.inf, 1e9, -1e9] * 30 + list(range(300))),
        np.array([1, 2, 3, 3] * 50),
        np.array(["a", "b", None, "c", 5] * 40, dtype=object),
        np.array([True, False, False] * 50),
    ],
    ids=["numbers", "values", "categories", "truths"],
)  # fmt: skip
def test_each_row_is_in_the_place_where_it_is_counted(array):
    profile = profile_of(Columns.of({"x": array[: len(array) // 2]}))
    (feature,) = profile.features
    counted = Binner(profile).count(Columns.of({"x": array})).vector[2:]
    assert np.bincount(places(feature, array), minlength=feature.size).tolist() == counted.tolist()


def test_of_many_features_those_are_chosen_that_say_most_of_the_error():
    rng = np.random.default_rng(1)
    columns = {f"x{number}": rng.normal(size=2_000) for number in range(60)}
    truth = rng.normal(size=2_000) * np.exp(columns["x57"])
    model = of(columns, truth, np.zeros(2_000)).error_model
    assert len(model.absolute.effects) == MAX_FEATURES + 1
    assert "x57" in model.absolute.effects
    widest = max(model.absolute.effects, key=lambda name: np.ptp(model.absolute.effects[name]))
    assert widest == "x57"


def test_few_rows_or_no_numbers_make_none():
    rng = np.random.default_rng(1)
    few = {"x": rng.normal(size=99)}
    assert of(few, few["x"], few["x"]).error_model is None
    rows = Columns.of({"x": rng.normal(size=500)})
    output = Output("regression")
    prediction = Prediction(np.ones(500))
    without = Scored(prediction, output, "held_out", np.ones(500), metrics_of(output))
    assert profile_of(rows, without).error_model is None
