"""How good is it? Cross-validated and held-out metrics, beside a baseline's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import check_scoring
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate, train_test_split
from sklearn.pipeline import make_pipeline

from serve_app.models.target_metrics import Scorers, of_targets

_REGRESSION = {"r2": "r2", "mae": "neg_mean_absolute_error", "rmse": "neg_root_mean_squared_error"}
_CATBOOST_QUIET = {"logging_level": "Silent", "silent": True, "verbose": 0}

HELD_OUT = 0.25


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics by name; `baseline` knows nothing but the target's distribution."""

    folds: int
    cross_validated: dict[str, float] = field(default_factory=dict)
    held_out: dict[str, float] = field(default_factory=dict)
    baseline: dict[str, float] = field(default_factory=dict)
    baseline_cross_validated: dict[str, float] = field(default_factory=dict)


def evaluate(
    estimator: Any,
    frame: Any,
    target: Any,
    *,
    chain: Any = None,
    folds: int = 5,
    seed: int = 0,
) -> Evaluation:
    """Fit clones of an estimator on parts of the data and score them on the rest.

    `frame` holds the rows in what the estimator takes them. `chain` is a transformer that comes
    first; it is fitted on the same parts, so that nothing of the rest leaks into it. A target of
    several columns is several things that are classified at once: how often all of them are
    right, and how good each is. Deterministic for a seed.
    """
    classifies = is_classifier(estimator)
    names = [str(name) for name in getattr(target, "columns", ())]
    target = np.asarray(target)
    stratified = classifies and target.ndim == 1
    alone = quiet(clone(estimator))
    model = alone if chain is None else make_pipeline(clone(chain), alone)
    dummy = DummyClassifier(strategy="prior") if classifies else DummyRegressor()
    scorers: Scorers = dict(_REGRESSION)
    if classifies:
        scorers = dict(_scorers(estimator, target)) if stratified else of_targets(target, names)
    split = (
        StratifiedKFold(folds, shuffle=True, random_state=seed)
        if stratified
        else KFold(folds, shuffle=True, random_state=seed)
    )
    parts = train_test_split(
        frame,
        target,
        test_size=HELD_OUT,
        random_state=seed,
        stratify=target if stratified else None,
    )
    return Evaluation(
        folds=folds,
        cross_validated=_cross_validated(model, frame, target, split, scorers),
        held_out=_held_out(model, parts, scorers),
        baseline=_held_out(dummy, parts, scorers),
        baseline_cross_validated=_cross_validated(dummy, frame, target, split, scorers),
    )


def quiet(estimator: Any) -> Any:
    """The estimator, told to print nothing and to write no files while it is fitted.

    LightGBM and CatBoost print by default, where nobody looks for it, and CatBoost leaves a folder.
    """
    for one in (estimator, *estimator.get_params(deep=True).values()):
        library = type(one).__module__.partition(".")[0]
        if library == "lightgbm" and hasattr(one, "set_params"):
            one.set_params(verbose=-1)
        elif library == "catboost" and hasattr(one, "set_params"):
            # It takes only one of several names for the same.
            said = one.get_params().keys()
            named = next((name for name in _CATBOOST_QUIET if name in said), "verbose")
            one.set_params(allow_writing_files=False, **{named: _CATBOOST_QUIET[named]})
    return estimator


def _scorers(estimator: Any, target: Any) -> dict[str, str]:
    scorers = {"accuracy": "accuracy", "balanced_accuracy": "balanced_accuracy"}
    if hasattr(estimator, "predict_proba"):
        binary = len(np.unique(target)) == 2
        scorers["roc_auc"] = "roc_auc" if binary else "roc_auc_ovr"
        scorers["log_loss"] = "neg_log_loss"
    return scorers


def _cross_validated(
    model: Any, frame: Any, target: Any, split: Any, scorers: Scorers
) -> dict[str, float]:
    failed: Any = np.nan if target.ndim == 1 else "raise"
    scores = cross_validate(model, frame, target, cv=split, scoring=scorers, error_score=failed)
    return {name: _upright(scorers[name], scores[f"test_{name}"].mean()) for name in scorers}


def _held_out(model: Any, parts: Any, scorers: Scorers) -> dict[str, float]:
    train, test, train_target, test_target = parts
    fitted = clone(model).fit(train, train_target)
    return {
        name: _upright(scorer, check_scoring(fitted, scorer)(fitted, test, test_target))
        for name, scorer in scorers.items()
    }


def _upright(scorer: Any, value: Any) -> float:
    """scikit-learn turns errors round so that more is better; people do not."""
    return float(-value if str(scorer).startswith("neg_") else value)
