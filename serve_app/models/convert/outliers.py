"""Converts forests that isolate outliers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length

from serve_app.models.compiled.arithmetic import Cast, Elementwise
from serve_app.models.compiled.classes import Above, Take
from serve_app.models.compiled.operation import Chain, chain
from serve_app.models.compiled.shapes import Flatten
from serve_app.models.compiled.trees import SumOfTrees
from serve_app.models.convert.dispatch import Given, Inconvertible, Scored, numbers, predicts
from serve_app.models.convert.forest import Tree, leaves
from serve_app.models.convert.trees import read


@predicts(IsolationForest)
def _isolation(model: Any, given: Given) -> Scored:
    expected = float(_average_path_length([model._max_samples])[0])
    divisor = len(model.estimators_) * expected
    if divisor == 0:
        msg = "an IsolationForest of single rows scores all alike"
        raise Inconvertible(msg)
    to_matrix, given = numbers(given)
    members = [
        _on_all_columns(read(tree), features)
        for tree, features in zip(model.estimators_, model.estimators_features_, strict=True)
    ]
    lengths = [
        (path + average - 1.0)[tree.leaves]
        for tree, path, average in zip(
            members, model._decision_path_lengths, model._average_path_length_per_tree, strict=True
        )
    ]
    walked = leaves(members, lengths, width=given.width, double=False)
    scores = chain(
        to_matrix,
        Cast("float32"),
        SumOfTrees(walked, np.zeros(1)),
        Flatten(),
        Elementwise("divide", divisor),
        Elementwise("negative"),
        Elementwise("power", 2.0, turned=True),
        Elementwise("negative"),
        Elementwise("subtract", float(model.offset_)),
    )
    sides = chain(Above(at=True), Take(np.array([-1, 1])))
    return Scored(scores, decision=Chain(()), link=sides)


def _on_all_columns(tree: Tree, features: Any) -> Tree:
    """A tree that was given some of the columns, as one that is given all of them."""
    at = np.asarray(features)[np.where(tree.leaves, 0, tree.feature)]
    return replace(tree, feature=at)
