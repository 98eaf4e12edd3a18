"""Converts CatBoost's models, where their trees ask about numbers alone."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import catboost
import numpy as np

from serve_app.core.columns import Array
from serve_app.models.catboost import KINDS, loss, outputs
from serve_app.models.compiled.arithmetic import Cast, Elementwise
from serve_app.models.compiled.boosters import InfiniteGaps
from serve_app.models.compiled.classes import Above, BothClasses, Largest, Sigmoid, Softmax
from serve_app.models.compiled.oblivious import Oblivious
from serve_app.models.compiled.operation import Chain, Operation, chain
from serve_app.models.compiled.shapes import Flatten
from serve_app.models.convert.dispatch import Given, Inconvertible, Scored, numbers, predicts

_SAME = Chain(())
_TWO = frozenset({"CrossEntropy", "Focal", "Logloss"})
_IDENTITY = frozenset(
    {
        "Expectile",
        "Huber",
        "LogLinQuantile",
        "Lq",
        "MAE",
        "MAPE",
        "MultiQuantile",
        "MultiRMSE",
        "Quantile",
        "RMSE",
    }
)
_POWERS = frozenset({"Poisson", "Tweedie"})


@predicts(*KINDS.values())
def _catboost(model: Any, given: Given) -> Scored:
    if model.get_cat_feature_indices() or model.get_text_feature_indices():
        raise Inconvertible("CatBoost's trees ask about categories or text")
    document = _exported(model)
    if "oblivious_trees" not in document:
        raise Inconvertible("CatBoost's trees are not oblivious (grow_policy is not SymmetricTree)")
    features = {one["feature_index"]: one for one in document["features_info"]["float_features"]}
    scale, bias = document["scale_and_bias"]
    added = _added(document["oblivious_trees"], features, scale, np.asarray(bias, dtype=np.float64))
    above = sorted(
        one["flat_feature_index"]
        for one in features.values()
        if one["nan_value_treatment"] == "AsTrue"
    )
    to_matrix, _ = numbers(given)
    # Numbers are held against borders as CatBoost holds them, in float32.
    gaps = InfiniteGaps(np.array(above)) if above else None
    flat = Flatten() if len(bias) == 1 else None
    scores = chain(to_matrix, Cast("float32"), gaps, added, flat)
    return _finished(model, scores)


def _finished(model: Any, scores: Operation) -> Scored:
    kind, labels, _, _ = outputs(model)
    name = loss(model)
    if kind == "regression":
        return Scored(scores, decision=_SAME, link=_link(model, name))
    numbered = np.asarray(labels)
    if kind == "classification" and name in _TWO:
        return Scored(scores, _SAME, chain(Sigmoid(), BothClasses()), _bound(model), numbered)
    if kind == "classification" and name == "MultiClass":
        return Scored(scores, _SAME, Softmax(), Largest(), numbered)
    if kind == "classification" and name == "MultiClassOneVsAll":
        return Scored(scores, _SAME, Sigmoid(), Largest(), numbered)
    msg = f"CatBoost's loss {name} has no compiled form"
    raise Inconvertible(msg)


def _bound(model: Any) -> Operation:
    """The second of two classes where its probability is above the model's threshold."""
    share = model.get_probability_threshold()
    return Above(0.0 if share is None else float(np.log(share / (1 - share))))


def _link(model: Any, name: str) -> Operation | None:
    if name in _POWERS and type(model) is catboost.CatBoostRegressor:
        return Elementwise("exp")
    raw = type(model) in {catboost.CatBoost, catboost.CatBoostRanker}
    if name in _IDENTITY or (raw and name != "RMSEWithUncertainty"):
        return None
    msg = f"CatBoost's loss {name} has no compiled form"
    raise Inconvertible(msg)


def _exported(model: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        try:
            model.save_model(str(path), format="json")
        except catboost.CatBoostError as error:
            msg = f"CatBoost does not write its trees down ({str(error).rpartition(': ')[2]})"
            raise Inconvertible(msg) from error
        document: dict[str, Any] = json.loads(path.read_text())
    return document


def _added(
    trees: Sequence[Mapping[str, Any]],
    features: Mapping[int, Mapping[str, Any]],
    scale: float,
    bias: Array,
) -> Oblivious:
    places: dict[tuple[int, float], int] = {}
    levels = max((len(tree.get("splits") or ()) for tree in trees), default=0)
    questions = np.full((levels, len(trees)), -1)
    values: list[Array] = []
    for number, tree in enumerate(trees):
        for level, split in enumerate(tree.get("splits") or ()):
            if split["split_type"] != "FloatFeature":
                raise Inconvertible("CatBoost's trees ask about categories or text")
            feature = features[split["float_feature_index"]]["flat_feature_index"]
            question = (feature, float(np.float32(split["border"])))
            questions[level, number] = places.setdefault(question, len(places))
        values.append(np.array(tree["leaf_values"], dtype=np.float64).reshape(-1, bias.size))
    sizes = [len(value) for value in values]
    return Oblivious(
        features=np.array([feature for feature, _ in places], dtype=np.intp),
        borders=np.array([border for _, border in places], dtype=np.float32),
        questions=questions,
        starts=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp),
        values=np.concatenate(values),
        scale=float(scale),
        bias=bias,
    )
