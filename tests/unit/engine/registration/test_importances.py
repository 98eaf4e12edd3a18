"""Versions that are explained exactly and quickly have the importances of their features."""

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBRegressor

from serve_app.engine.load import profile_of
from serve_app.engine.registration.coarser import Coarser
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry

RNG = np.random.default_rng(3)
ROWS = 400
FRAME = pd.DataFrame({"age": RNG.normal(50, 10, ROWS), "dose": RNG.normal(0, 1, ROWS)})
WANTED = 2 * FRAME["age"] - 7 * FRAME["dose"]


@pytest.fixture
def registry(tmp_path):
    return Registry(str(tmp_path))


def importances(registry, estimator, **options):
    register(registry, Candidate("spend", estimator, FRAME), **options)
    return profile_of(registry, "spend", 1).importances


@pytest.mark.parametrize("compiling", ["never", "auto"])
def test_a_line_adds_its_slope_times_the_distance_from_the_mean(registry, compiling):
    line = make_pipeline(StandardScaler(), LinearRegression()).fit(FRAME, WANTED)
    known = importances(registry, line, compile=compiling)
    assert (known.method, known.importances.rows) == ("linear", ROWS)
    away = (FRAME - FRAME.mean()).abs().mean()
    expected = {"age": 2 * away["age"], "dose": 7 * away["dose"]}
    # Means are those of rows that are made of the profile.
    assert known.importances.by_feature == pytest.approx(expected, rel=0.02)


def test_boosted_trees_add_what_their_library_says(registry):
    trees = XGBRegressor(n_estimators=20, max_depth=3).fit(FRAME, WANTED)
    known = importances(registry, trees)
    matrix = xgboost.DMatrix(FRAME)
    parts = trees.get_booster().predict(matrix, pred_contribs=True)[:, :-1]
    expected = dict(zip(FRAME, np.abs(parts).mean(axis=0).tolist(), strict=True))
    assert known.method == "tree_shap"
    assert known.importances.by_feature == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", [RandomForestRegressor, KNeighborsRegressor])
def test_what_takes_long_to_explain_has_none(registry, kind):
    assert importances(registry, kind().fit(FRAME, WANTED)) is None


def test_a_version_whose_own_form_is_not_kept_has_none(registry):
    wide = pd.DataFrame(RNG.normal(size=(ROWS, 60)), columns=[f"x{place}" for place in range(60)])
    line = LinearRegression().fit(wide, wide["x0"])
    wish = Coarser("float16", wide, wide["x0"].to_numpy(), tolerance=0.5)
    register(registry, Candidate("wide", line, wide), coarser=wish)
    assert profile_of(registry, "wide", 1).importances is None
