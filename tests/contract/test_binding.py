"""From data in any order to the model's own numbers: what is served is what its user would get."""

import numpy as np
import pandas as pd
import pytest
import xgboost
from click.testing import CliRunner
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from serve_app.cli.main import cli
from serve_app.core.messages import MISSING
from serve_app.core.policy import Policy
from serve_app.core.schema import Schema
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ArtifactRejected, InvalidInput
from serve_app.registry.store import Registry

RNG = np.random.default_rng(10)
ROWS = 400
FRAME = pd.DataFrame(
    {
        "age": RNG.integers(18, 90, ROWS).astype(float),
        "income": RNG.normal(60, 20, ROWS).round(1),
        "debt": RNG.gamma(2, 8, ROWS).round(1),
    }
)
VALUE = FRAME["income"] * 2 - FRAME["debt"] * 3 + FRAME["age"]
GOOD = (VALUE.median() < VALUE).astype(int)
OTHER = FRAME[["debt", "income", "age"]]


@pytest.fixture
def registry(tmp_path):
    return Registry(str(tmp_path))


def asked(registry, name, rows, *, version=1, native=False):
    """What a version says of rows as JSON has them, whatever order their names come in."""
    loaded = load(registry, name, version, native=native, allow_pickle=True)
    inputs = loaded.manifest.signature.inputs
    given = {column.name: [row.get(column.name, MISSING) for row in rows] for column in inputs}
    columns, _ = Schema(inputs, Policy()).validate(given, len(rows))
    return loaded.model.predict(columns)


def rows(frame, count=50):
    return frame.head(count).to_dict(orient="records")


def booster(target, objective):
    data = xgboost.DMatrix(FRAME, target)
    return xgboost.train({"objective": objective, "seed": 1}, data, 20)


@pytest.mark.parametrize("native", [False, True])
def test_a_booster_is_given_its_columns_by_name(registry, native):
    model = booster(VALUE, "reg:squarederror")
    register(registry, Candidate("worth", model, OTHER, truth=VALUE))
    said = asked(registry, "worth", rows(FRAME), native=native).values
    assert said.tolist() == model.predict(xgboost.DMatrix(FRAME.head(50))).tolist()
    manifest = registry.manifest("worth", 1)
    assert manifest.signature.names == ("age", "income", "debt")
    assert not manifest.signature.by_position
    assert manifest.warnings == ()


@pytest.mark.parametrize(
    "model",
    [
        xgboost.XGBClassifier(n_estimators=10),
        make_pipeline(StandardScaler(), LogisticRegression()),
        RandomForestClassifier(10, random_state=0),
    ],
    ids=["xgboost", "pipeline", "forest"],
)
@pytest.mark.parametrize("native", [False, True])
def test_other_orders_are_put_right(registry, model, native):
    model.fit(FRAME, GOOD)
    register(registry, Candidate("good", model, OTHER))
    said = asked(registry, "good", rows(FRAME), native=native)
    assert said.values.tolist() == model.predict(FRAME.head(50)).tolist()
    assert said.probabilities == pytest.approx(model.predict_proba(FRAME.head(50)), abs=1e-7)


def test_other_names_are_refused(registry):
    model = booster(VALUE, "reg:squarederror")
    with pytest.raises(InvalidInput, match="'income', which the data does not have"):
        register(registry, Candidate("worth", model, FRAME.set_axis(["age", "i", "debt"], axis=1)))
    assert registry.models() == []


def test_a_model_without_names_says_that_its_columns_go_by_position(registry, tmp_path):
    model = LinearRegression().fit(FRAME.to_numpy(), VALUE)
    manifest = register(registry, Candidate("worth", model, FRAME, truth=VALUE))
    assert manifest.signature.by_position
    shown = CliRunner().invoke(cli, ["models", "show", "worth", "--registry", str(tmp_path)])
    assert "columns go by position: age, income, debt" in shown.output


def test_columns_in_another_order_than_a_nameless_model_had_are_found_by_the_truth(registry):
    model = LinearRegression().fit(FRAME.to_numpy(), VALUE)
    manifest = register(registry, Candidate("worth", model, OTHER, truth=VALUE))
    (warning,) = manifest.warnings
    assert "r2 -" in warning
    assert "in the order" in warning


class Ratio(TransformerMixin, BaseEstimator):
    """Reads its columns by name."""

    def fit(self, rows, target=None):
        return self

    def transform(self, rows):
        return np.column_stack([rows["income"] / (rows["debt"] + 1), rows["age"]])


def test_a_pipeline_that_reads_columns_by_name_is_given_a_frame(registry):
    model = make_pipeline(Ratio(), LinearRegression()).fit(FRAME, VALUE)
    manifest = register(registry, Candidate("worth", model, OTHER), allow_pickle=True)
    assert (manifest.signature.container, manifest.signature.by_position) == ("frame", False)
    said = asked(registry, "worth", rows(FRAME)).values
    assert said.tolist() == pytest.approx(model.predict(FRAME.head(50)).tolist(), rel=1e-12)


WORDS = pd.DataFrame({"text": ["good day", "bad rain", "good sun", "bad night", "so so"] * 20})
MOOD = np.where(WORDS["text"].str.contains("good"), "happy", "sad")


@pytest.mark.parametrize("native", [False, True])
def test_a_pipeline_of_texts_is_given_texts(registry, native):
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(WORDS["text"], MOOD)
    manifest = register(registry, Candidate("mood", model, WORDS, truth=MOOD))
    assert manifest.signature.container == "series"
    fresh = [{"text": "good rain"}, {"text": "never seen"}, {"text": ""}]
    said = asked(registry, "mood", fresh, native=native)
    texts = [row["text"] for row in fresh]
    assert said.values.tolist() == model.predict(texts).tolist()
    assert said.probabilities == pytest.approx(model.predict_proba(texts), rel=1e-9)


class Strict(RandomForestClassifier):
    """Decides by a threshold of its own."""

    def predict(self, X):  # noqa: N803
        return self.classes_.take((self.predict_proba(X)[:, 1] > 0.8).astype(int))


class Cautious(Pipeline):
    """A Pipeline that decides by a threshold of its own."""

    def predict(self, X):  # noqa: N803
        return (self.predict_proba(X)[:, 1] > 0.95).astype(int)


@pytest.mark.parametrize(
    "model",
    [
        Strict(15, random_state=0, max_depth=3),
        make_pipeline(StandardScaler(), Strict(15, random_state=0, max_depth=3)),
        Cautious([("forest", ExtraTreesClassifier(15, random_state=0, max_depth=3))]),
        Cautious([("tree", DecisionTreeClassifier(max_depth=1))]),
    ],
    ids=["forest", "forest in a pipeline", "pipeline", "pipeline of a tree"],
)
def test_a_class_that_overrides_predict_answers_by_its_own_word(registry, model):
    model.fit(FRAME, GOOD)
    register(registry, Candidate("strict", model, FRAME), allow_pickle=True)
    said = asked(registry, "strict", rows(FRAME, ROWS)).values
    assert said.tolist() == model.predict(FRAME).tolist()
    assert (said != (model.predict_proba(FRAME)[:, 1] > 0.5)).any()


def doubled(values):
    return values * 2


def test_what_is_stored_is_held_against_the_estimator_as_its_user_calls_it(registry):
    """An instance with a `predict` of its own loses it on the way to a file of its class."""
    model = make_pipeline(FunctionTransformer(np.abs), LinearRegression()).fit(FRAME, VALUE)
    plain = model.predict
    model.predict = lambda given: doubled(plain(given))
    with pytest.raises((ArtifactRejected, InvalidInput)):
        register(registry, Candidate("worth", model, FRAME))
    assert registry.models() == []
