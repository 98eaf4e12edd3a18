"""The example models: trained on real data, evaluated honestly, ready to be registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor

from serve_app.engine.register import Candidate
from serve_app.examples.datasets import Dataset, breast_cancer, diabetes, wine
from serve_app.models.evaluate import evaluate

SEED = 20
Progress = Callable[[str], None]


def diagnosis(progress: Progress) -> Iterator[Candidate]:
    """A transformer and three classifiers that were trained on what it gives."""
    data = breast_cancer()
    progress("diagnosis-features: imputing, choosing the 15 best of 30 measurements")
    # Arithmetic of single cells only: a row comes out the same in a batch of any size.
    features = make_pipeline(SimpleImputer(strategy="median"), SelectKBest(f_classif, k=15))
    features.set_output(transform="pandas")
    chosen = features.fit(data.frame, data.target).transform(data.frame)
    yield Candidate(
        "diagnosis-features", features, data.frame, source=data.source, target=data.predicts
    )
    boosted = XGBClassifier(n_estimators=100, max_depth=4, learning_rate=0.1, random_state=SEED)
    yield _trained("diagnosis-xgb", boosted, data, chosen, progress, chain=features)
    forest = RandomForestClassifier(n_estimators=50, random_state=SEED)
    yield _trained("diagnosis-forest", forest, data, chosen, progress, chain=features)
    logistic = make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000)
    )
    yield _trained("diagnosis-logistic", logistic, data, chosen, progress, chain=features)


def progression(progress: Progress) -> Iterator[Candidate]:
    """A regression."""
    data = diabetes()
    boosted = XGBRegressor(n_estimators=80, max_depth=3, learning_rate=0.05, random_state=SEED)
    yield _trained("progression-xgb", boosted, data, data.frame, progress)


def cultivar(progress: Progress) -> Iterator[Candidate]:
    """Three classes."""
    data = wine()
    forest = RandomForestClassifier(n_estimators=50, random_state=SEED)
    yield _trained("cultivar-forest", forest, data, data.frame, progress)


EXAMPLES = {"diagnosis": diagnosis, "progression": progression, "cultivar": cultivar}


def _trained(
    name: str,
    estimator: Any,
    data: Dataset,
    frame: pd.DataFrame,
    progress: Progress,
    *,
    chain: Any = None,
) -> Candidate:
    progress(f"{name}: training, cross-validating against a baseline")
    numbered = isinstance(estimator, XGBClassifier) or not data.labels
    target = data.target if numbered else data.named_target
    evaluation = evaluate(estimator, data.frame, target, chain=chain, seed=SEED)
    estimator.fit(frame, target)
    return Candidate(
        name,
        estimator,
        frame,
        labels=data.labels if numbered else (),
        source=data.source,
        target=data.predicts,
        evaluation=evaluation,
    )
