"""Whatever the model: contributions add up to what it says, and are those of its library."""

import warnings

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import InvalidInput
from serve_app.models.frames import to_columns
from serve_app.registry.store import Registry
from serve_app.tasks import task_named
from serve_app.tasks.explain import Explain

EXPLAIN = task_named("explain")
ROWS = 7


def tables():
    draw = np.random.default_rng(6)
    numbers = pd.DataFrame(draw.normal(size=(240, 4)), columns=["a", "b", "c", "d"])
    value = 3 * numbers["a"] - numbers["b"] * numbers["c"]
    mixed = pd.DataFrame(
        {
            "town": draw.choice(["Bonn", "Köln", "Ulm"], 240),
            "age": draw.integers(18, 90, 240),
            "kind": pd.Categorical(draw.choice(["x", "y"], 240)),
            "dose": np.where(draw.random(240) < 0.1, np.nan, draw.normal(2, 1, 240)),
        }
    )
    risk = (mixed["age"] > 50) ^ (mixed["town"] == "Ulm")
    return {
        "value": (numbers, value),
        "count": (numbers, np.round(np.exp(numbers["a"]))),
        "yes": (numbers, (value > 0).astype(int)),
        "three": (numbers, np.digitize(value, [-2, 2])),
        "words": (numbers, np.where(value > 0, "well", "ill")),
        "mixed": (mixed, risk.astype(int)),
    }


def prepared():
    return make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "dose"]),
        (OneHotEncoder(handle_unknown="ignore"), ["town", "kind"]),
    )


def boosted(kind, **more):
    return kind(n_estimators=12, max_depth=3, **more)


QUIET = {"verbose": -1}
MODELS = {
    "line": ("value", LinearRegression(), "linear", "value"),
    "ridge": ("value", make_pipeline(StandardScaler(), Ridge()), "linear", "value"),
    "counts": ("count", PoissonRegressor(), "linear", "log"),
    "logistic": ("yes", LogisticRegression(), "linear", "log_odds"),
    "named": ("words", make_pipeline(StandardScaler(), LogisticRegression()), "linear", "log_odds"),
    "softmax": ("three", LogisticRegression(), "linear", "log_odds"),
    "descent": ("three", make_pipeline(StandardScaler(), SGDClassifier(random_state=0)), "linear",
                "raw_score"),
    "margin": ("yes", LinearSVC(), "linear", "raw_score"),
    "folded": ("mixed", make_pipeline(prepared(), LogisticRegression()), "linear", "log_odds"),
    "search": ("yes", GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}), "linear", "log_odds"),
    "xgb": ("yes", boosted(xgboost.XGBClassifier), "tree_shap", "log_odds"),
    "xgb-three": ("three", boosted(xgboost.XGBClassifier), "tree_shap", "log_odds"),
    "xgb-value": ("value", boosted(xgboost.XGBRegressor), "tree_shap", "value"),
    "xgb-count": ("count", boosted(xgboost.XGBRegressor, objective="count:poisson"), "tree_shap",
                  "log"),
    "xgb-dart": ("value", boosted(xgboost.XGBRegressor, booster="dart"), "tree_shap", "value"),
    "xgb-line": ("value", xgboost.XGBRegressor(booster="gblinear"), "shap_sampled", "value"),
    "xgb-words": ("mixed", make_pipeline(prepared(), boosted(xgboost.XGBClassifier)), "tree_shap",
                  "log_odds"),
    "lgbm": ("yes", boosted(lightgbm.LGBMClassifier, **QUIET), "tree_shap", "log_odds"),
    "lgbm-three": ("three", boosted(lightgbm.LGBMClassifier, **QUIET), "tree_shap", "log_odds"),
    "lgbm-words": ("mixed", make_pipeline(prepared(), boosted(lightgbm.LGBMClassifier, **QUIET)),
                   "tree_shap", "log_odds"),
    "mixing": ("yes", make_pipeline(PCA(2), LogisticRegression()), "shap_sampled", "probability"),
    "near": ("three", KNeighborsClassifier(), "shap_sampled", "probability"),
    "kernel": ("yes", SVC(), "shap_sampled", "raw_score"),
}  # fmt: skip
FORESTS = {
    "forest": ("yes", RandomForestClassifier(9, random_state=0), "probability"),
    "forest-three": ("three", RandomForestClassifier(9, random_state=0), "probability"),
    "forest-value": ("value", RandomForestRegressor(9, random_state=0), "value"),
    "forest-words": ("mixed", make_pipeline(prepared(), RandomForestClassifier(9, random_state=0)),
                     "probability"),
    "gradient": ("yes", GradientBoostingClassifier(n_estimators=9), "log_odds"),
    "histogram": ("value", HistGradientBoostingRegressor(max_iter=9), "value"),
}  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return tables()


@pytest.fixture(scope="module")
def served(data, tmp_path_factory):
    """Registers and loads an estimator, once for all tests of it."""
    store = Registry(str(tmp_path_factory.mktemp("registry")))
    known = {}

    def of(name, table, estimator):
        if name not in known:
            frame, truth = data[table]
            with warnings.catch_warnings(action="ignore"):
                known[name] = estimator.fit(frame, truth)
                register(store, Candidate(name, known[name], frame))
        return load(store, name, 1), data[table][0]

    return of


def holds(explanation, prediction, columns):
    """Contributions add up, to what the model says."""
    assert explanation.features == columns.names
    assert explanation.contributions.shape[:2] == (columns.rows, len(columns))
    summed = explanation.base + explanation.contributions.sum(axis=1)
    assert explanation.outputs == pytest.approx(summed, rel=1e-12, abs=1e-12)
    said = explanation.outputs
    width = said.shape[1]
    links = {
        "value": lambda: (said, prediction.values.reshape(-1, width)),
        "log": lambda: (np.exp(said), prediction.values.reshape(-1, width)),
        "probability": lambda: (said, prediction.probabilities[:, -width:]),
        "log_odds": lambda: (
            1 / (1 + np.exp(-said)) if width == 1
            else np.exp(said) / np.exp(said).sum(axis=1, keepdims=True),
            prediction.probabilities[:, -width:],
        ),
        "raw_score": lambda: (said, prediction.scores.reshape(-1, width)),
    }  # fmt: skip
    ours, theirs = links[explanation.space]()
    assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_contributions_add_up_to_what_the_served_model_says(name, served):
    table, estimator, method, space = MODELS[name]
    loaded, frame = served(name, table, estimator)
    columns = to_columns(frame.iloc[:ROWS])
    explanation = loaded.model.ask(EXPLAIN, columns)
    assert (explanation.methods, explanation.space) == ((method,), space)
    scores = space == "raw_score"
    model = loaded.model
    said = model.predict_with_scores(columns) if scores else model.predict(columns)
    holds(explanation, said, columns)
    nothing = loaded.model.ask(EXPLAIN, columns.slice(0, 0))
    assert (nothing.rows, nothing.features) == (0, explanation.features)
    assert nothing.contributions.shape[1:] == explanation.contributions.shape[1:]


@pytest.mark.parametrize("name", FORESTS)
def test_trees_of_scikit_learn_are_explained_exactly_where_shap_is_installed(name, served):
    shap = pytest.importorskip("shap")
    table, estimator, space = FORESTS[name]
    loaded, frame = served(name, table, estimator)
    columns = to_columns(frame.iloc[:ROWS])
    explanation = loaded.model.ask(EXPLAIN, columns)
    assert (explanation.methods, explanation.space) == (("tree_shap",), space)
    holds(explanation, loaded.model.predict(columns), columns)
    if name == "forest":
        direct = shap.TreeExplainer(estimator).shap_values(frame.iloc[:ROWS].to_numpy())
        assert explanation.contributions[:, :, 0] == pytest.approx(direct[:, :, 1])


def test_a_line_is_taken_apart_as_by_hand(served, data):
    loaded, frame = served("line", *MODELS["line"][:2])
    rows = frame.iloc[:ROWS]
    explanation = loaded.model.ask(EXPLAIN, to_columns(rows))
    line = LinearRegression().fit(*data["value"])
    by_hand = line.coef_ * (rows - frame.mean())
    assert explanation.contributions[:, :, 0] == pytest.approx(by_hand.to_numpy())
    assert explanation.base[:, 0] == pytest.approx(line.predict(frame).mean())


def test_a_logistic_model_behind_a_scaler_is_taken_apart_as_by_hand(served, data):
    loaded, frame = served("named", *MODELS["named"][:2])
    rows = frame.iloc[:ROWS]
    explanation = loaded.model.ask(EXPLAIN, to_columns(rows))
    assert explanation.classes == ("well",)
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(*data["words"])
    by_hand = fitted[-1].coef_[0] * (rows - frame.mean()) / fitted[0].scale_
    assert explanation.contributions[:, :, 0] == pytest.approx(by_hand.to_numpy())


@pytest.mark.parametrize("name", ["xgb", "xgb-three", "xgb-value", "xgb-dart"])
def test_trees_of_xgboost_are_taken_apart_as_xgboost_does(name, served, data):
    table, estimator = MODELS[name][:2]
    loaded, frame = served(name, table, estimator)
    assert loaded.compiled
    rows = frame.iloc[:ROWS]
    explanation = loaded.model.ask(EXPLAIN, to_columns(rows))
    booster = boosted(type(estimator), **_of(estimator)).fit(*data[table]).get_booster()
    raw = booster.predict(xgboost.DMatrix(rows), pred_contribs=True)
    raw = raw[:, None, :] if raw.ndim == 2 else raw
    assert explanation.contributions == pytest.approx(raw[:, :, :-1].transpose(0, 2, 1), rel=1e-6)
    assert explanation.base == pytest.approx(raw[:, :, -1], rel=1e-6)


def _of(estimator):
    return {"booster": estimator.booster} if estimator.booster else {}


def test_trees_of_lightgbm_are_taken_apart_as_lightgbm_does(served, data):
    table, estimator = MODELS["lgbm-three"][:2]
    loaded, frame = served("lgbm-three", table, estimator)
    rows = frame.iloc[:ROWS]
    explanation = loaded.model.ask(EXPLAIN, to_columns(rows))
    raw = boosted(lightgbm.LGBMClassifier, **QUIET).fit(*data[table]).predict(
        rows, pred_contrib=True
    )  # fmt: skip
    raw = raw.reshape(ROWS, 3, 5)
    assert explanation.contributions == pytest.approx(raw[:, :, :-1].transpose(0, 2, 1))


def test_trees_of_catboost_are_taken_apart_as_catboost_does(served, data):
    catboost = pytest.importorskip("catboost")
    make = lambda: catboost.CatBoostClassifier(  # noqa: E731
        iterations=12, depth=3, verbose=0, allow_writing_files=False, random_seed=1
    )
    loaded, frame = served("cat-three", "three", make())
    rows = frame.iloc[:ROWS]
    columns = to_columns(rows)
    explanation = loaded.model.ask(EXPLAIN, columns)
    assert (explanation.methods, explanation.space) == (("tree_shap",), "log_odds")
    holds(explanation, loaded.model.predict(columns), columns)
    raw = make().fit(*data["three"]).get_feature_importance(
        catboost.Pool(rows), type="ShapValues"
    )  # fmt: skip
    assert explanation.contributions == pytest.approx(raw[:, :, :-1].transpose(0, 2, 1))


def test_columns_of_words_get_what_their_indicators_add(served, data):
    loaded, frame = served("xgb-words", *MODELS["xgb-words"][:2])
    rows = frame.iloc[:ROWS]
    explanation = loaded.model.ask(EXPLAIN, to_columns(rows))
    fitted = make_pipeline(prepared(), boosted(xgboost.XGBClassifier)).fit(*data["mixed"])
    made = fitted[0].transform(rows)
    raw = fitted[1].get_booster().predict(xgboost.DMatrix(made), pred_contribs=True)
    # Made of: age, dose, three towns, two kinds. Sent: town, age, kind, dose.
    by_hand = np.column_stack(
        [raw[:, 2:5].sum(axis=1), raw[:, 0], raw[:, 5:7].sum(axis=1), raw[:, 1]]
    )
    assert explanation.contributions[:, :, 0] == pytest.approx(by_hand, rel=1e-5, abs=1e-6)


def test_an_offset_is_a_part_of_its_own(data, tmp_path):
    frame, counts = data["count"]
    exposure = pd.Series(np.linspace(-1, 1, len(frame)), name="exposure")
    model = boosted(xgboost.XGBRegressor, objective="count:poisson")
    model.fit(frame, counts, base_margin=exposure)
    from serve_app.models.xgboost_trained import Trained

    store = Registry(str(tmp_path))
    given = frame.assign(exposure=exposure)
    register(store, Candidate("rate", Trained(model, offset="exposure"), given))
    columns = to_columns(given.iloc[:ROWS])
    loaded = load(store, "rate", 1)
    explanation = loaded.model.ask(EXPLAIN, columns)
    place = explanation.features.index("exposure")
    assert explanation.contributions[:, place, 0] == pytest.approx(exposure[:ROWS], abs=1e-6)
    assert np.ptp(explanation.base) == pytest.approx(0, abs=1e-6)
    holds(explanation, loaded.model.predict(columns), columns)


def test_what_cannot_be_explained_says_why_and_what_to_do(data, tmp_path):
    frame, truth = data["yes"]
    store = Registry(str(tmp_path))
    several = np.column_stack([truth, data["three"][1]])
    both = MultiOutputClassifier(KNeighborsClassifier()).fit(frame, several)
    cases = {
        "scaler": (StandardScaler().fit(frame), "transformer"),
        "both": (both, "several targets"),
    }
    for name, (estimator, words) in cases.items():
        register(store, Candidate(name, estimator, frame))
        with pytest.raises(InvalidInput, match=words) as refused:
            load(store, name, 1).model.ask(EXPLAIN, to_columns(frame.iloc[:2]))
        assert refused.value.message.startswith(f"{name}@1: ")


def test_a_model_that_nobody_loaded_cannot_be_explained():
    with pytest.raises(InvalidInput, match="cannot be explained"):
        Explain().compute(object(), to_columns(pd.DataFrame({"a": [1.0]})))
