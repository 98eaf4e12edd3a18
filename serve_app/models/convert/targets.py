"""Converts regressors of several targets, and of targets that were transformed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.preprocessing import (
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from serve_app.models.compiled.arithmetic import Beside, Elementwise, Screen
from serve_app.models.compiled.curves_back import RanksBack, YeoJohnsonBack
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
    back = _BACK.get(type(transformer))
    if back is None or model._training_dim != 1:
        msg = "the target is transformed back by code of its own"
        raise Inconvertible(msg)
    return back(transformer)


def _standard_back(scaler: Any) -> Sequence[Operation]:
    return _unscaled(scaler.scale_, scaler.mean_ if scaler.with_mean else None)


def _robust_back(scaler: Any) -> Sequence[Operation]:
    scale = scaler.scale_ if scaler.with_scaling else None
    return _unscaled(scale, scaler.center_ if scaler.with_centering else None)


def _range_back(scaler: Any) -> Sequence[Operation]:
    return [
        Screen(nan=True),
        Elementwise("subtract", float(scaler.min_[0])),
        Elementwise("divide", float(scaler.scale_[0])),
    ]


def _power_back(power: Any) -> Sequence[Operation]:
    if power.method != "yeo-johnson":
        msg = "the target is transformed back by Box and Cox's transform"
        raise Inconvertible(msg)
    scaled = _standard_back(power._scaler) if power.standardize else []
    return [Screen(nan=True), *scaled, YeoJohnsonBack(float(power.lambdas_[0]))]


def _quantiles_back(transformer: Any) -> Sequence[Operation]:
    normal = transformer.output_distribution == "normal"
    quantiles = np.ascontiguousarray(transformer.quantiles_[:, 0])
    return [Screen(nan=True), RanksBack(quantiles, transformer.references_, normal)]


_BACK: dict[type, Callable[[Any], Sequence[Operation]]] = {
    MinMaxScaler: _range_back,
    PowerTransformer: _power_back,
    QuantileTransformer: _quantiles_back,
    RobustScaler: _robust_back,
    StandardScaler: _standard_back,
}


def _unscaled(scale: Any, center: Any) -> Sequence[Operation]:
    steps: list[Operation] = [Screen(nan=True)]
    if scale is not None:
        steps.append(Elementwise("multiply", float(scale[0])))
    if center is not None:
        steps.append(Elementwise("add", float(center[0])))
    return steps
