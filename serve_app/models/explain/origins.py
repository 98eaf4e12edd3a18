"""From which column each feature is made that a fitted transformer gives, where one makes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
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
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from serve_app.core.columns import Array
from serve_app.models.attributed import Attributed

_ONE_TO_ONE = (
    Binarizer,
    MaxAbsScaler,
    MinMaxScaler,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
_SELECTORS = (
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

Origins = list[int]
"""The place of the column that each feature is made of."""


def origins_of(transformer: Any, columns: int) -> Origins | None:
    """The origins of what a fitted transformer makes of so many columns.

    None where a feature is made of several, or nobody here knows of what.
    """
    if transformer is None or (isinstance(transformer, str) and transformer == "passthrough"):
        return list(range(columns))
    for kinds, find in _KNOWN:
        # By exact class: a subclass may do anything.
        if type(transformer) in kinds:
            return find(transformer, columns)
    return None


def folded(parts: Attributed, origins: Sequence[int], columns: int) -> Attributed:
    """Parts of features as parts of the columns that they are made of."""
    rows, _, outputs = parts.contributions.shape
    made = np.zeros((rows, columns, outputs))
    for feature, column in enumerate(origins):
        made[:, column] += parts.contributions[:, feature]
    return Attributed(made, parts.base)


def _one_to_one(transformer: Any, columns: int) -> Origins | None:  # noqa: ARG001
    return list(range(columns))


def _imputer(transformer: Any, columns: int) -> Origins | None:
    """Columns without any value are left out, and flags of gaps follow those that had some."""
    kept = list(range(columns))
    if not transformer.keep_empty_features:
        statistics = transformer.statistics_.tolist()
        kept = [place for place in kept if statistics[place] == statistics[place]]
    if transformer.add_indicator:
        kept += [int(place) for place in transformer.indicator_.features_]
    names = transformer.get_feature_names_out(_names(transformer))
    return kept if len(kept) == len(names) else None


def _selector(transformer: Any, columns: int) -> Origins | None:  # noqa: ARG001
    return [int(place) for place in transformer.get_support(indices=True)]


def _function(transformer: Any, columns: int) -> Origins | None:
    return list(range(columns)) if transformer.func is None else None


def _one_hot(transformer: Any, columns: int) -> Origins | None:  # noqa: ARG001
    counts = [len(categories) for categories in transformer.categories_]
    dropped = transformer.drop_idx_
    if dropped is not None:
        counts = [n - (one is not None) for n, one in zip(counts, dropped, strict=True)]
    rare = getattr(transformer, "infrequent_categories_", None)
    if rare is not None:
        counts = [
            n if one is None else n - len(one) + 1 for n, one in zip(counts, rare, strict=True)
        ]
    return _if_as_many(transformer, counts)


def _binned(transformer: Any, columns: int) -> Origins | None:
    if transformer.encode == "ordinal":
        return list(range(columns))
    return _if_as_many(transformer, [int(bins) for bins in transformer.n_bins_])


def _if_as_many(transformer: Any, counts: Sequence[int]) -> Origins | None:
    names = transformer.get_feature_names_out(_names(transformer))
    origins = [place for place, count in enumerate(counts) for _ in range(count)]
    return origins if len(origins) == len(names) else None


def _names(transformer: Any) -> Array | None:
    names: Array | None = getattr(transformer, "feature_names_in_", None)
    return names


def _pipeline(transformer: Any, columns: int) -> Origins | None:
    origins: Origins | None = list(range(columns))
    for _, step in transformer.steps:
        if origins is None:
            return None
        inner = origins_of(step, len(origins))
        origins = None if inner is None else [origins[place] for place in inner]
    return origins


def _column_transformer(transformer: Any, columns: int) -> Origins | None:
    names = getattr(transformer, "feature_names_in_", None)
    known = None if names is None else [str(name) for name in names]
    places_by_output: dict[int, int] = {}
    for name, inner, chosen in transformer.transformers_:
        there = transformer.output_indices_.get(name)
        if there is None or there.stop == there.start:
            continue
        places = _places(chosen, columns, known)
        origins = None if places is None else origins_of(inner, len(places))
        if places is None or origins is None or len(origins) != there.stop - there.start:
            return None
        for output, origin in zip(range(there.start, there.stop), origins, strict=True):
            places_by_output[output] = places[origin]
    return [places_by_output[output] for output in range(len(places_by_output))]


def _places(chosen: Any, columns: int, known: Sequence[str] | None) -> list[int] | None:
    """The places of the columns that a part of a ColumnTransformer takes."""
    if isinstance(chosen, slice) and all(
        one is None or isinstance(one, int) for one in (chosen.start, chosen.stop)
    ):
        return list(range(columns))[chosen]
    if isinstance(chosen, (str, int)):
        chosen = [chosen]
    if isinstance(chosen, slice):
        return None
    listed = list(np.asarray(chosen).tolist())
    if listed and all(isinstance(one, bool) for one in listed):
        return [place for place, one in enumerate(listed) if one]
    try:
        return [
            range(columns)[one] if isinstance(one, int) else (known or []).index(str(one))
            for one in listed
        ]
    except (IndexError, ValueError):
        return None


def _union(transformer: Any, columns: int) -> Origins | None:
    joined: Origins = []
    for _, part in transformer.transformer_list:
        if isinstance(part, str) and part == "drop":
            continue
        origins = origins_of(part, columns)
        if origins is None:
            return None
        joined += origins
    return joined


_KNOWN: tuple[tuple[tuple[type, ...], Callable[[Any, int], Origins | None]], ...] = (
    (_ONE_TO_ONE, _one_to_one),
    ((SimpleImputer,), _imputer),
    (_SELECTORS, _selector),
    ((FunctionTransformer,), _function),
    ((OneHotEncoder,), _one_hot),
    ((KBinsDiscretizer,), _binned),
    ((Pipeline,), _pipeline),
    ((ColumnTransformer,), _column_transformer),
    ((FeatureUnion,), _union),
)
