"""Converts models that are made of other models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RANSACRegressor
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.model_selection._search_successive_halving import (
    # Where they are whether or not somebody asked for what is experimental.
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

from serve_app.core.columns import Array
from serve_app.models.compiled.arithmetic import Beside, Elementwise, Pick
from serve_app.models.compiled.classes import Above, BothClasses, Largest, SharesOrZero, Sigmoid
from serve_app.models.compiled.ensembles import (
    Average,
    Calibrated,
    InOrder,
    OnTop,
    PairwiseVotes,
    Placed,
    Votes,
)
from serve_app.models.compiled.operation import Chain, InTurns, Operation, chain
from serve_app.models.compiled.shapes import Column, Flatten
from serve_app.models.convert.dispatch import (
    Given,
    Inconvertible,
    Scored,
    as_array,
    predictor,
    predicts,
    shared,
)
from serve_app.models.convert.linear import curve
from serve_app.models.convert.rows import in_sequence

_SAME = Chain(())
WIDE = 1_000
"""More columns than that are computed some rows at a time."""
CELLS = 2_000_000
"""How many numbers of such rows are held at once."""


@predicts(Pipeline)
def _pipeline(pipeline: Any, given: Given) -> Scored:
    operation, handed_on = in_sequence([step for _, step in pipeline.steps[:-1]], given)
    scored = predictor(pipeline.steps[-1][1], handed_on).before(operation)
    if handed_on.width <= WIDE:
        return scored
    # What scikit-learn keeps as a sparse matrix would take much memory for many rows.
    return replace(scored, scores=InTurns(scored.scores, max(1, CELLS // handed_on.width)))


@predicts(GridSearchCV, HalvingGridSearchCV, HalvingRandomSearchCV, RandomizedSearchCV)
def _search(search: Any, given: Given) -> Scored:
    return predictor(search.best_estimator_, given)


@predicts(RANSACRegressor, SelfTrainingClassifier)
def _wrapped(model: Any, given: Given) -> Scored:
    return predictor(model.estimator_, given)


@predicts(FrozenEstimator)
def _frozen(model: Any, given: Given) -> Scored:
    return predictor(model.estimator, given)


@predicts(VotingRegressor)
def _mean_of_members(model: Any, given: Given) -> Scored:
    start, given = shared(given)
    members = tuple(predictor(m, given).method("predict") for m in model.estimators_)
    return Scored(chain(start, Average(members, _weights(model), transposed=True)))


@predicts(VotingClassifier)
def _vote_of_members(model: Any, given: Given) -> Scored:
    start, given = shared(given)
    labels = as_array(model.classes_)
    converted = [predictor(m, given) for m in model.estimators_]
    if model.voting == "soft":
        members = tuple(one.method("predict_proba") for one in converted)
        scores = chain(start, Average(members, _weights(model), transposed=False))
        return Scored(scores, None, _SAME, Largest(), labels)
    votes = tuple(one.method("predict") for one in converted)
    given_weights = _weights(model)
    weights = np.ones(len(votes)) if given_weights is None else given_weights
    return Scored(chain(start, Votes(votes, weights, len(labels))), None, None, Largest(), labels)


def _weights(model: Any) -> Array | None:
    weights = model._weights_not_none
    return None if weights is None else np.asarray(weights, dtype=float)


def _bagged(model: Any, given: Given, method: str) -> tuple[Operation | None, list[Operation]]:
    start, given = shared(given)
    members: list[Operation] = []
    for member, features in zip(model.estimators_, model.estimators_features_, strict=True):
        everything = np.array_equal(features, np.arange(given.width))
        pick = None if everything else Pick(tuple(int(j) for j in features))
        columns = None
        if given.columns is not None:
            columns = tuple(given.columns[int(j)] for j in features)
        part = replace(given, width=len(features), columns=columns)
        converted = predictor(member, part)
        operation = converted.method(method)
        if method == "predict_proba" and len(member.classes_) != len(model.classes_):
            places = tuple(int(place) for place in member.classes_)
            operation = Placed(operation, places, len(model.classes_))
        members.append(chain(pick, operation))
    return start, members


@predicts(BaggingRegressor)
def _bagged_regressor(model: Any, given: Given) -> Scored:
    start, members = _bagged(model, given, "predict")
    return Scored(chain(start, InOrder(tuple(members), float(model.n_estimators))))


@predicts(BaggingClassifier)
def _bagged_classifier(model: Any, given: Given) -> Scored:
    if not hasattr(model.estimators_[0], "predict_proba"):
        start, members = _bagged(model, given, "predict")
        votes = Votes(tuple(members), np.ones(len(members)), len(model.classes_))
        shares = Elementwise("divide", float(model.n_estimators))
        scores = chain(start, votes, shares)
    else:
        start, members = _bagged(model, given, "predict_proba")
        scores = chain(start, InOrder(tuple(members), float(model.n_estimators)))
    return Scored(scores, None, _SAME, Largest(), as_array(model.classes_))


def _stacked(model: Any, given: Given) -> tuple[Operation | None, tuple[Operation, ...], int]:
    start, given = shared(given)
    below: list[Operation] = []
    width = 0
    two = is_classifier(model) and len(model.classes_) == 2
    for member, method in zip(model.estimators_, model.stack_method_, strict=True):
        operation = predictor(member, given).method(method)
        if method == "predict_proba":
            # Of two probabilities that add up to 1, scikit-learn leaves out the first.
            operation = chain(operation, Pick((1,)) if two else None)
            width += 1 if two else len(member.classes_)
        elif method == "decision_function" and len(member.classes_) > 2:
            width += len(member.classes_)
        else:
            width += 1
        below.append(operation)
    return start, tuple(below), width


def _on_top(model: Any, given: Given) -> tuple[Operation | None, Scored, OnTop]:
    start, below, width = _stacked(model, given)
    beside = None
    if model.passthrough:
        if start is None and given.columns is not None:
            msg = "a stacking passes columns through that are no numbers"
            raise Inconvertible(msg)
        beside = _SAME
        width += given.width
    top = predictor(model.final_estimator_, Given(width))
    return start, top, OnTop(below, beside, top.scores)


@predicts(StackingRegressor)
def _stacked_regressor(model: Any, given: Given) -> Scored:
    start, top, scores = _on_top(model, given)
    return Scored(chain(start, scores), link=top.link)


@predicts(StackingClassifier)
def _stacked_classifier(model: Any, given: Given) -> Scored:
    start, top, scores = _on_top(model, given)
    return replace(top, scores=chain(start, scores), labels=as_array(model.classes_))


@predicts(CalibratedClassifierCV)
def _calibrated(model: Any, given: Given) -> Scored:
    start, given = shared(given)
    labels = as_array(model.classes_)
    members = tuple(_calibrated_one(one, given, labels) for one in model.calibrated_classifiers_)
    scores = chain(start, InOrder(members, float(len(members))))
    return Scored(scores, None, _SAME, Largest(), labels)


def _calibrated_one(one: Any, given: Given, labels: Array) -> Operation:
    if one.method not in {"sigmoid", "isotonic"}:
        msg = f"probabilities are calibrated by {one.method}"
        raise Inconvertible(msg)
    scored = predictor(one.estimator, given)
    if hasattr(one.estimator, "decision_function"):
        scores = scored.method("decision_function")
    else:
        second = Pick((1,)) if len(labels) == 2 else None
        scores = chain(scored.method("predict_proba"), second)
    places = tuple(int(np.flatnonzero(labels == label)[0]) for label in one.estimator.classes_)
    if len(labels) == 2:
        places = (1,)
    curves = tuple(
        curve(calibrator) if one.method == "isotonic" else _sigmoid_curve(calibrator)
        for calibrator in one.calibrators
    )
    return Calibrated(scores, curves, places, len(labels))


def _sigmoid_curve(calibrator: Any) -> Operation:
    return chain(
        Elementwise("multiply", float(calibrator.a_)),
        Elementwise("add", float(calibrator.b_)),
        Elementwise("negative"),
        Sigmoid(),
    )


def _positive(member: Any, given: Given) -> Operation:
    """How sure a classifier of two classes is of the second."""
    scored = predictor(member, given)
    if is_regressor(member):
        return scored.method("predict")
    if hasattr(member, "decision_function"):
        return chain(scored.method("decision_function"), Flatten())
    return chain(scored.method("predict_proba"), Column(1))


@predicts(OneVsRestClassifier)
def _one_against_rest(model: Any, given: Given) -> Scored:
    if model.multilabel_:
        msg = "it answers with several labels at once"
        raise Inconvertible(msg)
    start, given = shared(given)
    labels = as_array(model.classes_)
    members = [_positive(member, given) for member in model.estimators_]
    if len(members) == 1:
        return _one_against_one_class(model, given, start, members[0])
    sure = Beside(tuple(members))
    if not hasattr(model, "predict_proba"):
        return Scored(chain(start, sure), _SAME, None, Largest(), labels)
    converted = [predictor(member, given) for member in model.estimators_]
    shares = tuple(chain(one.method("predict_proba"), Column(1)) for one in converted)
    both = Beside((*members, *shares))
    count = len(members)
    first, second = tuple(range(count)), tuple(range(count, 2 * count))
    return Scored(
        chain(start, both),
        Pick(first),
        chain(Pick(second), SharesOrZero()),
        chain(Pick(first), Largest()),
        labels,
    )


def _one_against_one_class(
    model: Any, given: Given, start: Operation | None, sure: Operation
) -> Scored:
    member = model.estimators_[0]
    labels = as_array(model.classes_)
    by_decision = hasattr(member, "decision_function") and is_classifier(member)
    bound = 0.0 if by_decision else 0.5
    if not hasattr(model, "predict_proba"):
        decision = _SAME if by_decision else None
        return Scored(chain(start, sure), decision, None, Above(bound), labels)
    share = chain(predictor(member, given).method("predict_proba"), Column(1))
    return Scored(
        chain(start, Beside((sure, share))),
        Column(0) if by_decision else None,
        chain(Pick((1,)), BothClasses(), SharesOrZero()),
        chain(Pick((0,)), Above(bound)),
        labels,
    )


@predicts(OneVsOneClassifier)
def _one_against_one(model: Any, given: Given) -> Scored:
    if model.pairwise_indices_ is not None:
        msg = "its members were given distances"
        raise Inconvertible(msg)
    start, given = shared(given)
    labels = as_array(model.classes_)
    converted = [predictor(member, given) for member in model.estimators_]
    winners = tuple(one.method("predict") for one in converted)
    margins = tuple(_positive(member, given) for member in model.estimators_)
    scores = chain(start, PairwiseVotes(winners, margins, len(labels)))
    if len(labels) == 2:
        member = model.estimators_[0]
        by_decision = hasattr(member, "decision_function") and is_classifier(member)
        bound = Above(0.0 if by_decision else 0.5)
        return Scored(chain(scores, Column(1)), _SAME, None, bound, labels)
    return Scored(scores, _SAME, None, Largest(), labels)


@predicts(FixedThresholdClassifier, TunedThresholdClassifierCV)
def _threshold(model: Any, given: Given) -> Scored:
    fixed = type(model) is FixedThresholdClassifier
    estimator = getattr(model, "estimator_", None) or model.estimator
    if model.response_method == "predict_proba" or not hasattr(estimator, "decision_function"):
        method, bound = "predict_proba", 0.5
    elif model.response_method == "decision_function" or not hasattr(estimator, "predict_proba"):
        method, bound = "decision_function", 0.0
    else:
        method, bound = "predict_proba", 0.5
    if fixed and model.threshold != "auto":
        bound = float(model.threshold)
    if not fixed:
        bound = float(model.best_threshold_)
    positive = getattr(model, "pos_label", None)
    labels = as_array(estimator.classes_)
    if len(labels) != 2 or (positive is not None and positive != labels[1]):
        msg = "its positive class is not the second of two"
        raise Inconvertible(msg)
    scored = predictor(estimator, given)
    last = scored.probabilities if method == "predict_proba" else scored.decision
    if last is None:
        msg = f"it has no {method}"
        raise Inconvertible(msg)
    column = Column(1) if method == "predict_proba" else None
    return replace(scored, classes=chain(last, column, Above(bound, at=True)))
