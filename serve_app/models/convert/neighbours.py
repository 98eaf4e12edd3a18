"""Converts models that ask the nearest points of training."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from serve_app.models.compiled.arithmetic import Cast
from serve_app.models.compiled.classes import Largest
from serve_app.models.compiled.neighbours import (
    MeanOfPoints,
    NearMean,
    NearVotes,
    Neighbours,
    ShareOfVotes,
)
from serve_app.models.compiled.operation import Chain, Operation, chain
from serve_app.models.compiled.shapes import Flatten
from serve_app.models.convert.dispatch import (
    Given,
    Inconvertible,
    Scored,
    as_array,
    dense,
    predicts,
    screened,
)

MAX_CELLS = 100_000
"""Points times features, above which a search through a tree is quicker than all distances."""
_POWERS = {"euclidean": 2.0, "manhattan": 1.0}


def _nearest(model: Any, given: Given) -> Operation:
    """The numbers of the nearest points."""
    return chain(_rows(given), _neighbours(model, given))


def _rows(given: Given) -> Operation:
    return chain(screened(given), Cast("float64"))


def _neighbours(model: Any, given: Given) -> Neighbours:
    dense(given, model)
    if model._fit_method != "kd_tree":
        msg = f"{type(model).__name__} searches by {model._fit_method!r} and not by 'kd_tree'"
        raise Inconvertible(msg)
    power = _POWERS.get(model.effective_metric_)
    if power is None:
        msg = f"{type(model).__name__} measures by the metric {model.effective_metric_!r}"
        raise Inconvertible(msg)
    if model.weights not in {"uniform", "distance"}:
        msg = f"{type(model).__name__} weights its neighbours by code of its own"
        raise Inconvertible(msg)
    points, order, nodes, bounds = (as_array(part) for part in model._tree.get_arrays())
    if points.dtype != np.float64:
        msg = f"{type(model).__name__} was trained on {points.dtype}"
        raise Inconvertible(msg)
    if points.size > MAX_CELLS:
        msg = f"the tree of {type(model).__name__} searches so many points quicker"
        raise Inconvertible(msg)
    return Neighbours(
        points=points,
        count=model.n_neighbors,
        power=power,
        order=order,
        starts=nodes["idx_start"],
        ends=nodes["idx_end"],
        leaves=nodes["is_leaf"],
        lower=bounds[0],
        upper=bounds[1],
    )


@predicts(KNeighborsClassifier)
def _classifier(model: Any, given: Given) -> Scored:
    if model.outputs_2d_:
        msg = "it classifies several targets at once"
        raise Inconvertible(msg)
    labels = as_array(model.classes_)
    numbers = as_array(model._y)
    if model.weights == "distance":
        votes = chain(_rows(given), NearVotes(_neighbours(model, given), numbers, len(labels)))
    else:
        votes = chain(_nearest(model, given), ShareOfVotes(numbers, len(labels)))
    return Scored(votes, None, Chain(()), Largest(), labels)


@predicts(KNeighborsRegressor)
def _regressor(model: Any, given: Given) -> Scored:
    worth = as_array(model._y)
    flat = Flatten() if worth.ndim == 1 else None
    worth = worth.reshape(len(worth), -1)
    if model.weights == "distance":
        return Scored(chain(_rows(given), NearMean(_neighbours(model, given), worth), flat))
    mean = MeanOfPoints(worth)
    return Scored(chain(_nearest(model, given), mean, flat))
