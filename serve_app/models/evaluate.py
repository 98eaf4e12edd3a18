"""How good is it? Cross-validated and held-out metrics, beside a baseline's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import check_scoring
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate, train_test_split
from sklearn.pipeline import make_pipeline

from serve_app.core.columns import Array
from serve_app.models.target_metrics import Scorers, of_targets

_REGRESSION = {"r2": "r2", "mae": "neg_mean_absolute_error", "rmse": "neg_root_mean_squared_error"}
_CATBOOST_QUIET = {"logging_level": "Silent", "silent": True, "verbose": 0}

HELD_OUT = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What a clone says of rows that it was not fitted on, and what was true of them.

    `probabilities` have a column for each of `classes`, where there are any. `places` are those of
    the rows among all `of_rows`.
    """

    truth: Array
    values: Array
    probabilities: Array | None = None
    classes: tuple[Any, ...] = ()
    places: Array | None = None
    of_rows: int = 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics by name; `baseline` knows nothing but the target's distribution.

    `predicted` are the predictions that the held-out metrics are of, where one thing is predicted.
    """

    folds: int
    cross_validated: dict[str, float] = field(default_factory=dict)
    held_out: dict[str, float] = field(default_factory=dict)
    baseline: dict[str, float] = field(default_factory=dict)
    baseline_cross_validated: dict[str, float] = field(default_factory=dict)
    predicted: HeldOut | None = field(default=None, compare=False, repr=False)


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
    *parts, _, places = train_test_split(
        frame,
        target,
        np.arange(len(target)),
        test_size=HELD_OUT,
        random_state=seed,
        stratify=target if stratified else None,
    )
    fitted = _fitted(model, parts)
    held_out = _predicted(fitted, parts) if target.ndim == 1 else None
    return Evaluation(
        folds=folds,
        cross_validated=_cross_validated(model, frame, target, split, scorers),
        held_out=_scored(fitted, parts, scorers),
        baseline=_scored(_fitted(dummy, parts), parts, scorers),
        baseline_cross_validated=_cross_validated(dummy, frame, target, split, scorers),
        predicted=held_out and replace(held_out, places=places, of_rows=len(target)),
    )


def quiet(estimator: Any) -> Any:
    """The estimator, set to print nothing and to write no files while it is fitted.

    LightGBM and CatBoost print by default, where nobody looks for it, and CatBoost leaves a folder.
    """
    for one in (estimator, *estimator.get_params(deep=True).values()):
        library = type(one).__module__.partition(".")[0]
        if library == "lightgbm" and hasattr(one, "set_params"):
            one.set_params(verbose=-1)
        elif library == "catboost" and hasattr(one, "set_params"):
            # It takes only one of several names for the same.
            parameters = one.get_params().keys()
            named = next((name for name in _CATBOOST_QUIET if name in parameters), "verbose")
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


def _fitted(model: Any, parts: Any) -> Any:
    train, _, target, _ = parts
    return clone(model).fit(train, target)


def _scored(fitted: Any, parts: Any, scorers: Scorers) -> dict[str, float]:
    _, test, _, target = parts
    return {
        name: _upright(scorer, check_scoring(fitted, scorer)(fitted, test, target))
        for name, scorer in scorers.items()
    }


def _predicted(fitted: Any, parts: Any) -> HeldOut | None:
    """What a fitted clone says of the rest; none where it is of another shape than the truth."""
    _, test, _, target = parts
    values = np.asarray(fitted.predict(test))
    if values.size != len(target):
        return None
    gives = hasattr(fitted, "predict_proba") and hasattr(fitted, "classes_")
    if not gives:
        return HeldOut(target, values.reshape(-1))
    shares = np.asarray(fitted.predict_proba(test))
    classes = np.asarray(fitted.classes_).tolist()
    if shares.shape != (len(target), len(classes)):
        return HeldOut(target, values.reshape(-1))
    return HeldOut(target, values.reshape(-1), shares, tuple(classes))


def _upright(scorer: Any, value: Any) -> float:
    """scikit-learn turns errors round so that more is better; people do not."""
    return float(-value if str(scorer).startswith("neg_") else value)
