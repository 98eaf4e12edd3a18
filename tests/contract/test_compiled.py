"""Every estimator registers and answers exactly like itself, compiled or not.

What is compiled is held against the library by `models/parity.py`; here also every trap that
other ways of converting have fallen into.
"""

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils import all_estimators

from serve_app.models import parity, probes
from serve_app.models.compiled.model import load_compiled
from serve_app.models.frames import to_columns
from serve_app.models.signature import infer
from tests.contract.compiling import assert_same_in_threads, compiled

ROWS = 150
SHARE = 0.9
RNG = np.random.default_rng(1)
NUMBERS = pd.DataFrame({f"c{i}": RNG.normal(size=ROWS).round(2) for i in range(4)})
WHOLE = NUMBERS.abs().round(0)
TWO = np.where(NUMBERS.c0 + NUMBERS.c1 * NUMBERS.c2 > 0, "a", "b").astype(object)
THREE = np.where(NUMBERS.c0 > 0.5, "x", np.where(NUMBERS.c1 > 0, "y", "z")).astype(object)
SCORE = (NUMBERS.c0 * 2 + NUMBERS.c1**2 + RNG.normal(size=ROWS) * 0.1).to_numpy()
BOTH = np.column_stack([SCORE, SCORE * 2])


def constructed(kind, cls):
    members = {
        "classifier": [("a", LogisticRegression()), ("b", RandomForestClassifier(5))],
        "regressor": [("a", Ridge()), ("b", RandomForestRegressor(5))],
    }[kind]
    wanted = inspect.signature(cls).parameters
    given = {}
    if "estimators" in wanted and "estimator" not in wanted:
        given["estimators"] = members
    elif wanted.get("estimator") and wanted["estimator"].default is inspect.Parameter.empty:
        given["estimator"] = members[0][1]
    if "voting" in wanted:
        given["voting"] = "soft"
    return cls(**given)


def attempts(kind):
    """Data that an estimator may be fitted on, the usual first."""
    targets = [TWO, (TWO == "a").astype(int)] if kind == "classifier" else [SCORE, SCORE + 9, BOTH]
    for target in targets:
        yield NUMBERS, target
        yield WHOLE, target
    yield NUMBERS[["c0"]], targets[0]


def every():
    with warnings.catch_warnings(action="ignore"):
        for kind in ("classifier", "regressor"):
            for name, cls in all_estimators(type_filter=kind):
                made = constructed(kind, cls)
                for frame, target in attempts(kind):
                    try:
                        fitted = clone(made).fit(frame, target)
                        infer(fitted, "sklearn", frame)
                    except Exception:  # noqa: BLE001 - it does not take this data
                        continue
                    yield name, fitted, frame
                    break


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(600)
def test_every_estimator_is_served_and_most_are_compiled(capsys):
    served, reasons, scoreless = [], {}, []
    for name, estimator, frame in every():
        found, _, signature = compiled(estimator, frame)
        served.append(name)
        if found.content is not None and signature.output.raw_scores > found.raw_scores:
            scoreless.append(name)
        if found.content is None:
            reasons[name] = found.reason
    share = 1 - len(reasons) / len(served)
    with capsys.disabled():
        print(f"\n{share:.0%} of {len(served)} estimators compiled; by their library: {reasons}")
    assert share >= SHARE
    assert scoreless == []
    # Whatever is not compiled has no compiled form; nothing was found to be wrong.
    assert all("no compiled form" in reason for reason in reasons.values()), reasons


NUMERIC = [f"n{i}" for i in range(4)] + ["whole", "gaps"]
WORDS = [f"s{i}" for i in range(4)]


def mixed(kind="str"):
    """A frame of numbers and text; `kind` is how pandas holds the text and its gaps."""
    rng = np.random.default_rng(0)
    size = 300
    frame = pd.DataFrame({f"n{i}": rng.normal(size=size).round(3) for i in range(4)})
    frame["whole"] = rng.integers(0, 50, size)
    frame["gaps"] = np.where(rng.random(size) < 0.1, np.nan, rng.normal(size=size))
    for number, name in enumerate(WORDS):
        words = rng.choice([f"v{j}" for j in range(3 + number * 4)], size).astype(object)
        if number % 2:
            words[rng.random(size) < 0.05] = None
        frame[name] = pd.Series(words, dtype="str" if kind == "str" else object)
        if kind == "nan":
            frame[name] = frame[name].where(frame[name].notna(), np.nan)
        elif kind == "category":
            frame[name] = frame[name].astype("category")
    return frame


FRAME = mixed()
NUMBER_FRAME = FRAME[NUMERIC]
YES = (FRAME.n0 + FRAME.n1 * (FRAME.s0 == "v1") > 0).astype(int).to_numpy()
KINDS = np.digitize(FRAME.n0 + FRAME.n1, [-0.5, 0.5])
VALUE = (FRAME.n0 * 3 + FRAME.whole / 10 + (FRAME.s2 == "v3")).to_numpy()


def prepared(encoder=None, **more):
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = encoder or OneHotEncoder(handle_unknown="ignore")
    return make_column_transformer((numbers, NUMERIC), (words, WORDS), **more)


def boosted(**more):
    return xgboost.XGBClassifier(n_estimators=20, max_depth=4, n_jobs=1, **more)


def text(strategy, **more):
    return make_pipeline(
        SimpleImputer(strategy=strategy, **more), OneHotEncoder(handle_unknown="ignore")
    )


PIPELINES = {
    "sparse, where XGBoost takes zeros for gaps": (
        make_pipeline(prepared(sparse_threshold=1.0), boosted()), FRAME, YES),
    "dense, where it does not": (
        make_pipeline(prepared(sparse_threshold=0), boosted()), FRAME, YES),
    "text with None": (make_pipeline(prepared(), boosted()), mixed("object"), YES),
    "text with NaN": (make_pipeline(prepared(), boosted()), mixed("nan"), YES),
    "a forest of three classes": (
        make_pipeline(prepared(), RandomForestClassifier(20, random_state=0)), FRAME, KINDS),
    "scaled after it was sparse": (
        make_pipeline(prepared(sparse_threshold=1.0), MaxAbsScaler(), boosted()), FRAME, YES),
    "scaled without a mean": (
        make_pipeline(prepared(sparse_threshold=1.0), StandardScaler(with_mean=False),
                      LogisticRegression()), FRAME, YES),
    "unknown categories refused": (
        make_pipeline(prepared(OneHotEncoder()), LogisticRegression()), FRAME, YES),
    "infrequent categories": (
        make_pipeline(prepared(OneHotEncoder(min_frequency=40,
                      handle_unknown="infrequent_if_exist")), LogisticRegression()), FRAME, YES),
    "at most four categories": (
        make_pipeline(prepared(OneHotEncoder(max_categories=4, handle_unknown="ignore")),
                      LogisticRegression()), FRAME, YES),
    "the first category dropped": (
        make_pipeline(prepared(OneHotEncoder(drop="first", handle_unknown="ignore",
                      sparse_output=False)), GaussianNB()), FRAME, YES),
    "binary categories dropped": (
        make_pipeline(prepared(OneHotEncoder(drop="if_binary")), Ridge()), FRAME, VALUE),
    "codes": (
        make_pipeline(prepared(OrdinalEncoder(handle_unknown="use_encoded_value",
                      unknown_value=-1, encoded_missing_value=-2)),
                      HistGradientBoostingClassifier(max_iter=10)), FRAME, YES),
    "codes with gaps": (
        make_pipeline(prepared(OrdinalEncoder(handle_unknown="use_encoded_value",
                      unknown_value=np.nan)), HistGradientBoostingRegressor(max_iter=10)),
        FRAME, VALUE),
    "text filled": (
        make_pipeline(prepared(text("constant", fill_value="none")), LogisticRegression()),
        FRAME, YES),
    "text filled where NaN": (
        make_pipeline(prepared(text("most_frequent")), LogisticRegression()), mixed("nan"), YES),
    "text filled where None": (
        make_pipeline(prepared(text("most_frequent", missing_values=None)), LogisticRegression()),
        mixed("object"), YES),
    "categories of pandas": (
        make_pipeline(prepared(), RandomForestRegressor(10, random_state=0)),
        mixed("category"), VALUE),
    "categories of XGBoost": (boosted(enable_categorical=True), mixed("category"), YES),
    "sets of categories of XGBoost": (
        boosted(enable_categorical=True, max_cat_to_onehot=1), mixed("category"), YES),
    "categories of histogram boosting": (
        HistGradientBoostingClassifier(max_iter=10), mixed("category"), KINDS),
    "bins one-hot": (
        make_pipeline(SimpleImputer(), KBinsDiscretizer(4), boosted()), NUMBER_FRAME, YES),
    "bins and flags of gaps": (
        make_pipeline(SimpleImputer(add_indicator=True), KBinsDiscretizer(4, encode="ordinal"),
                      RandomForestClassifier(10)), NUMBER_FRAME, YES),
    "polynomials": (
        make_pipeline(SimpleImputer(), PolynomialFeatures(3), StandardScaler(), Ridge()),
        NUMBER_FRAME, VALUE),
    "interactions": (
        make_pipeline(SimpleImputer(), PolynomialFeatures(3, interaction_only=True,
                      include_bias=False), RandomForestRegressor(10)), NUMBER_FRAME, VALUE),
    "components": (
        make_pipeline(SimpleImputer(), PCA(3, whiten=True), boosted()), NUMBER_FRAME, YES),
    "a union": (
        make_pipeline(SimpleImputer(), FeatureUnion([("p", PCA(2)), ("s", MinMaxScaler(clip=True)),
                      ("same", "passthrough")]), RobustScaler(), SelectKBest(k=6),
                      LogisticRegression()), NUMBER_FRAME, YES),
    "columns passed through": (
        make_pipeline(ColumnTransformer([("o", OneHotEncoder(handle_unknown="ignore"), WORDS)],
                      remainder="passthrough"), boosted()), FRAME, YES),
    "three classes of XGBoost": (boosted(), NUMBER_FRAME, KINDS),
    "a gap that is a number": (boosted(missing=0.0), NUMBER_FRAME, YES),
    "another base score": (boosted(base_score=0.1), NUMBER_FRAME, YES),
    "an XGBoost regression": (
        xgboost.XGBRegressor(n_estimators=20, n_jobs=1), NUMBER_FRAME, VALUE),
    "counts": (
        xgboost.XGBRegressor(n_estimators=20, objective="count:poisson", n_jobs=1),
        NUMBER_FRAME, np.abs(VALUE)),
    "two targets of XGBoost": (
        xgboost.XGBRegressor(n_estimators=5, n_jobs=1), NUMBER_FRAME,
        np.column_stack([VALUE, -VALUE])),
    "a forest of XGBoost": (
        xgboost.XGBRFClassifier(n_estimators=20, n_jobs=1), NUMBER_FRAME, KINDS),
    "integers alone": (boosted(), NUMBER_FRAME[["whole"]], YES),
    "float32": (
        make_pipeline(StandardScaler(), LogisticRegression()),
        NUMBER_FRAME.fillna(0).astype(np.float32), YES),
    "a stack of pipelines": (
        StackingClassifier([("a", make_pipeline(prepared(), LogisticRegression())),
                            ("b", make_pipeline(prepared(), RandomForestClassifier(5)))], cv=2),
        FRAME, YES),
    "a vote of pipelines": (
        VotingClassifier([("a", make_pipeline(prepared(), LogisticRegression())),
                          ("b", make_pipeline(prepared(), RandomForestClassifier(5)))]),
        FRAME, KINDS),
    "calibrated": (
        CalibratedClassifierCV(RandomForestClassifier(5), method="isotonic", cv=2),
        NUMBER_FRAME.fillna(0), KINDS),
    "neighbours": (
        make_pipeline(SimpleImputer(), StandardScaler(), KNeighborsClassifier(7)),
        NUMBER_FRAME, KINDS),
    "neighbours in the same places": (
        KNeighborsRegressor(4, metric="manhattan"), NUMBER_FRAME.fillna(0).round(0), VALUE),
    "bags of columns": (
        BaggingClassifier(LogisticRegression(), 5, max_features=0.5), NUMBER_FRAME.fillna(0), YES),
    "a transformer": (
        make_pipeline(SimpleImputer(), SelectKBest(k=3)).set_output(transform="pandas"),
        NUMBER_FRAME, YES),
}  # fmt: skip


# Their decision functions are not what their predictions come from.
SCORELESS = {"bags of columns"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PIPELINES)
def test_what_others_convert_wrong_is_compiled_right(name):
    estimator, frame, target = PIPELINES[name]
    found, native, signature = compiled(clone(estimator).fit(frame, target), frame)
    assert found.content is not None, found.reason
    assert found.rows > 500
    # And once more with other rows than those that the gate chose.
    model = load_compiled(found.content, signature)
    for one in (model, native):
        assert_same_in_threads(one, to_columns(frame))
    others = list(probes.ordinary(to_columns(frame), signature.inputs, {}, seed=99))
    kind = signature.output.kind
    again = parity.compare(parity.outputs(native, kind), parity.outputs(model, kind), others)
    assert again.largest_difference <= 1e-5
    assert found.raw_scores is (signature.output.raw_scores and name not in SCORELESS)
    if found.raw_scores:
        scores = parity.compare(parity.scores(native), parity.scores(model), others)
        assert scores.largest_difference <= 1e-5


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (xgboost.XGBClassifier(n_estimators=5, booster="gblinear"), "gblinear"),
        (make_pipeline(SimpleImputer(), KNeighborsClassifier(weights=np.ones_like)), "weights"),
        (make_pipeline(SimpleImputer(), KNeighborsClassifier(algorithm="brute")), "brute"),
        (make_pipeline(SimpleImputer(), PCA(2), GaussianNB().__class__()), None),
    ],
)
def test_what_has_no_compiled_form_says_why(estimator, reason):
    found, _, _ = compiled(estimator.fit(NUMBER_FRAME, YES), NUMBER_FRAME)
    assert (found.reason is None) if reason is None else (reason in found.reason)


@pytest.mark.parametrize(
    "estimator",
    [
        xgboost.XGBClassifier(n_estimators=200, n_jobs=1),
        xgboost.XGBRegressor(n_estimators=200, n_jobs=1),
        RandomForestClassifier(200, random_state=0),
        RandomForestRegressor(200, random_state=0),
        HistGradientBoostingClassifier(max_iter=200),
        GradientBoostingRegressor(n_estimators=200),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_trees_answer_a_row_alone_as_among_others_to_the_last_bit(estimator):
    target = TWO == "a" if hasattr(estimator, "predict_proba") else SCORE
    found, _, signature = compiled(estimator.fit(NUMBERS, target), NUMBERS)
    says = parity.outputs(load_compiled(found.content, signature), signature.output.kind)
    rows = to_columns(NUMBERS)
    together = says(rows).near
    alone = [says(rows.slice(i, i + 1)).near for i in range(ROWS)]
    assert np.concatenate(alone).tobytes() == together.tobytes()


class Stranger(LogisticRegression):
    """Computes something else than its parent."""

    def decision_function(self, X):  # noqa: N803
        return -super().decision_function(X)


def test_a_subclass_is_never_taken_for_its_parent():
    found, _, _ = compiled(Stranger().fit(NUMBERS, TWO), NUMBERS)
    assert found.reason == "there is no compiled form of Stranger"


def test_a_plain_booster_that_stopped_early_is_compiled():
    data = xgboost.DMatrix(NUMBERS[:75], (TWO == "a")[:75])
    rest = xgboost.DMatrix(NUMBERS[75:], (TWO != "a")[75:])
    booster = xgboost.train(
        {"objective": "binary:logistic"}, data, 40, evals=[(rest, "rest")],
        early_stopping_rounds=2, verbose_eval=False,
    )  # fmt: skip
    assert booster.best_iteration < booster.num_boosted_rounds() - 1
    found, _, _ = compiled(booster, NUMBERS)
    assert found.content is not None, found.reason
