"""Names that estimators know decide which column is which."""

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from serve_app.errors import InvalidInput
from serve_app.models.feature_names import bound, known_names, knows_names

RNG = np.random.default_rng(4)
FRAME = pd.DataFrame(RNG.normal(size=(60, 3)), columns=["age", "income", "debt"])
VALUE = FRAME["age"] * 3 - FRAME["debt"]
OTHER = FRAME[["debt", "income", "age"]]


def booster(frame):
    return xgboost.train({}, xgboost.DMatrix(frame, VALUE), 3)


def log(rows):
    return np.abs(rows)


NAMED = {
    "booster": booster(FRAME),
    "wrapper": xgboost.XGBRegressor(n_estimators=3).fit(FRAME, VALUE),
    "forest": RandomForestClassifier(3).fit(FRAME, VALUE > 0),
    "pipeline": make_pipeline(StandardScaler(), LinearRegression()).fit(FRAME, VALUE),
    "search": GridSearchCV(LinearRegression(), {"positive": [False]}, cv=2).fit(FRAME, VALUE),
    "pipeline of a wrapper": make_pipeline(
        FunctionTransformer(), xgboost.XGBRegressor(n_estimators=3)
    ).fit(FRAME, VALUE),
}
NAMELESS = {
    "booster": booster(FRAME.to_numpy()),
    "wrapper": xgboost.XGBRegressor(n_estimators=3).fit(FRAME.to_numpy(), VALUE),
    "pipeline": make_pipeline(StandardScaler(), LinearRegression()).fit(FRAME.to_numpy(), VALUE),
    "numbered": LinearRegression().fit(FRAME.set_axis([0, 1, 2], axis=1), VALUE),
}


@pytest.mark.parametrize("name", NAMED)
def test_columns_come_in_the_order_that_the_model_knows(name):
    assert known_names(NAMED[name]) == ("age", "income", "debt")
    assert list(bound(NAMED[name], OTHER).columns) == ["age", "income", "debt"]
    assert bound(NAMED[name], OTHER).equals(FRAME)


@pytest.mark.parametrize("name", NAMELESS)
def test_a_model_without_names_leaves_the_data_as_it_is(name):
    assert known_names(NAMELESS[name]) is None
    assert not knows_names(NAMELESS[name], OTHER)
    assert bound(NAMELESS[name], OTHER) is OTHER


@pytest.mark.parametrize("name", NAMED)
def test_other_names_are_refused_and_listed(name):
    with pytest.raises(InvalidInput, match=r"'income', which the data does not have") as caught:
        bound(NAMED[name], FRAME.rename(columns={"income": "salary"}))
    assert "the data has the column 'salary'" in caught.value.message
    with pytest.raises(InvalidInput, match=r"'id', which the model was not trained on; leave it"):
        bound(NAMED[name], FRAME.assign(id=1))


def test_a_later_step_knows_the_names_where_the_first_forgets_them():
    forgetful = FunctionTransformer(log)
    pipeline = make_pipeline(forgetful, xgboost.XGBRegressor(n_estimators=3)).fit(FRAME, VALUE)
    if hasattr(forgetful, "feature_names_in_"):
        del forgetful.feature_names_in_
    assert list(bound(pipeline, OTHER).columns) == ["age", "income", "debt"]


def test_names_of_columns_that_a_step_made_are_not_those_of_the_data():
    halves = FunctionTransformer(np.array).fit(FRAME.to_numpy())
    pipeline = make_pipeline(halves, LinearRegression())
    pipeline.steps[1] = ("m", LinearRegression().fit(FRAME.add_prefix("x"), VALUE))
    assert bound(pipeline, OTHER) is OTHER
