"""The example models: trained on real data, evaluated honestly, ready to be registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor

from serve_app.engine.registration.register import Candidate
from serve_app.examples.datasets import SEED, Dataset, breast_cancer, diabetes, wine
from serve_app.models.evaluate import evaluate

Make = Callable[[], Candidate]


def _diagnosis_features() -> Candidate:
    data, _ = breast_cancer().parts()
    # Arithmetic of single cells only: a row comes out the same in a batch of any size.
    features = make_pipeline(SimpleImputer(strategy="median"), SelectKBest(f_classif, k=15))
    features.set_output(transform="pandas").fit(data.frame, data.target)
    return Candidate(
        "diagnosis-features", features, data.frame, source=data.source, target=data.predicts
    )


def _diagnosis(name: str, estimator: Any) -> Candidate:
    """A classifier of what the transformer gives."""
    return _trained(name, estimator, breast_cancer(), chain=_diagnosis_features().estimator)


def _boosted() -> XGBClassifier:
    return XGBClassifier(n_estimators=100, max_depth=4, learning_rate=0.1, random_state=SEED)


def _forest() -> RandomForestClassifier:
    return RandomForestClassifier(n_estimators=50, random_state=SEED)


def _logistic() -> Pipeline:
    return make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000)
    )


def _diagnosis_xgb() -> Candidate:
    return _diagnosis("diagnosis-xgb", _boosted())


def _diagnosis_forest() -> Candidate:
    return _diagnosis("diagnosis-forest", _forest())


def _diagnosis_logistic() -> Candidate:
    return _diagnosis("diagnosis-logistic", _logistic())


def _diagnosis_millimetres() -> Candidate:
    """A forest that has learned lengths in millimetres, of patients whose rows have other units.

    Its own evaluation is as good as any, and of rows as clients send them it calls everybody
    benign: what a canary is for.
    """
    data = breast_cancer()
    factors = [float(_millimetres(name)) for name in data.frame.columns]
    return _trained(
        "diagnosis-millimetres",
        _forest(),
        replace(data, frame=data.frame * factors),
        chain=_diagnosis_features().estimator,
    )


def _diagnosis_stacker() -> Candidate:
    """A meta-model that answers by how sure the other three are.

    Like all examples it is fitted on three quarters of the rows: on what members say of each of
    them that were fitted on others, by turns.
    """
    data = breast_cancer()
    fitted_on, held_out = data.parts()
    features = _diagnosis_features().estimator
    rows, later = features.transform(fitted_on.frame), features.transform(held_out.frame)
    given = pd.DataFrame(index=data.frame.index)
    members = {"xgb": _boosted(), "forest": _forest(), "logistic": _logistic()}
    for name, member in members.items():
        column, target = f"diagnosis-{name}@1:{data.labels[1]}", fitted_on.target
        by_turns = cross_val_predict(member, rows, target, method="predict_proba")
        given.loc[rows.index, column] = by_turns[:, 1]
        given.loc[later.index, column] = member.fit(rows, target).predict_proba(later)[:, 1]
    return _trained("diagnosis-stacker", LogisticRegression(), replace(data, frame=given))


def _millimetres(column: str) -> int:
    """By how much a number grows that was of a centimetre, or of its square."""
    if "area" in column:
        return 100
    return 10 if "radius" in column or "perimeter" in column else 1


def _progression_xgb() -> Candidate:
    boosted = XGBRegressor(n_estimators=80, max_depth=3, learning_rate=0.05, random_state=SEED)
    return _trained("progression-xgb", boosted, diabetes())


def _cultivar_forest() -> Candidate:
    forest = RandomForestClassifier(n_estimators=50, random_state=SEED)
    return _trained("cultivar-forest", forest, wine())


EXAMPLES: Mapping[str, Mapping[str, Make]] = {
    "diagnosis": {
        "diagnosis-features": _diagnosis_features,
        "diagnosis-xgb": _diagnosis_xgb,
        "diagnosis-forest": _diagnosis_forest,
        "diagnosis-logistic": _diagnosis_logistic,
    },
    "millimetres": {"diagnosis-millimetres": _diagnosis_millimetres},
    "stacker": {"diagnosis-stacker": _diagnosis_stacker},
    "progression": {"progression-xgb": _progression_xgb},
    "cultivar": {"cultivar-forest": _cultivar_forest},
}
"""For each example the models that it consists of, and what trains and evaluates each."""


def _trained(name: str, estimator: Any, data: Dataset, *, chain: Any = None) -> Candidate:
    """Evaluated on all rows by turns, then fitted on those that are not held out."""
    numbered = isinstance(estimator, XGBClassifier) or not data.labels
    target = data.target if numbered else data.named_target
    evaluation = evaluate(estimator, data.frame, target, chain=chain, seed=SEED)
    part, _ = data.parts()
    frame = part.frame if chain is None else chain.transform(part.frame)
    estimator.fit(frame, part.target if numbered else part.named_target)
    return Candidate(
        name,
        estimator,
        frame,
        labels=data.labels if numbered else (),
        source=f"three quarters of {data.source}",
        target=data.predicts,
        evaluation=evaluation,
    )
