"""Converts support vector machines and what else compares rows with points by a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from serve_app.core.columns import Array
from serve_app.models.compiled.arithmetic import AsFloat, Cast, Elementwise, MatMul
from serve_app.models.compiled.classes import Above, Largest, Take
from serve_app.models.compiled.kernels import (
    CoupledShares,
    Duels,
    DuelsAndMargins,
    DuelsWon,
    Kernel,
    PairwiseKernel,
)
from serve_app.models.compiled.operation import Chain, Operation, chain
from serve_app.models.compiled.shapes import Column, Flatten
from serve_app.models.convert.dispatch import (
    Given,
    Inconvertible,
    Scored,
    as_array,
    dense,
    predicts,
    screened,
    transforms,
)

_SAME = Chain(())
_KINDS = {"linear", "poly", "rbf", "sigmoid"}


def _dense_array(values: Any) -> Array:
    return as_array(values.toarray() if scipy.sparse.issparse(values) else values)


def _likeness(model: Any, given: Given) -> Operation:
    """The kernel between rows and support vectors."""
    if model.kernel not in _KINDS:
        msg = f"{type(model).__name__} has a kernel of its own"
        raise Inconvertible(msg)
    if not model._sparse:
        dense(given, model)
    points = _dense_array(model.support_vectors_)
    kernel = Kernel(
        points, model.kernel, float(model._gamma), float(model.coef0), int(model.degree)
    )
    return chain(screened(given, dtype="float64"), kernel)


def _one_sum(model: Any, given: Given) -> Operation:
    weights = _dense_array(model._dual_coef_).reshape(-1)
    shift = Elementwise("add", float(model._intercept_[0]))
    return chain(_likeness(model, given), MatMul(weights), shift)


@predicts(SVR, NuSVR)
def _regressor(model: Any, given: Given) -> Scored:
    return Scored(_one_sum(model, given))


@predicts(OneClassSVM)
def _one_class(model: Any, given: Given) -> Scored:
    sides = chain(Above(), Take(np.array([-1, 1])))
    return Scored(_one_sum(model, given), decision=_SAME, link=sides)


@predicts(SVC, NuSVC)
def _classifier(model: Any, given: Given) -> Scored:
    labels = as_array(model.classes_)
    count = len(labels)
    sizes = tuple(int(size) for size in model._n_support)
    duels = Duels(sizes, _dense_array(model._dual_coef_), as_array(model._intercept_))
    scores = chain(_likeness(model, given), duels)
    probabilities = None
    if model._probA.size and hasattr(model, "predict_proba"):
        probabilities = CoupledShares(as_array(model._probA), as_array(model._probB), count)
    votes: Operation = chain(DuelsWon(count), Largest())
    if count == 2:
        decision: Operation = chain(Elementwise("negative"), Flatten())
        # Margins stand the other way round in libsvm: above 0 the first class wins.
        first = chain(Column(0), Elementwise("greater", 0.0))
        votes = chain(first, Elementwise("logical_not"), Cast("int64"))
    elif model.decision_function_shape == "ovr":
        decision = DuelsAndMargins(count)
        votes = chain(decision, Largest()) if model.break_ties else votes
    else:
        decision = _SAME
    return Scored(scores, decision, probabilities, votes, labels)


@predicts(KernelRidge)
def _ridge(model: Any, given: Given) -> Scored:
    dense(given, model)
    weights = as_array(model.dual_coef_)
    kernel = pairwise(model, as_array(model.X_fit_), model.gamma)
    return Scored(chain(screened(given), AsFloat(), kernel, MatMul(weights)))


def pairwise(model: Any, points: Array, gamma: float | None) -> Operation:
    """The kernel of a model that has its settings, between rows and points.

    Raises:
        Inconvertible: it is none that is known here.
    """
    if model.kernel not in _KINDS or model.kernel_params or points.dtype != np.float64:
        msg = f"{type(model).__name__} has a kernel of its own"
        raise Inconvertible(msg)
    scale = 1.0 / points.shape[1] if gamma is None else float(gamma)
    constant = 1.0 if model.coef0 is None else float(model.coef0)
    degree = 3.0 if model.degree is None else float(model.degree)
    return PairwiseKernel(points, model.kernel, scale, constant, degree)


@transforms(Nystroem)
def _nystroem(model: Any, given: Given) -> tuple[Operation, Given]:
    dense(given, model)
    kernel = pairwise(model, as_array(model.components_), model.gamma)
    turned = as_array(model.normalization_)
    operation = chain(screened(given), AsFloat(), kernel, MatMul(turned.T))
    return operation, given.matrix(turned.shape[0])


@transforms(RBFSampler)
def _sampler(model: Any, given: Given) -> tuple[Operation, Given]:
    dense(given, model)
    weights = as_array(model.random_weights_)
    operation = chain(
        screened(given),
        AsFloat(),
        MatMul(weights),
        Elementwise("add", as_array(model.random_offset_)),
        Elementwise("cos"),
        Elementwise("multiply", float((2.0 / weights.shape[1]) ** 0.5)),
    )
    return operation, given.matrix(weights.shape[1])
