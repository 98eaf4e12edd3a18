"""Converts XGBoost's models: its scikit-learn wrappers and plain boosters."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xgboost

from serve_app.core.columns import Array
from serve_app.models.compiled.arithmetic import (
    Beside,
    Cast,
    Elementwise,
    Flatten,
    Pick,
    ToMatrix,
    ValueMissing,
    ZerosMissing,
)
from serve_app.models.compiled.categories import Codes, Known
from serve_app.models.compiled.classes import (
    BothClasses,
    Largest,
    SingleSigmoid,
    SingleSoftmax,
)
from serve_app.models.compiled.operation import Chain, Operation, chain
from serve_app.models.compiled.trees import Membership
from serve_app.models.convert.dispatch import (
    Given,
    Inconvertible,
    Scored,
    numbers,
    predicts,
    screened,
)
from serve_app.models.convert.forest import Tree, sums

_IDENTITY = frozenset(
    {
        "reg:squarederror",
        "reg:absoluteerror",
        "reg:pseudohubererror",
        "reg:quantileerror",
        "reg:squaredlogerror",
        "binary:logitraw",
        "rank:ndcg",
        "rank:map",
        "rank:pairwise",
    }
)
_POWERS = frozenset({"count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"})
_LOGISTIC = frozenset({"binary:logistic", "reg:logistic"})
_SAME = Chain(())


@predicts(
    xgboost.XGBClassifier, xgboost.XGBRFClassifier, xgboost.XGBRegressor, xgboost.XGBRFRegressor
)
def _wrapper(model: Any, given: Given) -> Scored:
    booster = model.get_booster()
    missing = float(model.missing)
    best = None
    if model.early_stopping_rounds is not None or booster.attr("best_iteration") is not None:
        attribute = booster.attr("best_iteration")
        best = None if attribute is None else int(attribute) + 1
    classes = getattr(model, "n_classes_", None) if hasattr(model, "predict_proba") else None
    return _booster(booster, given, missing, best, classifies=classes is not None)


@predicts(xgboost.Booster)
def _plain(booster: Any, given: Given) -> Scored:
    attribute = booster.attr("best_iteration")
    best = None if attribute is None else int(attribute) + 1
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    classifies = objective in {"binary:logistic", "multi:softprob", "multi:softmax"}
    if not _all_numbers(given):
        return _booster(booster, given, float("nan"), best, classifies=classifies)
    matrix = given.matrix(given.width)
    scored = _booster(booster, matrix, float("nan"), best, classifies=classifies)
    # What makes a DMatrix of the rows refuses infinities; the wrappers make none.
    return scored.before(screened(given, nan=True, dtype="float32"))


def _all_numbers(given: Given) -> bool:
    return given.columns is None or not any(c.frame_dtype == "category" for c in given.columns)


def _booster(
    booster: Any, given: Given, missing: float, best: int | None, *, classifies: bool
) -> Scored:
    learner = json.loads(booster.save_raw("json"))["learner"]
    if learner["gradient_booster"]["name"] != "gbtree":
        msg = f"XGBoost's {learner['gradient_booster']['name']} is not made of plain trees"
        raise Inconvertible(msg)
    model = learner["gradient_booster"]["model"]
    objective = learner["objective"]["name"]
    outputs = max(
        1,
        int(learner["learner_model_param"]["num_class"]),
        int(learner["learner_model_param"].get("num_target", 1)),
    )
    kept = len(model["trees"]) if best is None else model["iteration_indptr"][best]
    width = int(learner["learner_model_param"]["num_feature"])
    sets: list[tuple[int, Array]] = []
    members = [_read(tree, sets, width) for tree in model["trees"][:kept]]
    start = _margin(booster, objective, outputs)
    added = sums(members, model["tree_info"][:kept], start, width=width + len(sets))
    rows = _rows(given, missing, bool(sets))
    if sets:
        codes = max(len(inside) for _, inside in sets)
        padded = [np.pad(s, (0, codes - len(s)), constant_values=np.nan) for _, s in sets]
        rows = chain(rows, Membership(np.array([at for at, _ in sets]), np.array(padded)))
    scores = chain(rows, added)
    return _finished(scores, objective, outputs, classifies=classifies)


def _finished(scores: Operation, objective: str, outputs: int, *, classifies: bool) -> Scored:
    if outputs == 1:
        scores = chain(scores, Flatten())
    if not classifies:
        return Scored(scores, decision=_SAME, link=_inverse(objective))
    if objective == "multi:softmax":
        return Scored(scores, _SAME, None, Largest(), np.arange(outputs))
    if objective == "multi:softprob":
        link: Operation = SingleSoftmax()
    elif objective == "binary:logistic":
        link = chain(SingleSigmoid(), BothClasses())
    else:
        msg = f"XGBoost's objective {objective} gives no probabilities"
        raise Inconvertible(msg)
    # XGBoost decides by the probabilities, which are coarser than what they come from.
    labels = np.arange(max(2, outputs))
    return Scored(scores, _SAME, _SAME, Largest(), labels, link)


def _inverse(objective: str) -> Operation | None:
    if objective in _IDENTITY:
        return None
    if objective in _POWERS:
        return chain(Cast("float64"), Elementwise("exp"), Cast("float32"))
    if objective in _LOGISTIC:
        return SingleSigmoid()
    msg = f"XGBoost's objective {objective} has no compiled form"
    raise Inconvertible(msg)


def _margin(booster: Any, objective: str, outputs: int) -> Array:
    """Where the sums start: XGBoost's base score before its link, in its own float32."""
    config = json.loads(booster.save_config())["learner"]["learner_model_param"]
    said = json.loads(config["base_score"])
    base = np.asarray(said, dtype=np.float32).reshape(-1)
    if objective in _LOGISTIC:
        base = -np.log(np.float32(1) / base - np.float32(1))
    elif objective in _POWERS:
        base = np.log(base)
    return np.broadcast_to(base, (outputs,)).astype(np.float32)


def _rows(given: Given, missing: float, categorical: bool) -> Operation:
    gaps = None if np.isnan(missing) else ValueMissing(missing)
    if given.sparse:
        return chain(ZerosMissing(), gaps)
    if _all_numbers(given):
        if categorical:
            msg = "XGBoost splits by categories, but the data says of no column that it holds some"
            raise Inconvertible(msg)
        to_matrix, _ = numbers(given)
        return chain(to_matrix, Cast("float32"), gaps)
    branches: list[Operation] = []
    for position, column in enumerate(given.columns or ()):
        pick = Pick((position,))
        if column.frame_dtype == "category" and (column.is_numeric or column.dtype == "string"):
            known = column.categories or ()
            codes = tuple(float(code) for code in range(len(known)))
            gap = (*known, None), (*codes, float("nan"))
            branches.append(
                chain(pick, Known((0,), (known,)), Codes((gap[0],), (gap[1],), (None,), "float32"))
            )
        else:
            part = Given(1, (column,))
            numbers(part)
            branches.append(chain(pick, ToMatrix(), Cast("float32")))
    return chain(Beside(tuple(branches), "float32"), gaps)


def _read(tree: dict[str, Any], sets: list[tuple[int, Array]], width: int) -> Tree:
    if int(tree["tree_param"].get("size_leaf_vector", 1) or 1) > 1:
        msg = "XGBoost's trees answer for several targets at once"
        raise Inconvertible(msg)
    left = np.asarray(tree["left_children"])
    feature = np.asarray(tree["split_indices"]).copy()
    conditions = np.asarray(tree["split_conditions"], dtype=np.float32)
    threshold = conditions.copy()
    for node, begin, size in zip(
        tree["categories_nodes"],
        tree["categories_segments"],
        tree["categories_sizes"],
        strict=True,
    ):
        # Codes of the set go right, all others left.
        right = np.asarray(tree["categories"][begin : begin + size], dtype=int)
        inside = np.zeros(256 if not len(right) else max(256, int(right.max()) + 1))
        inside[right] = 1.0
        sets.append((int(feature[node]), inside))
        feature[node] = width + len(sets) - 1
        threshold[node] = 0.5
    return Tree(
        feature=feature,
        threshold=threshold,
        left=left,
        right=np.asarray(tree["right_children"]),
        missing_left=np.asarray(tree["default_left"]),
        value=conditions,
    )
