"""The example models: trained on real data, evaluated honestly, ready to be registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
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


def _diagnosis_xgb() -> Candidate:
    boosted = XGBClassifier(n_estimators=100, max_depth=4, learning_rate=0.1, random_state=SEED)
    return _diagnosis("diagnosis-xgb", boosted)


def _diagnosis_forest() -> Candidate:
    forest = RandomForestClassifier(n_estimators=50, random_state=SEED)
    return _diagnosis("diagnosis-forest", forest)


def _diagnosis_logistic() -> Candidate:
    logistic = make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000)
    )
    return _diagnosis("diagnosis-logistic", logistic)


def _diagnosis_millimetres() -> Candidate:
    """A forest that has learned lengths in millimetres, of patients whose rows have other units.

    Its own evaluation is as good as any, and of rows as clients send them it calls everybody
    benign: what a canary is for.
    """
    data = breast_cancer()
    factors = [float(_millimetres(name)) for name in data.frame.columns]
    forest = RandomForestClassifier(n_estimators=50, random_state=SEED)
    return _trained(
        "diagnosis-millimetres",
        forest,
        replace(data, frame=data.frame * factors),
        chain=_diagnosis_features().estimator,
    )


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
