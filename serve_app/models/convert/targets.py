"""Converts regressors of several targets, and of targets that were transformed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from serve_app.models.compiled.arithmetic import Beside, Elementwise, Screen
from serve_app.models.compiled.ensembles import InTurn
from serve_app.models.compiled.operation import Operation, chain
from serve_app.models.convert.dispatch import (
    Given,
    Inconvertible,
    Scored,
    predictor,
    predicts,
    screened,
    shared,
)


@predicts(MultiOutputRegressor)
def _several_targets(model: Any, given: Given) -> Scored:
    start, given = shared(given)
    members = tuple(predictor(m, given).method("predict") for m in model.estimators_)
    return Scored(chain(start, Beside(members)))


@predicts(RegressorChain)
def _chained_targets(model: Any, given: Given) -> Scored:
    start = screened(given)
    width = given.width
    members: list[Operation] = []
    for number, member in enumerate(model.estimators_):
        members.append(predictor(member, Given(width + number)).method("predict"))
    order = np.empty_like(np.asarray(model.order_))
    order[np.asarray(model.order_)] = np.arange(len(members))
    return Scored(chain(start, InTurn(tuple(members), tuple(int(j) for j in order))))


_FORWARD = {np.exp: "exp", np.expm1: "expm1", np.log: "log", np.square: "square", np.sqrt: "sqrt"}
_FORWARD[np.log1p] = "log1p"


@predicts(TransformedTargetRegressor)
def _transformed_target(model: Any, given: Given) -> Scored:
    inside = predictor(model.regressor_, given).method("predict")
    return Scored(chain(inside, *_turned_back(model)))


def _turned_back(model: Any) -> Sequence[Operation]:
    transformer = model.transformer_
    inverse = getattr(transformer, "inverse_func", None)
    if hasattr(transformer, "inverse_func"):
        screen = [Screen()] if transformer.validate else []
        if inverse is None:
            return screen
        if inverse in _FORWARD:
            return [*screen, Elementwise(_FORWARD[inverse])]
    one = model._training_dim == 1
    if one and type(transformer) is StandardScaler and transformer.scale_ is not None:
        return _unscaled(transformer.scale_, transformer.mean_)
    if one and type(transformer) is RobustScaler:
        return _unscaled(transformer.scale_, transformer.center_)
    if one and type(transformer) is MinMaxScaler:
        return [
            Screen(nan=True),
            Elementwise("subtract", float(transformer.min_[0])),
            Elementwise("divide", float(transformer.scale_[0])),
        ]
    msg = "the target is transformed back by code of its own"
    raise Inconvertible(msg)


def _unscaled(scale: Any, center: Any) -> Sequence[Operation]:
    steps: list[Operation] = [Screen(nan=True)]
    if scale is not None:
        steps.append(Elementwise("multiply", float(scale[0])))
    if center is not None:
        steps.append(Elementwise("add", float(center[0])))
    return steps
