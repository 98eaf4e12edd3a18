"""Converts XGBoost's models: its scikit-learn wrappers and plain boosters."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import xgboost

from serve_app.core.columns import Array
from serve_app.models.compiled.arithmetic import (
    Beside,
    Cast,
    Elementwise,
    Pick,
    ToMatrix,
    ValueMissing,
    ZerosMissing,
)
from serve_app.models.compiled.categories import Codes, Known
from serve_app.models.compiled.classes import (
    Above,
    BothClasses,
    Largest,
    SingleSigmoid,
    SingleSoftmax,
    Softmax,
)
from serve_app.models.compiled.operation import Chain, Operation, chain
from serve_app.models.compiled.shapes import Flatten
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
from serve_app.models.xgboost_trained import WRAPPERS, Trained, iterations, likely, trained

_IDENTITY = frozenset(
    {
        "reg:squarederror",
        "reg:absoluteerror",
        "reg:pseudohubererror",
        "reg:quantileerror",
        "reg:expectileerror",
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


@predicts(*WRAPPERS.values(), xgboost.Booster, Trained)
def _trained(estimator: Any, given: Given) -> Scored:
    model = trained(estimator)
    if model.offset is not None:
        raise Inconvertible("an offset of each row is added to its margin")
    if model.wrapped or not _all_numbers(given):
        return _booster(model, given)
    # What makes a DMatrix of the rows refuses infinities; the wrappers make none.
    return _booster(model, given.matrix(given.width)).before(
        screened(given, nan=True, dtype="float32")
    )


def _all_numbers(given: Given) -> bool:
    return given.columns is None or not any(c.frame_dtype == "category" for c in given.columns)


def _booster(source: Trained, given: Given) -> Scored:
    learner = json.loads(source.booster.save_raw("json"))["learner"]
    part = learner["gradient_booster"]
    drops = part.get("weight_drop")
    part = part.get("gbtree", part)
    if "trees" not in part["model"]:
        msg = f"XGBoost's {learner['gradient_booster']['name']} is not made of trees"
        raise Inconvertible(msg)
    model, learned = part["model"], learner["learner_model_param"]
    outputs = max(1, int(learned["num_class"]), int(learned.get("num_target", 1)))
    kept = model["iteration_indptr"][iterations(source).end]
    width = int(learned["num_feature"])
    sets: list[tuple[int, Array]] = []
    members: list[Tree] = []
    to: list[int] = []
    for at, tree in enumerate(model["trees"][:kept]):
        read = _read(tree, sets, width)
        if drops is not None:
            scale = np.float32(drops[at])
            read = [replace(one, value=one.value * scale) for one in read]
        members += read
        to += [model["tree_info"][at]] if len(read) == 1 else range(len(read))
    start = _margin(source.booster, learner["objective"]["name"], outputs)
    added = sums(members, to, start, width=width + len(sets))
    rows = _rows(given, source.gap)
    if sets:
        codes = max(len(inside) for _, inside in sets)
        padded = [np.pad(inside, (0, codes - len(inside))) for _, inside in sets]
        rows = chain(rows, Membership(np.array([at for at, _ in sets]), np.array(padded)))
    return _finished(source, chain(rows, added), learner["objective"]["name"], outputs)


def _finished(source: Trained, scores: Operation, objective: str, outputs: int) -> Scored:
    if outputs == 1:
        scores = chain(scores, Flatten())
    classifies = hasattr(source.model, "predict_proba") if source.wrapped else likely(objective)
    if not classifies:
        return Scored(scores, decision=_SAME, link=_inverse(objective))
    labels = np.arange(max(2, outputs))
    if objective == "multi:softmax":
        probabilities = Softmax() if source.wrapped else None
        return Scored(scores, _SAME, probabilities, Largest(), labels)
    if objective == "binary:hinge" and not source.wrapped:
        return Scored(scores, _SAME, None, Above(), labels)
    if objective == "binary:logitraw":
        # A wrapper takes margins for probabilities when it decides.
        return Scored(scores, _SAME, None, Above(0.5), labels)
    # XGBoost decides by the probabilities, which are coarser than what they come from.
    return Scored(scores, _SAME, _SAME, Largest(), labels, _likelihood(objective))


def _likelihood(objective: str) -> Operation:
    if objective == "multi:softprob":
        return SingleSoftmax()
    if objective == "binary:logistic":
        return chain(SingleSigmoid(), BothClasses())
    if objective == "binary:hinge":
        return chain(Above(), Cast("float32"), BothClasses())
    msg = f"XGBoost's objective {objective} gives no probabilities"
    raise Inconvertible(msg)


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
    values = json.loads(config["base_score"])
    base = np.asarray(values, dtype=np.float32).reshape(-1)
    if objective in _LOGISTIC:
        base = -np.log(np.float32(1) / base - np.float32(1))
    elif objective in _POWERS:
        base = np.log(base)
    return np.broadcast_to(base, (outputs,)).astype(np.float32)


def _rows(given: Given, missing: float) -> Operation:
    gaps = None if np.isnan(missing) else ValueMissing(missing)
    if given.sparse:
        return chain(ZerosMissing(), gaps)
    if _all_numbers(given):
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


def _read(tree: dict[str, Any], sets: list[tuple[int, Array]], width: int) -> list[Tree]:
    """A tree; one for each target where its leaves hold a number for each."""
    left = np.asarray(tree["left_children"])
    feature = np.asarray(tree["split_indices"]).copy()
    threshold = np.asarray(tree["split_conditions"], dtype=np.float32).copy()
    values = _leaf_values(tree, left < 0)
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
    right_children, missing_left = np.asarray(tree["right_children"]), tree["default_left"]
    return [
        Tree(feature, threshold, left, right_children, np.asarray(missing_left), value)
        for value in values
    ]


def _leaf_values(tree: dict[str, Any], leaves: Array) -> list[Array]:
    """What the leaves hold, an array with an entry per node for each target."""
    targets = int(tree["tree_param"].get("size_leaf_vector", 1) or 1)
    if targets <= 1:
        return [np.asarray(tree["split_conditions"], dtype=np.float32)]
    if "leaf_weights" in tree:
        # The place of a leaf's numbers stands where its right child would.
        at = np.where(leaves, np.asarray(tree["right_children"]), 0)
        held = np.asarray(tree["leaf_weights"], dtype=np.float32)
    else:
        at, held = np.arange(len(leaves)), np.asarray(tree["base_weights"], dtype=np.float32)
    return list(held.reshape(-1, targets)[at].T)
