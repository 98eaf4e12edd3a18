"""imbalanced-learn, searches, thresholds, and boosters inside of other models, as they are."""

import warnings

import catboost
import imblearn.combine
import imblearn.ensemble
import imblearn.over_sampling
import imblearn.under_sampling
import lightgbm
import numpy as np
import pandas as pd
import pytest
import skops.io
from imblearn import FunctionSampler
from imblearn.pipeline import make_pipeline
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - what makes it importable
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline as plain_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from serve_app.core.messages import MISSING
from serve_app.core.policy import Policy
from serve_app.core.schema import Schema
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.models.trusted import TRUSTED
from serve_app.registry.store import Registry

RNG = np.random.default_rng(8)
ROWS = 160
FRAME = pd.DataFrame(RNG.normal(size=(ROWS, 4)).round(1), columns=["age one", "b", "c", "d"])
TWO = np.where(FRAME["age one"] + FRAME["b"] ** 2 > 1.5, "rare", "usual")
THREE = np.where(FRAME["c"] > 0.8, "top", np.where(FRAME["b"] > 0, "mid", "low"))
MIXED = FRAME.assign(city=RNG.choice(["Rome", "Oslo", "Bern"], ROWS))
SCORE = (FRAME["age one"] - FRAME["c"] ** 2).to_numpy()


def light(**more):
    return lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=5, verbose=-1, **more)


def cat(**more):
    return catboost.CatBoostClassifier(
        iterations=5, depth=3, verbose=0, allow_writing_files=False, thread_count=1, **more
    )


def words(last):
    encoded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city"]), remainder="passthrough"
    )
    return plain_pipeline(encoded, last)


SCORERS = (
    "sklearn.metrics._classification.balanced_accuracy_score",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
)
GRID = {"C": [0.1, 1.0]}
OVER = imblearn.over_sampling.SMOTE(random_state=0)
UNDER = imblearn.under_sampling.RandomUnderSampler(random_state=0)
CLASSIFIERS = {
    "sampled": make_pipeline(StandardScaler(), OVER, LogisticRegression()),
    "sampled twice": make_pipeline(OVER, StandardScaler(), UNDER, DecisionTreeClassifier()),
    "nothing before": make_pipeline(UNDER, light()),
    "balanced forest": imblearn.ensemble.BalancedRandomForestClassifier(5, random_state=0),
    "balanced bagging": imblearn.ensemble.BalancedBaggingClassifier(n_estimators=3, random_state=0),
    "easy ensemble": imblearn.ensemble.EasyEnsembleClassifier(
        n_estimators=2, estimator=AdaBoostClassifier(n_estimators=3), random_state=0
    ),
    "boosted samples": imblearn.ensemble.RUSBoostClassifier(n_estimators=3, random_state=0),
    "searched": GridSearchCV(
        make_pipeline(OVER, LogisticRegression()), {"logisticregression__C": [0.1, 1.0]}, cv=2
    ),
    "randomised": RandomizedSearchCV(LogisticRegression(), GRID, n_iter=2, cv=2, random_state=0),
    "halving": HalvingGridSearchCV(LogisticRegression(), GRID, cv=2, random_state=0),
    "halving at random": HalvingRandomSearchCV(LogisticRegression(), GRID, cv=2, random_state=0),
    "searched trees": GridSearchCV(light(), {"num_leaves": [3, 5]}, cv=2),
    "searched cats": GridSearchCV(cat(), {"depth": [2, 3]}, cv=2),
    "fixed": FixedThresholdClassifier(LogisticRegression(), threshold=0.2),
    "tuned": TunedThresholdClassifierCV(light(), cv=2, random_state=0),
    "calibrated": CalibratedClassifierCV(light(), cv=2),
    "voting": VotingClassifier([("l", light()), ("c", cat())], voting="soft"),
    "stacking": StackingClassifier([("l", light()), ("c", cat())], cv=2),
    "scaled": plain_pipeline(StandardScaler(), light()),
    "scaled cats": plain_pipeline(StandardScaler(), cat()),
}


@pytest.fixture
def registry(tmp_path):
    return Registry(str(tmp_path))


def asked(registry, frame, *, native):
    loaded = load(registry, "odd", 1, native=native)
    inputs = loaded.manifest.signature.inputs
    rows = frame.to_dict(orient="records")
    given = {column.name: [row.get(column.name, MISSING) for row in rows] for column in inputs}
    columns, _ = Schema(inputs, Policy()).validate(given, len(rows))
    return loaded.model.predict(columns)


def like_the_library(registry, model, frame, target):
    """Register it with its columns in another order, and compare both forms with its own words."""
    with warnings.catch_warnings(action="ignore"):
        model.fit(frame, target)
    manifest = register(
        registry, Candidate("odd", model, frame[frame.columns[::-1]]), trust=SCORERS
    )
    for native in (True, False):
        said = asked(registry, frame, native=native)
        wanted = model.predict(frame)
        if wanted.dtype.kind == "f":
            assert said.values == pytest.approx(wanted, rel=1e-9)
        else:
            assert said.values.tolist() == wanted.tolist()
        if hasattr(model, "predict_proba"):
            assert said.probabilities == pytest.approx(model.predict_proba(frame), abs=1e-12)
    return manifest


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_answers_like_the_library_whatever_is_in_it(registry, name):
    manifest = like_the_library(registry, CLASSIFIERS[name], FRAME, TWO)
    assert not manifest.pickle
    assert not manifest.signature.by_position
    reason = manifest.compiled.reason or ""
    assert manifest.compiled.served or "no faster" in reason, reason


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", ["sampled", "balanced forest", "scaled", "voting", "easy ensemble"]
)
def test_three_classes_do_as_well(registry, name):
    like_the_library(registry, CLASSIFIERS[name], FRAME, THREE)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("last", [light(), cat()], ids=["lightgbm", "catboost"])
def test_words_before_trees_are_compiled_from_sparse_matrices_too(registry, last):
    manifest = like_the_library(registry, words(last), MIXED, TWO)
    assert manifest.compiled.served, manifest.compiled.reason


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "made",
    [
        MultiOutputRegressor(lightgbm.LGBMRegressor(n_estimators=3, verbose=-1)),
        BaggingRegressor(lightgbm.LGBMRegressor(n_estimators=3, verbose=-1), 2, random_state=0),
    ],
    ids=lambda made: type(made).__name__,
)
def test_regressors_of_boosters(registry, made):
    both = np.column_stack([SCORE, -2 * SCORE])
    target = both if isinstance(made, MultiOutputRegressor) else SCORE
    like_the_library(registry, made, FRAME, target)


SAMPLERS = [
    getattr(module, name)
    for module in (imblearn.over_sampling, imblearn.under_sampling, imblearn.combine)
    for name in module.__all__
    if name not in {"SMOTEN", "SMOTENC"}
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("sampler", [*SAMPLERS, FunctionSampler], ids=lambda kind: kind.__name__)
def test_every_sampler_is_stored_without_a_word_of_trust(sampler):
    model = make_pipeline(sampler(), LogisticRegression()).fit(FRAME, (TWO == "rare").astype(int))
    assert set(skops.io.get_untrusted_types(data=skops.io.dumps(model))) <= TRUSTED
