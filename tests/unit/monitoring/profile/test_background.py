"""Rows made of a profile are like those that it was made of."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.columns import Columns
from serve_app.core.signature import Column
from serve_app.models.frames import describe, to_columns
from serve_app.monitoring.profile.background import background_rows
from serve_app.monitoring.profile.build import profile_of


def made(frame, rows=256):
    columns = to_columns(frame)
    return background_rows(profile_of(columns, None, None), describe(frame), rows)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["normal", "lognormal", "exponential"]))
def test_numbers_have_the_mean_and_the_bounds_of_training(seed, kind):
    values = getattr(np.random.default_rng(seed), kind)(size=700)
    back = made(pd.DataFrame({"x": values}))["x"]
    assert back.mean() == pytest.approx(values.mean(), rel=1e-9, abs=1e-9)
    assert values.min() <= back.min() <= back.max() <= values.max()
    # The quartiles of 256 rows in 32 bins, against those of training.
    wanted = np.quantile(values, [0.25, 0.5, 0.75])
    assert np.quantile(back, [0.25, 0.5, 0.75]) == pytest.approx(wanted, abs=0.3)


def test_whole_numbers_truths_names_and_gaps_keep_their_kinds_and_shares():
    draw = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "age": draw.integers(18, 90, 1000),
            "visits": draw.poisson(1.0, 1000),
            "smoker": draw.random(1000) < 0.25,
            "town": draw.choice(["Köln", "Bonn", "a town with a name of more than forty letters"],
                                1000, p=[0.5, 0.25, 0.25]),
            "since": pd.to_datetime("2024-01-01") + pd.to_timedelta(draw.integers(0, 300, 1000),
                                                                    "D"),
        }
    )  # fmt: skip
    frame["dose"] = np.where(draw.random(1000) < 0.5, np.nan, draw.normal(2, 1, 1000))
    back = made(frame)
    assert back["age"].dtype == np.int64
    assert back["age"].mean() == pytest.approx(frame["age"].mean(), abs=0.01)
    assert back["visits"].mean() == pytest.approx(frame["visits"].mean(), abs=0.05)
    assert back["smoker"].dtype == bool
    assert back["smoker"].mean() == pytest.approx(frame["smoker"].mean(), abs=1 / 256)
    assert set(back["town"]) == set(frame["town"])
    assert np.mean(back["town"] == "Köln") == pytest.approx(
        np.mean(frame["town"] == "Köln"), abs=1 / 256
    )
    assert frame["since"].min() <= back["since"].min()
    assert back["since"].max() <= frame["since"].max()
    assert np.isnan(back["dose"]).mean() == pytest.approx(frame["dose"].isna().mean(), abs=1 / 256)


def test_truths_with_gaps_are_objects():
    frame = pd.DataFrame({"x": pd.array([True, None, False, True] * 50, dtype="boolean")})
    assert set(made(frame)["x"].tolist()) == {True, False, None}


def test_every_process_makes_the_same_rows_and_columns_are_mixed():
    draw = np.random.default_rng(2)
    frame = pd.DataFrame({"x": draw.normal(size=500), "y": draw.normal(size=500)})
    one, again = made(frame, 64), made(frame, 64)
    assert one == again
    assert abs(np.corrcoef(one["x"], one["y"])[0, 1]) < 0.4


def test_columns_that_the_profile_has_not_are_those_of_the_sample():
    sample = Columns.of({"text": np.array(["one", "two", "three"], dtype=object)})
    inputs = (Column("text", "string"),)
    assert background_rows(None, inputs, 4, sample)["text"].tolist() == [
        "one",
        "two",
        "three",
        "one",
    ]
    assert background_rows(None, inputs, 4) is None
