"""What every flavour must hold: what was stored answers like the library, to the last bit."""

import dataclasses
import json
import warnings

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from serve_app.core.columns import Columns, concatenate
from serve_app.core.messages import MISSING
from serve_app.core.policy import Policy
from serve_app.core.schema import Schema
from serve_app.errors import ArtifactRejected, InvalidInput, ModelFailed, RowsRefused
from serve_app.models import owner, resolve
from serve_app.models.frames import to_columns
from serve_app.models.signature import infer

ROWS = 150


def _numbers():
    rng = np.random.default_rng(11)
    frame = pd.DataFrame(rng.normal(size=(ROWS, 4)), columns=["a", "b", "c", "d"])
    score = frame["a"] + 0.5 * frame["b"] ** 2
    three = pd.cut(score, [-np.inf, 0, 1, np.inf], labels=["low", "mid", "high"]).astype(str)
    return frame, np.where(score > 0.5, "yes", "no"), np.asarray(three), score.to_numpy()


FRAME, TWO, THREE, SCORE = _numbers()
CODE = np.unique(THREE, return_inverse=True)[1]
BOTH = np.column_stack([SCORE, -2 * SCORE])

CLASSIFIERS = {
    "pipeline": make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
    "forest": RandomForestClassifier(n_estimators=7, random_state=0, n_jobs=2),
    "tree": DecisionTreeClassifier(random_state=0),
    "boosting": HistGradientBoostingClassifier(max_iter=5, random_state=0),
    "svc": SVC(),
    "sgd": SGDClassifier(random_state=0),
    "neighbours": KNeighborsClassifier(3),
    "bayes": GaussianNB(),
    "perceptron": MLPClassifier((4,), max_iter=400, random_state=0),
    "calibrated": CalibratedClassifierCV(LogisticRegression(), cv=2),
    "voting": VotingClassifier(
        [("l", LogisticRegression()), ("t", DecisionTreeClassifier(random_state=0))], voting="soft"
    ),
    "stacking": StackingClassifier([("l", LogisticRegression()), ("b", GaussianNB())], cv=2),
}
REGRESSORS = {
    "linear": LinearRegression(),
    "ridge": make_pipeline(StandardScaler(), Ridge()),
    "svr": SVR(),
    "gradient": GradientBoostingRegressor(n_estimators=5, random_state=0),
    "histogram": HistGradientBoostingRegressor(max_iter=5, random_state=0),
    "xgboost": xgboost.XGBRegressor(n_estimators=5),
    "xgboost forest": xgboost.XGBRFRegressor(n_estimators=5),
}
TRANSFORMERS = {
    "scaler": StandardScaler(),
    "frames": StandardScaler().set_output(transform="pandas"),
    "chosen": SelectKBest(k=2),
    "sparse": make_column_transformer((OneHotEncoder(), ["a"]), remainder="drop"),
}


def fitted(estimator, frame, target):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(frame, target)


def served(estimator, frame, labels=(), **consent):
    """The estimator as a replica has it: stored, read again, behind the port."""
    name, flavour = owner(estimator)
    signature = infer(estimator, name, frame, labels)
    options = {"trust": (), "allow_pickle": False, **consent}
    stored = flavour.dump(estimator, **options)
    return signature, resolve(name).load(
        json_round_trip(stored.files),
        format=stored.format,
        trusted_types=stored.trusted_types,
        signature=type(signature).from_json(json.loads(json.dumps(signature.to_json()))),
        allow_pickle=options["allow_pickle"],
    )


def json_round_trip(files):
    return {name: bytes(content) for name, content in files.items()}


def same(prediction, values, probabilities=None):
    assert np.asarray(prediction.values).tolist() == np.asarray(values).tolist()
    if probabilities is None:
        assert prediction.probabilities is None
    else:
        assert prediction.probabilities.dtype == probabilities.dtype
        got = np.ascontiguousarray(prediction.probabilities)
        assert got.tobytes() == np.ascontiguousarray(probabilities).tobytes()


@pytest.mark.parametrize("target", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_answers_like_the_library(name, target):
    estimator = fitted(CLASSIFIERS[name], FRAME, target)
    signature, model = served(estimator, FRAME)
    assert signature.output.labels == tuple(estimator.classes_)
    prediction = model.predict(to_columns(FRAME))
    probabilities = None
    if hasattr(estimator, "predict_proba"):
        probabilities = estimator.predict_proba(FRAME)
    same(prediction, estimator.predict(FRAME), probabilities)


@pytest.mark.parametrize("target", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_raw_scores_are_the_librarys_decision_function(name, target):
    estimator = fitted(CLASSIFIERS[name], FRAME, target)
    signature, model = served(estimator, FRAME)
    scored = hasattr(estimator, "decision_function")
    assert signature.output.raw_scores is scored
    columns = to_columns(FRAME)
    if not scored:
        with pytest.raises(InvalidInput, match=r"\w+(Classifier|CV|NB) has no raw scores"):
            model.predict_with_scores(columns)
        return
    said, plain = model.predict_with_scores(columns), model.predict(columns)
    assert (
        said.scores.tobytes() == np.ascontiguousarray(estimator.decision_function(FRAME)).tobytes()
    )
    same(said, plain.values, plain.probabilities)
    assert plain.scores is None
    empty = model.predict_with_scores(columns.slice(0, 0))
    assert empty.scores.shape == (0, *said.scores.shape[1:])


def test_how_far_a_row_is_from_the_usual_is_its_raw_score():
    estimator = IsolationForest(n_estimators=10, random_state=0).fit(FRAME)
    signature, model = served(estimator, FRAME)
    assert (signature.output.kind, signature.output.raw_scores) == ("regression", True)
    said = model.predict_with_scores(to_columns(FRAME))
    assert said.scores.tobytes() == estimator.decision_function(FRAME).tobytes()


PAIRS = SVC(decision_function_shape="ovo")


@pytest.mark.parametrize(
    "estimator",
    [
        PAIRS,
        make_pipeline(StandardScaler(), PAIRS),
        GridSearchCV(make_pipeline(StandardScaler(), PAIRS), {"svc__C": [1.0]}, cv=2),
        GridSearchCV(SVC(), {"decision_function_shape": ["ovo"]}, cv=2),
        BaggingClassifier(PAIRS, 2, random_state=0),
        StackingClassifier([("b", GaussianNB())], PAIRS, cv=2),
        SelfTrainingClassifier(SVC(decision_function_shape="ovo", probability=True)),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.filterwarnings("ignore")
def test_scores_of_pairs_of_classes_are_not_given_as_if_of_classes(estimator):
    estimator = fitted(clone(estimator), FRAME, THREE)
    signature, model = served(estimator, FRAME, allow_pickle=True)
    assert not signature.output.raw_scores
    with pytest.raises(InvalidInput):
        model.predict_with_scores(to_columns(FRAME))


def test_the_width_of_raw_scores_is_that_of_what_the_library_gives():
    data = xgboost.DMatrix(FRAME, CODE % 2)
    booster = xgboost.train({"objective": "multi:softprob", "num_class": 2}, data, 3)
    signature, model = served(booster, FRAME)
    assert signature.output.scores_width == 2
    columns = to_columns(FRAME)
    assert model.predict_with_scores(columns).scores.shape == (ROWS, 2)
    assert model.predict_with_scores(columns.slice(0, 0)).scores.shape == (0, 2)


@pytest.mark.parametrize("target", [CODE % 2, CODE, SCORE], ids=["two", "three", "number"])
@pytest.mark.parametrize("way", ["wrapper", "pipeline", "booster"])
def test_raw_scores_of_trees_of_xgboosts_are_their_margins(way, target):
    made = xgboost.XGBRegressor if target is SCORE else xgboost.XGBClassifier
    wrapper = made(n_estimators=5).fit(FRAME, target)
    margins = wrapper.predict(FRAME, output_margin=True)
    estimator = wrapper.get_booster() if way == "booster" else wrapper
    if way == "pipeline":
        estimator = make_pipeline("passthrough", wrapper)
    signature, model = served(estimator, FRAME)
    assert signature.output.raw_scores
    columns = to_columns(FRAME)
    said, plain = model.predict_with_scores(columns), model.predict(columns)
    assert said.scores.tobytes() == margins.tobytes()
    same(said, plain.values, plain.probabilities)
    empty = model.predict_with_scores(columns.slice(0, 0))
    assert empty.scores.shape == (0, *said.scores.shape[1:])


SINGLE_OUTPUT = {"svr", "gradient", "histogram"}


@pytest.mark.parametrize(
    ("name", "target"),
    [
        *[pytest.param(name, SCORE, id=name) for name in REGRESSORS],
        *[
            pytest.param(n, BOTH, id=f"{n}, two outputs")
            for n in sorted(REGRESSORS.keys() - SINGLE_OUTPUT)
        ],
    ],
)
def test_a_regressor_answers_like_the_library(name, target):
    estimator = fitted(REGRESSORS[name], FRAME, target)
    signature, model = served(estimator, FRAME)
    assert signature.output.width == (1 if target.ndim == 1 else 2)
    prediction = model.predict(to_columns(FRAME))
    assert prediction.values.tobytes() == estimator.predict(FRAME).tobytes()


@pytest.mark.parametrize(
    "wrapper", [xgboost.XGBClassifier, xgboost.XGBRFClassifier], ids=["boosted", "forest"]
)
@pytest.mark.parametrize("target", [CODE % 2, CODE], ids=["two", "three"])
def test_an_xgboost_classifier_answers_like_the_library_by_its_labels(wrapper, target):
    estimator = wrapper(n_estimators=5).fit(FRAME, target)
    names = ("zero", "one", "two")[: target.max() + 1]
    signature, model = served(estimator, FRAME, labels=names)
    assert signature.output.labels == names
    said = np.array(names)[estimator.predict(FRAME)]
    same(model.predict(to_columns(FRAME)), said, estimator.predict_proba(FRAME))


@pytest.mark.parametrize(
    ("objective", "target", "classes"),
    [
        ("binary:logistic", CODE % 2, 2),
        ("multi:softprob", CODE, 3),
        ("multi:softmax", CODE, 3),
        ("reg:squarederror", SCORE, 0),
    ],
)
def test_a_plain_booster_answers_like_the_library(objective, target, classes):
    parameters = {"objective": objective, "max_depth": 3}
    if classes > 2:
        parameters["num_class"] = classes
    booster = xgboost.train(parameters, xgboost.DMatrix(FRAME, target), 5)
    raw = booster.predict(xgboost.DMatrix(FRAME))
    signature, model = served(booster, FRAME)
    prediction = model.predict(to_columns(FRAME))
    assert len(signature.output.labels) == classes
    if objective == "reg:squarederror":
        assert prediction.values.tobytes() == raw.tobytes()
    elif objective == "multi:softmax":
        assert prediction.values.tolist() == raw.astype(int).tolist()
    elif classes == 2:
        assert prediction.probabilities[:, 1].tobytes() == raw.tobytes()
        assert prediction.values.tolist() == (raw > 0.5).astype(int).tolist()
    else:
        assert prediction.probabilities.tobytes() == raw.tobytes()


def test_a_booster_that_stopped_early_answers_with_all_trees_as_its_own_predict_does():
    data = xgboost.DMatrix(FRAME[:100], CODE[:100] % 2)
    rest = xgboost.DMatrix(FRAME[100:], (CODE[100:] + 1) % 2)
    booster = xgboost.train(
        {"objective": "binary:logistic"}, data, 50, evals=[(rest, "rest")],
        early_stopping_rounds=3, verbose_eval=False,
    )  # fmt: skip
    assert booster.best_iteration < booster.num_boosted_rounds() - 1
    _, model = served(booster, FRAME)
    raw = booster.predict(xgboost.DMatrix(FRAME))
    assert model.predict(to_columns(FRAME)).probabilities[:, 1].tobytes() == raw.tobytes()


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_transformer_gives_the_librarys_columns_by_its_names(name):
    estimator = fitted(TRANSFORMERS[name], FRAME, CODE)
    signature, model = served(estimator, FRAME)
    columns = model.transform(to_columns(FRAME))
    direct = estimator.transform(FRAME)
    direct = direct.toarray() if hasattr(direct, "toarray") else np.asarray(direct)
    assert columns.names == tuple(column.name for column in signature.output.columns)
    assert list(columns.names) == list(estimator.get_feature_names_out())
    assert np.column_stack(columns.arrays).tobytes() == direct.tobytes()


EVERYTHING = [
    (fitted(CLASSIFIERS["pipeline"], FRAME, TWO), ()),
    (fitted(CLASSIFIERS["svc"], FRAME, THREE), ()),
    (fitted(RandomForestClassifier(n_estimators=3), FRAME, TWO), ()),
    (fitted(LinearRegression(), FRAME, BOTH), ()),
    (xgboost.XGBClassifier(n_estimators=3).fit(FRAME, CODE), ("x", "y", "z")),
    (xgboost.XGBRegressor(n_estimators=3).fit(FRAME, SCORE), ()),
    (
        xgboost.train(
            {"objective": "binary:logistic"}, xgboost.DMatrix(FRAME.to_numpy(), CODE % 2), 3
        ),
        (),
    ),
]


@pytest.mark.parametrize(("estimator", "labels"), EVERYTHING)
def test_no_rows_give_an_answer_of_no_rows_and_the_right_shape(estimator, labels):
    signature, model = served(estimator, FRAME, labels)
    whole = model.predict(to_columns(FRAME))
    empty = model.predict(to_columns(FRAME).slice(0, 0))
    assert empty.values.shape == (0, *whole.values.shape[1:])
    assert (empty.probabilities is None) == (whole.probabilities is None)
    if whole.probabilities is not None:
        assert empty.probabilities.shape == (0, len(signature.output.labels))


@pytest.mark.parametrize(("estimator", "labels"), EVERYTHING)
def test_a_row_is_answered_alike_alone_and_among_others(estimator, labels):
    _, model = served(estimator, FRAME, labels)
    columns = to_columns(FRAME)
    whole = model.predict(columns)
    for row in range(0, ROWS, 37):
        alone = model.predict(columns.slice(row, row + 1))
        assert np.asarray(alone.values[0]) == pytest.approx(whole.values[row]) or (
            alone.values[0] == whole.values[row]
        )
        if whole.probabilities is not None:
            assert alone.probabilities[0] == pytest.approx(whole.probabilities[row], rel=1e-12)


# A booster that was trained without names takes fewer columns for gaps.
@pytest.mark.parametrize(("estimator", "labels"), EVERYTHING[:-1])
def test_rows_that_the_library_refuses_are_a_failure_of_the_model(estimator, labels):
    _, model = served(estimator, FRAME, labels)
    with pytest.raises((ModelFailed, RowsRefused)):
        model.predict(Columns.of({"a": np.zeros(3)}))


MIXED = pd.DataFrame(
    {
        "age": [31, 45, 27, 62, 38, 51] * 10,
        "income": [1.5, np.nan, 2.25, 3.0, 0.5, 4.75] * 10,
        "city": ["Rome", "Oslo", None, "Rome", "Bern", "Oslo"] * 10,
        "member": [True, False, True, True, False, False] * 10,
        "children": pd.array([0, None, 2, 1, 3, None] * 10, dtype="Int64"),
        "grade": pd.Categorical(["a", "b", "a", "c", "b", "c"] * 10, categories=["a", "b", "c"]),
    }
)
MIXED_TARGET = np.array([1, 0, 1, 1, 0, 0] * 10)


def mixed_pipeline():
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="none"),
        OneHotEncoder(handle_unknown="ignore"),
    )
    columns = make_column_transformer(
        (numbers, ["age", "income", "children"]),
        (words, ["city"]),
        (OneHotEncoder(), ["grade"]),
        ("passthrough", ["member"]),
    )
    return make_pipeline(columns, LogisticRegression()).fit(MIXED, MIXED_TARGET)


def json_rows(frame):
    """The rows as a client sends them: JSON, with null for every gap."""
    return json.loads(frame.to_json(orient="records"))


def decoded(rows, names):
    return {name: [row.get(name, MISSING) for row in rows] for name in names}


def test_a_pipeline_of_mixed_types_is_served_from_json_without_hints():
    estimator = mixed_pipeline()
    signature, model = served(estimator, MIXED)
    schema = Schema(signature.inputs, Policy())
    rows = [dict(reversed(row.items())) for row in json_rows(MIXED)]
    columns, warned = schema.validate(decoded(rows, rows[0]), len(rows))
    assert warned == ()
    same(model.predict(columns), estimator.predict(MIXED), estimator.predict_proba(MIXED))


def test_one_row_of_mixed_types_sees_the_dtypes_of_training():
    seen = []

    def spy(frame):
        seen.append(frame.dtypes.astype(str).to_dict())
        return frame

    estimator = make_pipeline(FunctionTransformer(spy), mixed_pipeline()).fit(MIXED, MIXED_TARGET)
    signature = infer(estimator, "sklearn", MIXED)
    schema = Schema(signature.inputs, Policy())
    _, flavour = owner(estimator)
    stored = flavour.dump(estimator, trust=(), allow_pickle=True)
    assert stored.pickle
    model = flavour.load(
        stored.files,
        format=stored.format,
        trusted_types=(),
        signature=signature,
        allow_pickle=True,
    )
    training = seen[0]
    for row in json_rows(MIXED.head(6)):
        columns, _ = schema.validate(decoded([row], row), 1)
        model.predict(columns)
        model_seen = model._framer.frame(columns).dtypes.astype(str).to_dict()
        gaps = {name for name, value in row.items() if value is None}
        assert {k: v for k, v in model_seen.items() if k not in gaps} == {
            k: v for k, v in training.items() if k not in gaps
        }


def test_categories_reach_xgboost_as_in_training():
    frame = MIXED[["age", "grade"]]
    estimator = xgboost.XGBClassifier(n_estimators=5, enable_categorical=True)
    estimator.fit(frame, MIXED_TARGET)
    signature, model = served(estimator, frame)
    schema = Schema(signature.inputs, Policy())
    rows = json_rows(frame)
    columns, _ = schema.validate(decoded(rows, rows[0]), len(rows))
    same(model.predict(columns), estimator.predict(frame), estimator.predict_proba(frame))


def test_gaps_are_what_xgboost_was_told_they_are():
    frame = pd.DataFrame({"x": np.where(np.arange(60) % 3, np.arange(60.0), -999.0)})
    estimator = xgboost.XGBClassifier(n_estimators=3, missing=-999.0)
    estimator.fit(frame, np.arange(60) % 2)
    _, model = served(estimator, frame)
    same(model.predict(to_columns(frame)), estimator.predict(frame), estimator.predict_proba(frame))


def test_what_needs_a_pickle_is_refused_without_consent_and_flagged_with_it():
    estimator = make_pipeline(FunctionTransformer(lambda rows: rows * 2), LinearRegression())
    estimator.fit(FRAME, SCORE)
    with pytest.raises(InvalidInput, match="--allow-pickle"):
        served(estimator, FRAME)
    name, flavour = owner(estimator)
    stored = flavour.dump(estimator, trust=(), allow_pickle=True)
    assert stored.pickle
    signature = infer(estimator, name, FRAME)
    arguments = {"format": stored.format, "trusted_types": (), "signature": signature}
    with pytest.raises(ArtifactRejected, match="allow_pickle"):
        flavour.load(stored.files, allow_pickle=False, **arguments)
    model = flavour.load(stored.files, allow_pickle=True, **arguments)
    assert model.predict(to_columns(FRAME)).values.tobytes() == estimator.predict(FRAME).tobytes()


class Unknown(LinearRegression):
    """A type of somebody's own, which skops stores but does not trust."""


def test_types_of_ones_own_are_named_and_served_once_trusted():
    estimator = Unknown().fit(FRAME, SCORE)
    with pytest.raises(InvalidInput) as caught:
        served(estimator, FRAME)
    (named,) = caught.value.details["types"]
    assert named.endswith("Unknown")
    assert f"--trust {named}" in caught.value.message


@pytest.mark.parametrize(("estimator", "labels"), EVERYTHING)
def test_damaged_files_are_rejected(estimator, labels):
    name, flavour = owner(estimator)
    signature = infer(estimator, name, FRAME, labels)
    stored = flavour.dump(estimator, trust=(), allow_pickle=False)
    files = {path: content[: len(content) // 3] for path, content in stored.files.items()}
    with pytest.raises(ArtifactRejected):
        flavour.load(
            files,
            format=stored.format,
            trusted_types=stored.trusted_types,
            signature=signature,
            allow_pickle=False,
        )


def test_an_unknown_flavour_is_rejected_with_those_that_are_known():
    with pytest.raises(ArtifactRejected, match="sklearn, xgboost"):
        resolve("prophet")


@pytest.mark.parametrize("thing", [object(), {"a": 1}, "model.pkl", None])
def test_what_is_no_model_is_refused(thing):
    with pytest.raises(InvalidInput, match="cannot be served"):
        owner(thing)


def test_models_are_stored_alike_each_time():
    estimator = fitted(CLASSIFIERS["pipeline"], FRAME, TWO)
    _, flavour = owner(estimator)
    one = flavour.dump(estimator, trust=(), allow_pickle=False)
    assert dataclasses.replace(one, files={}) == dataclasses.replace(
        flavour.dump(cloudpickle.loads(cloudpickle.dumps(estimator)), trust=(), allow_pickle=False),
        files={},
    )


def test_batches_of_mixed_types_can_be_stacked_like_those_of_numbers():
    signature, model = served(mixed_pipeline(), MIXED)
    schema = Schema(signature.inputs, Policy())
    rows = json_rows(MIXED)
    whole, _ = schema.validate(decoded(rows, rows[0]), len(rows))
    parts = [schema.validate(decoded(rows[i : i + 6], rows[0]), 6)[0] for i in range(0, 60, 6)]
    assert len({tuple(array.dtype for array in part.arrays) for part in parts}) == 1
    stacked = model.predict(concatenate(parts))
    assert stacked.probabilities.tobytes() == model.predict(whole).probabilities.tobytes()
