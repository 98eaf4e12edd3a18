"""Converts scikit-learn's trees: alone, in forests, boosted by gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
from sklearn.utils import get_tags

from serve_app.core.columns import Array
from serve_app.models.compiled.arithmetic import Beside, Cast, Elementwise, Pick, Screen
from serve_app.models.compiled.classes import (
    Above,
    BothClasses,
    Largest,
    Sigmoid,
    Softmax,
)
from serve_app.models.compiled.ensembles import WeightedMedian
from serve_app.models.compiled.operation import Chain, Operation, chain
from serve_app.models.compiled.shapes import Flatten, RowSum
from serve_app.models.compiled.trees import Membership, SumOfTrees
from serve_app.models.convert.dispatch import (
    Given,
    Inconvertible,
    Scored,
    as_array,
    dense,
    numbers,
    predicts,
    screened,
)
from serve_app.models.convert.encoders import ordinal
from serve_app.models.convert.forest import Tree, at_most, leaves

_TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)
_SAME = Chain(())


def read(estimator: Any) -> Tree:
    """A fitted tree of scikit-learn, which compares float32 with thresholds of float64."""
    tree = estimator.tree_
    return Tree(
        feature=tree.feature,
        threshold=at_most(tree.threshold),
        left=tree.children_left,
        right=tree.children_right,
        missing_left=tree.missing_go_to_left,
        value=np.zeros(tree.node_count),
    )


def _in_leaves(estimator: Any) -> Array:
    """What stands in a tree's leaves, shape (leaves, outputs): shares of classes, or means."""
    tree = estimator.tree_
    if tree.n_outputs > 1 and tree.value.shape[2] > 1:
        msg = "it classifies several targets at once"
        raise Inconvertible(msg)
    values = tree.value[tree.children_left < 0]
    return as_array(values[:, 0, :] if tree.n_outputs == 1 else values[:, :, 0])


def _sum(
    members: Sequence[Any],
    given: Given,
    values: Sequence[Array] | None = None,
    *,
    divisor: float | None = None,
    start: Array | None = None,
    groups: Array | None = None,
) -> Operation:
    leaf_values = values if values is not None else [_in_leaves(member) for member in members]
    # Of a sparse matrix scikit-learn's trees take no gaps.
    nan = bool(get_tags(members[0]).input_tags.allow_nan) and not given.sparse
    walked = leaves(
        [read(member) for member in members], leaf_values, width=given.width, double=False
    )
    outputs = leaf_values[0].shape[1] if leaf_values[0].ndim == 2 else 1
    begin = np.zeros(outputs) if start is None else start
    return chain(
        screened(given, nan=nan, dtype="float32"), SumOfTrees(walked, begin, divisor, groups)
    )


def _as_values(scores: Operation, outputs: int) -> Scored:
    return Scored(chain(scores, Flatten() if outputs == 1 else None))


@predicts(DecisionTreeRegressor, ExtraTreeRegressor)
def _tree_regressor(model: Any, given: Given) -> Scored:
    return _as_values(_sum([model], given), model.n_outputs_)


@predicts(DecisionTreeClassifier, ExtraTreeClassifier)
def _tree_classifier(model: Any, given: Given) -> Scored:
    return Scored(_sum([model], given), None, _SAME, Largest(), as_array(model.classes_))


@predicts(RandomForestRegressor, ExtraTreesRegressor)
def _forest_regressor(model: Any, given: Given) -> Scored:
    members = model.estimators_
    return _as_values(_sum(members, given, divisor=float(len(members))), model.n_outputs_)


@predicts(RandomForestClassifier, ExtraTreesClassifier)
def _forest_classifier(model: Any, given: Given) -> Scored:
    if model.n_outputs_ > 1:
        msg = "it classifies several targets at once"
        raise Inconvertible(msg)
    members = model.estimators_
    scores = _sum(members, given, divisor=float(len(members)))
    return Scored(scores, None, _SAME, Largest(), as_array(model.classes_))


def _boosted(model: Any, given: Given) -> tuple[Operation, int]:
    """The sums of a gradient boosting of scikit-learn, and how many there are per row."""
    if model.init is not None and model.init != "zero":
        msg = f"{type(model).__name__} starts from a model of the user's own"
        raise Inconvertible(msg)
    rounds, outputs = model.estimators_.shape
    members = list(model.estimators_.reshape(-1))
    start = as_array(model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32)))[0]
    # Each addition is learning_rate * value, so that the products can stand in the leaves.
    values = [model.learning_rate * _in_leaves(member)[:, 0] for member in members]
    groups = np.arange(rounds * outputs).reshape(rounds, outputs).T
    walked = leaves([read(member) for member in members], values, width=given.width, double=False)
    scores = SumOfTrees(walked, start, None, groups if outputs > 1 else None)
    return chain(screened(given, dtype="float32"), scores), outputs


@predicts(GradientBoostingRegressor)
def _boosted_regressor(model: Any, given: Given) -> Scored:
    scores, _ = _boosted(model, given)
    return Scored(chain(scores, Flatten()))


@predicts(GradientBoostingClassifier)
def _boosted_classifier(model: Any, given: Given) -> Scored:
    scores, outputs = _boosted(model, given)
    labels = as_array(model.classes_)
    if outputs > 1:
        return Scored(scores, _SAME, Softmax(), Largest(), labels)
    doubled = type(model._loss.link).__name__ == "HalfLogitLink"
    probabilities = chain(Sigmoid(2.0 if doubled else 1.0), BothClasses())
    return Scored(chain(scores, Flatten()), _SAME, probabilities, Above(at=True), labels)


def _histogram(model: Any, given: Given) -> tuple[Operation, int]:
    """The sums of a histogram gradient boosting, which compares float64."""
    dense(given, model)
    categorical = model.is_categorical_
    if categorical is not None and categorical.any():
        encoder = model._preprocessor.named_transformers_["encoder"]
        at = [int(j) for j in np.flatnonzero(categorical)]
        rest = [int(j) for j in np.flatnonzero(~categorical)]
        start = _categories_first(encoder, given, at, rest)
    else:
        to_matrix, _ = numbers(given)
        start = chain(to_matrix, Cast("float64"))
    predictors = [one for row in model._predictors for one in row]
    known, index = model._bin_mapper.make_known_categories_bitsets()
    sets: list[tuple[int, Array]] = []
    members = [_read_histogram(one, known, index, sets, given.width) for one in predictors]
    if sets:
        positions = np.array([position for position, _ in sets])
        start = chain(start, Membership(positions, np.array([inside for _, inside in sets])))
    values = [one.nodes["value"][one.nodes["is_leaf"].astype(bool)] for one in predictors]
    outputs = len(model._predictors[0])
    groups = np.arange(len(predictors)).reshape(-1, outputs).T if outputs > 1 else None
    baseline = as_array(model._baseline_prediction).reshape(-1).astype(np.float64)
    walked = leaves(members, values, width=given.width + len(sets), double=True)
    return chain(start, SumOfTrees(walked, baseline, None, groups)), outputs


def _categories_first(encoder: Any, given: Given, at: list[int], rest: list[int]) -> Operation:
    """Codes of the categorical columns, then the numbers, as scikit-learn orders them."""
    chosen = None if given.columns is None else tuple(given.columns[j] for j in at)
    codes, _ = ordinal(encoder, Given(len(at), chosen))
    left = None if given.columns is None else tuple(given.columns[j] for j in rest)
    to_matrix, _ = numbers(Given(len(rest), left))
    branches = [chain(Pick(tuple(at)), codes)]
    if rest:
        branches.append(chain(Pick(tuple(rest)), to_matrix, Cast("float64")))
    return Beside(tuple(branches))


def _read_histogram(
    predictor: Any, known: Array, index: Array, sets: list[tuple[int, Array]], width: int
) -> Tree:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    feature = nodes["feature_idx"].astype(int).copy()
    threshold = nodes["num_threshold"].astype(np.float64).copy()
    for node in np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaf):
        left = _bits(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
        seen = _bits(known[index[feature[node]]])
        # 0 goes left, 1 right, and what training did not know goes where gaps go.
        sets.append((int(feature[node]), np.where(left, 0.0, np.where(seen, 1.0, np.nan))))
        feature[node] = width + len(sets) - 1
        threshold[node] = 0.5
    return Tree(
        feature=feature,
        threshold=threshold,
        left=np.where(leaf, -1, nodes["left"].astype(int)),
        right=np.where(leaf, -1, nodes["right"].astype(int)),
        missing_left=nodes["missing_go_to_left"],
        value=np.zeros(len(nodes)),
    )


def _bits(words: Array) -> Array:
    """A set of codes as one truth value per code, from words of 32 bits."""
    return np.unpackbits(np.asarray(words, dtype="<u4").view(np.uint8), bitorder="little") > 0


@predicts(HistGradientBoostingRegressor)
def _histogram_regressor(model: Any, given: Given) -> Scored:
    link = type(model._loss.link).__name__
    if link not in {"IdentityLink", "LogLink"}:
        msg = f"{type(model).__name__} has the link {link}"
        raise Inconvertible(msg)
    scores, _ = _histogram(model, given)
    inverse = Elementwise("exp") if link == "LogLink" else None
    return Scored(chain(scores, Flatten(), inverse))


@predicts(HistGradientBoostingClassifier)
def _histogram_classifier(model: Any, given: Given) -> Scored:
    scores, outputs = _histogram(model, given)
    labels = as_array(model.classes_)
    if outputs > 1:
        return Scored(scores, _SAME, Softmax(), Largest(), labels)
    both = chain(Sigmoid(), BothClasses())
    return Scored(chain(scores, Flatten()), _SAME, both, Above(), labels)


@predicts(AdaBoostRegressor)
def _adaptive_regressor(model: Any, given: Given) -> Scored:
    members = model.estimators_
    if any(type(member) not in _TREES for member in members):
        msg = "an AdaBoostRegressor boosts what is no tree"
        raise Inconvertible(msg)
    values = [_in_leaves(member)[:, 0] for member in members]
    walked = leaves([read(m) for m in members], values, width=given.width, double=False)
    median = WeightedMedian(as_array(model.estimator_weights_[: len(members)]))
    return Scored(chain(screened(given, dtype="float32"), walked, median))


@predicts(AdaBoostClassifier)
def _adaptive_classifier(model: Any, given: Given) -> Scored:
    members = model.estimators_
    if any(type(member) not in _TREES for member in members):
        msg = "an AdaBoostClassifier boosts what is no tree"
        raise Inconvertible(msg)
    labels = as_array(model.classes_)
    count = len(labels)
    if count < 2:
        msg = "an AdaBoostClassifier knows one class alone"
        raise Inconvertible(msg)
    weights = model.estimator_weights_[: len(members)]
    values: list[Array] = []
    for member, weight in zip(members, weights, strict=True):
        answers = member.classes_.take(np.argmax(_in_leaves(member), axis=1))
        votes = np.where(answers[:, np.newaxis] == labels, weight, -1 / (count - 1) * weight)
        values.append(votes)
    # AdaBoost checks the rows itself, and takes no gaps whatever its trees would.
    start, given = numbers(given)
    scores = chain(
        start,
        Screen(),
        _sum(members, given, values, divisor=float(model.estimator_weights_.sum())),
    )
    if count > 2:
        share = Elementwise("divide", float(count - 1))
        return Scored(scores, _SAME, chain(share, Softmax()), Largest(), labels)
    turned = chain(scores, Elementwise("multiply", np.array([-1.0, 1.0])), RowSum())
    halves = Beside((Elementwise("negative"), _SAME))
    both = chain(halves, Elementwise("divide", 2.0), Softmax())
    return Scored(turned, _SAME, both, Above(), labels)
