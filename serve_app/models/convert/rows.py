"""Converts what stands before a model: scalers, selections, compositions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    Binarizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils import get_tags

from serve_app.models.compiled.arithmetic import (
    AsFloat,
    Beside,
    Cast,
    Clip,
    Elementwise,
    MatMul,
    Pick,
    Screen,
)
from serve_app.models.compiled.operation import Operation, chain
from serve_app.models.compiled.shapes import Normalise, Polynomial
from serve_app.models.convert.dispatch import (
    Given,
    Inconvertible,
    dense,
    numbers,
    screened,
    transformer,
    transforms,
)

Converted = tuple[Operation, Given]


@transforms(Pipeline)
def _pipeline(pipeline: Any, given: Given) -> Converted:
    return in_sequence([step for _, step in pipeline.steps], given)


def in_sequence(steps: Sequence[Any], given: Given) -> Converted:
    """Transformers one after the other.

    Raises:
        Inconvertible: one has no compiled form.
    """
    operations: list[Operation] = []
    for step in steps:
        if step is None or step == "passthrough":
            continue
        operation, given = transformer(step, given)
        operations.append(operation)
    return chain(*operations), given


@transforms(FrozenEstimator)
def _frozen(frozen: Any, given: Given) -> Converted:
    return transformer(frozen.estimator, given)


@transforms(ColumnTransformer)
def _by_columns(columns: Any, given: Given) -> Converted:
    names = list(getattr(columns, "feature_names_in_", ()))
    branches: list[Operation] = []
    width = 0
    weights = columns.transformer_weights or {}
    for name, step, chosen in columns.transformers_:
        if isinstance(step, str) and step == "drop":
            continue
        positions = _positions(chosen, names, given.width)
        if not positions:
            continue
        picked = tuple(given.columns[j] for j in positions) if given.columns else None
        part = Given(len(positions), picked)
        operation, handed_on = _passed(step, part)
        to_matrix, handed_on = numbers(handed_on)
        weighed = Elementwise("multiply", float(weights[name])) if weights.get(name) else None
        branches.append(chain(Pick(positions), operation, to_matrix, weighed))
        width += handed_on.width
    sparse = bool(columns.sparse_output_)
    return Beside(tuple(branches)), replace(given.matrix(width), sparse=sparse)


def _passed(step: Any, given: Given) -> tuple[Operation | None, Given]:
    if isinstance(step, str) or step is None:
        return None, given
    return transformer(step, given)


def _positions(chosen: Any, names: list[str], width: int) -> tuple[int, ...]:
    if isinstance(chosen, str):
        chosen = [chosen]
    if isinstance(chosen, slice):
        if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
            start = names.index(chosen.start) if chosen.start is not None else 0
            stop = names.index(chosen.stop) + 1 if chosen.stop is not None else width
            return tuple(range(width))[start : stop : chosen.step]
        return tuple(range(width))[chosen]
    listed = list(np.atleast_1d(np.asarray(chosen)))
    if listed and isinstance(listed[0], (bool, np.bool_)):
        return tuple(int(j) for j in np.flatnonzero(listed))
    return tuple(
        names.index(str(one)) if isinstance(one, str) else int(one) % width for one in listed
    )


@transforms(FeatureUnion)
def _union(union: Any, given: Given) -> Converted:
    branches: list[Operation] = []
    width = 0
    sparse = False
    weights = union.transformer_weights or {}
    for name, step in union.transformer_list:
        if isinstance(step, str) and step == "drop":
            continue
        operation, handed_on = _passed(step, given)
        to_matrix, handed_on = numbers(handed_on)
        weighed = Elementwise("multiply", float(weights[name])) if weights.get(name) else None
        branches.append(chain(operation, to_matrix, weighed))
        width += handed_on.width
        sparse = sparse or handed_on.sparse
    return Beside(tuple(branches)), replace(given.matrix(width), sparse=sparse)


def floats(given: Given) -> tuple[Operation, Given]:
    """Floats of any precision, NaN allowed: what scalers take.

    Raises:
        Inconvertible: a column holds text or categories.
    """
    to_matrix, given = numbers(given)
    screen = None if given.screened else Screen(nan=True)
    return chain(to_matrix, AsFloat(), screen), given


@transforms(StandardScaler)
def _standard(scaler: Any, given: Given) -> Converted:
    start, given = floats(given)
    mean = scaler.mean_ if scaler.with_mean else None
    scale = scaler.scale_ if scaler.with_std else None
    return _shifted(start, given, mean, scale)


@transforms(RobustScaler)
def _robust(scaler: Any, given: Given) -> Converted:
    start, given = floats(given)
    center = scaler.center_ if scaler.with_centering else None
    scale = scaler.scale_ if scaler.with_scaling else None
    return _shifted(start, given, center, scale)


def _shifted(start: Operation, given: Given, center: Any, scale: Any) -> Converted:
    shift = None if center is None else Elementwise("subtract", center, alike=True)
    spread = None if scale is None else _divided(scale, given)
    return chain(start, shift, spread), replace(given.matrix(given.width), sparse=given.sparse)


def _divided(scale: Any, given: Given) -> Operation:
    # Of a sparse matrix scikit-learn multiplies the columns, which rounds otherwise.
    if given.sparse:
        return Elementwise("multiply", 1 / scale, alike=True)
    return Elementwise("divide", scale, alike=True)


@transforms(MaxAbsScaler)
def _max_abs(scaler: Any, given: Given) -> Converted:
    start, given = floats(given)
    clip = Clip(-1.0, 1.0) if getattr(scaler, "clip", False) else None
    operation = chain(start, _divided(scaler.scale_, given), clip)
    return operation, replace(given.matrix(given.width), sparse=given.sparse)


@transforms(MinMaxScaler)
def _min_max(scaler: Any, given: Given) -> Converted:
    dense(given, scaler)
    start, given = floats(given)
    low, high = scaler.feature_range
    clip = Clip(float(low), float(high)) if scaler.clip else None
    operation = chain(
        start,
        Elementwise("multiply", scaler.scale_, alike=True),
        Elementwise("add", scaler.min_, alike=True),
        clip,
    )
    return operation, given.matrix(given.width)


@transforms(Normalizer)
def _normalizer(normalizer: Any, given: Given) -> Converted:
    dense(given, normalizer)
    return chain(screened(given), AsFloat(), Normalise(normalizer.norm)), given.matrix(given.width)


@transforms(Binarizer)
def _binarizer(binarizer: Any, given: Given) -> Converted:
    dense(given, binarizer)
    above = Elementwise("greater", float(binarizer.threshold))
    return chain(screened(given), AsFloat(), above, Cast("float64")), given.matrix(given.width)


@transforms(PolynomialFeatures)
def _polynomial(features: Any, given: Given) -> Converted:
    dense(given, features)
    width = given.width
    wanted = [tuple(np.repeat(np.arange(width), p)) for p in features.powers_]
    places: dict[tuple[int, ...], int] = {(): 0, **{(j,): 1 + j for j in range(width)}}
    products: list[tuple[int, int]] = []
    highest = max((len(term) for term in wanted), default=0)
    combine = (
        itertools.combinations
        if features.interaction_only
        else itertools.combinations_with_replacement
    )
    for degree in range(2, highest + 1):
        for term in combine(range(width), degree):
            # scikit-learn multiplies the product of the later columns by the first.
            products.append((places[term[1:]], term[0]))
            places[term] = len(places)
    kept = tuple(places[tuple(int(j) for j in term)] for term in wanted)
    operation = chain(screened(given), AsFloat(), Polynomial(width, tuple(products), kept))
    return operation, given.matrix(len(kept))


@transforms(PCA, IncrementalPCA)
def _pca(pca: Any, given: Given) -> Converted:
    if type(pca) is IncrementalPCA:
        dense(given, pca)
    turned = pca.components_.T
    centre = np.reshape(pca.mean_, (1, -1)) @ turned
    spread = None
    if pca.whiten:
        scale = np.sqrt(pca.explained_variance_)
        tiny = np.finfo(scale.dtype).eps
        spread = Elementwise("divide", np.where(scale < tiny, tiny, scale))
    centred = Elementwise("subtract", centre, alike=True)
    operation = chain(screened(given), AsFloat(), MatMul(turned), centred, spread)
    return operation, replace(given.matrix(turned.shape[1]), sparse=False)


@transforms(TruncatedSVD)
def _svd(svd: Any, given: Given) -> Converted:
    operation = chain(screened(given), MatMul(svd.components_.T))
    return operation, replace(given.matrix(svd.components_.shape[0]), sparse=False)


@transforms(
    VarianceThreshold,
    SelectKBest,
    SelectPercentile,
    SelectFpr,
    SelectFdr,
    SelectFwe,
    GenericUnivariateSelect,
    SelectFromModel,
    RFE,
    RFECV,
    SequentialFeatureSelector,
)
def _selection(selection: Any, given: Given) -> Converted:
    positions = tuple(int(j) for j in np.flatnonzero(selection.get_support()))
    if not positions:
        msg = "no column is selected"
        raise Inconvertible(msg)
    to_matrix, matrix = numbers(given)
    screen = None if get_tags(selection).input_tags.allow_nan else Screen()
    operation = chain(to_matrix, screen, Pick(positions))
    return operation, replace(matrix, width=len(positions))
