"""Converts what turns rows into fewer columns by a product of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.decomposition import FactorAnalysis, FastICA, KernelPCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from serve_app.models.compiled.arithmetic import AsFloat, Elementwise, MatMul
from serve_app.models.compiled.kernels import CentredKernel
from serve_app.models.compiled.operation import Operation, chain
from serve_app.models.convert.dispatch import (
    Given,
    Inconvertible,
    as_array,
    dense,
    screened,
    transforms,
)
from serve_app.models.convert.kernels import pairwise

Converted = tuple[Operation, Given]


@transforms(LinearDiscriminantAnalysis)
def _discriminant(model: Any, given: Given) -> Converted:
    dense(given, model)
    if model.solver == "lsqr":
        msg = "a LinearDiscriminantAnalysis solved by least squares transforms nothing"
        raise Inconvertible(msg)
    turned = as_array(model.scalings_)[:, : model._max_components]
    shift = Elementwise("subtract", as_array(model.xbar_)) if model.solver == "svd" else None
    operation = chain(screened(given), AsFloat(), shift, MatMul(turned))
    return operation, given.matrix(turned.shape[1])


@transforms(FastICA)
def _independent(model: Any, given: Given) -> Converted:
    dense(given, model)
    shift = Elementwise("subtract", as_array(model.mean_)) if model.whiten else None
    turned = as_array(model.components_).T
    operation = chain(screened(given), AsFloat(), shift, MatMul(turned))
    return operation, given.matrix(turned.shape[1])


@transforms(FactorAnalysis)
def _factors(model: Any, given: Given) -> Converted:
    dense(given, model)
    weighed = model.components_ / model.noise_variance_
    covariance = np.linalg.inv(np.eye(len(weighed)) + weighed @ model.components_.T)
    shift = Elementwise("subtract", as_array(model.mean_))
    operation = chain(screened(given), shift, MatMul(weighed.T), MatMul(covariance))
    return operation, given.matrix(len(weighed))


@transforms(GaussianRandomProjection, SparseRandomProjection)
def _random(model: Any, given: Given) -> Converted:
    dense(given, model)
    components = model.components_
    if scipy.sparse.issparse(components):
        components = components.toarray()
    operation = chain(screened(given), AsFloat(), MatMul(as_array(components).T))
    return operation, given.matrix(len(components))


@transforms(KernelPCA)
def _by_kernel(model: Any, given: Given) -> Converted:
    dense(given, model)
    kernel = pairwise(model, as_array(model.X_fit_), float(model.gamma_))
    values, vectors = model.eigenvalues_, model.eigenvectors_
    scaled = np.zeros_like(vectors)
    used = np.flatnonzero(values)
    scaled[:, used] = vectors[:, used] / np.sqrt(values[used])
    centre = CentredKernel(as_array(model._centerer.K_fit_rows_), float(model._centerer.K_fit_all_))
    operation = chain(screened(given), AsFloat(), kernel, centre, MatMul(scaled))
    return operation, given.matrix(scaled.shape[1])
