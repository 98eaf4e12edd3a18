"""Converts what fills gaps in numbers and in text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - it makes it public
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer

from serve_app.core.columns import Array
from serve_app.core.signature import Column
from serve_app.models.compiled.arithmetic import AsFloat, Screen
from serve_app.models.compiled.categories import FillGaps
from serve_app.models.compiled.gaps import FillInTurn, GapFlags, Impute, NearestFill
from serve_app.models.compiled.operation import Operation, chain
from serve_app.models.convert.dispatch import (
    NULLABLE,
    Given,
    Inconvertible,
    as_array,
    dense,
    numbers,
    predictor,
    transforms,
)
from serve_app.models.convert.encoders import gap_of, is_nan, plain
from serve_app.models.convert.rows import floats

Converted = tuple[Operation, Given]


@transforms(SimpleImputer)
def _imputer(imputer: Any, given: Given) -> Converted:
    if given.columns is not None and any(_is_object(column) for column in given.columns):
        return _of_objects(imputer, given)
    if not isinstance(imputer.missing_values, (int, float)) or imputer._fit_dtype.kind not in "iuf":
        msg = "a SimpleImputer fills gaps that are no numbers"
        raise Inconvertible(msg)
    dense(given, imputer)
    to_matrix, given = numbers(given)
    missing = float(imputer.missing_values)
    averaged = imputer.strategy not in {"most_frequent", "constant"}
    fills, kept = _fills(imputer, given.width)
    flagged = _flagged(imputer)
    operation = chain(
        to_matrix,
        AsFloat() if averaged else None,
        Screen(nan=np.isnan(missing).item()),
        Impute(fills, missing, kept, flagged),
    )
    width = (given.width if kept is None else len(kept)) + len(flagged or ())
    return operation, given.matrix(width, screened=True)


def _flagged(imputer: Any) -> tuple[int, ...] | None:
    if not imputer.add_indicator:
        return None
    return tuple(int(j) for j in imputer.indicator_.features_)


@transforms(MissingIndicator)
def _flags(indicator: Any, given: Given) -> Converted:
    dense(given, indicator)
    if not is_nan(indicator.missing_values) or indicator.sparse is True:
        msg = "a MissingIndicator flags what is no NaN, or gives a sparse matrix"
        raise Inconvertible(msg)
    to_matrix, given = numbers(given)
    every = indicator.features == "all"
    flagged = range(given.width) if every else (int(j) for j in indicator.features_)
    flags = GapFlags(tuple(flagged), every or not indicator.error_on_new)
    return chain(to_matrix, Screen(nan=True), flags), given.matrix(len(flags.flagged))


def _only_nan(imputer: Any, given: Given) -> None:
    dense(given, imputer)
    if not is_nan(imputer.missing_values) or imputer.keep_empty_features:
        msg = f"a {type(imputer).__name__} fills what is no NaN, or keeps columns of nothing"
        raise Inconvertible(msg)


@transforms(KNNImputer)
def _nearest(imputer: Any, given: Given) -> Converted:
    _only_nan(imputer, given)
    if imputer.weights not in {"uniform", "distance"} or imputer.metric != "nan_euclidean":
        msg = "a KNNImputer measures or weighs by code of its own"
        raise Inconvertible(msg)
    start, given = floats(given)
    points = as_array(imputer._fit_X)
    with np.errstate(invalid="ignore", divide="ignore"):
        known = ~np.isnan(points)
        means = np.where(known, points, 0).sum(axis=0) / known.sum(axis=0)
    kept = _kept(np.asarray(known.any(axis=0)))
    near_counts = imputer.weights == "distance"
    fill = NearestFill(
        points, int(imputer.n_neighbors), near_counts, means, kept, _flagged(imputer)
    )
    return chain(start, fill), _after(given, kept, fill.flagged)


@transforms(IterativeImputer)
def _in_turn(imputer: Any, given: Given) -> Converted:
    _only_nan(imputer, given)
    if imputer.sample_posterior:
        msg = "an IterativeImputer draws at random"
        raise Inconvertible(msg)
    start, given = floats(given)
    initial = imputer.initial_imputer_
    fills, kept = _fills(initial, given.width)
    if initial.strategy == "constant":
        msg = "an IterativeImputer starts from a constant"
        raise Inconvertible(msg)
    turns = imputer.imputation_sequence_ if imputer.n_iter_ else []
    fill = FillInTurn(
        start=Impute(fills, float("nan"), kept, None),
        members=tuple(
            predictor(turn.estimator, Given(len(turn.neighbor_feat_idx))).method("predict")
            for turn in turns
        ),
        targets=tuple(int(turn.feat_idx) for turn in turns),
        others=tuple(tuple(int(j) for j in turn.neighbor_feat_idx) for turn in turns),
        low=as_array(imputer._min_value),
        high=as_array(imputer._max_value),
        kept=kept,
        flagged=_flagged(imputer),
    )
    return chain(start, fill), _after(given, kept, fill.flagged)


def _kept(valid: Array) -> tuple[int, ...] | None:
    return None if valid.all() else tuple(np.flatnonzero(valid).tolist())


def _after(given: Given, kept: tuple[int, ...] | None, flagged: tuple[int, ...] | None) -> Given:
    return given.matrix((given.width if kept is None else len(kept)) + len(flagged or ()))


def _is_object(column: Column) -> bool:
    """Whether scikit-learn would see the frame of such a column as one of objects."""
    if (column.frame_dtype or "").startswith(NULLABLE):
        return False
    return column.dtype == "string" or (column.dtype == "bool" and column.nullable)


def _fills(imputer: Any, width: int) -> tuple[Array, tuple[int, ...] | None]:
    """What stands for a gap of each column, and the columns that stay: all where None."""
    learned = np.array([np.nan if is_nan(one) else one for one in imputer.statistics_], float)
    if imputer.keep_empty_features:
        return _as_trained(learned, imputer), None
    valid = np.flatnonzero(~np.isnan(learned))
    # A column that was empty in training is left out: what would fill it is never used.
    fills = _as_trained(np.where(np.isnan(learned), 0.0, learned), imputer)
    return fills, None if len(valid) == width else tuple(valid.tolist())


def _as_trained(fills: Array, imputer: Any) -> Array:
    """The fills rounded to the type of the training data, as scikit-learn puts them."""
    rounded: Array = fills.astype(imputer._fill_dtype)
    return rounded


def _of_objects(imputer: Any, given: Given) -> Converted:
    """A SimpleImputer of text, perhaps with numbers besides.

    Raises:
        Inconvertible: it replaces what is no gap, or flags gaps.
    """
    columns = given.columns or ()
    if imputer.add_indicator or any(_odd(column) for column in columns):
        msg = "a SimpleImputer of text flags gaps, or has columns of categories besides"
        raise Inconvertible(msg)
    wanted = imputer.missing_values
    if wanted is not None and not is_nan(wanted):
        msg = "a SimpleImputer of text replaces a value that is no gap"
        raise Inconvertible(msg)
    kind = "none" if wanted is None else "nan"
    if any(plain(value) is None for value in imputer.statistics_):
        msg = "a SimpleImputer leaves out a column that was empty in training"
        raise Inconvertible(msg)
    # It sees one kind of gap, and leaves columns as they are whose gaps are of the other.
    fills = tuple(
        plain(value) if gap_of(column) == kind else None
        for value, column in zip(imputer.statistics_, columns, strict=True)
    )
    handed_on = tuple(
        column if fill is None else replace(column, nullable=False, frame_dtype="object")
        for column, fill in zip(columns, fills, strict=True)
    )
    return FillGaps(fills), replace(given, columns=handed_on)


def _odd(column: Column) -> bool:
    kind = column.frame_dtype or ""
    return kind.startswith(NULLABLE) or (kind == "category" and column.dtype != "string")
