"""The error of a regressor by the cells of its rows, learned where the truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from serve_app.core.columns import Array, Columns
from serve_app.core.messages import Prediction
from serve_app.monitoring.estimate.dle import ErrorModel
from serve_app.monitoring.profile.categories import Lookup
from serve_app.monitoring.profile.feature import Feature
from serve_app.monitoring.profile.numbers import as_numbers, boundaries
from serve_app.monitoring.profile.predicted import Predicted

MINIMUM_ROWS = 100
MAX_ROWS = 20_000
"""Rows that it is fitted on, from all over those that there are."""
MAX_FEATURES = 30
"""Features of the model: those whose cells say most of the error. Work grows with their square."""
PREDICTED = "prediction:value"
"""By what name the predicted value stands among the features."""


def error_model(
    columns: Columns,
    features: Iterable[Feature],
    predicted: Iterable[Predicted],
    prediction: Prediction,
    truth: Array,
) -> ErrorModel | None:
    """How large the error of one number per row is, by the cells of the rows' features.

    None where there are too few rows, or of which the truth is no number.
    """
    values = as_numbers(prediction.values.reshape(-1), len(truth))
    errors = values - as_numbers(np.asarray(truth), len(truth))
    known = np.flatnonzero(np.isfinite(errors))
    if len(known) < MINIMUM_ROWS:
        return None
    some = known[np.unique(np.linspace(0, len(known) - 1, MAX_ROWS).astype(np.intp))]
    errors = errors[some]
    arrays = columns.as_dict()
    there = [one for one in features if one.name in arrays]
    cells = {one.name: (one, places(one, arrays[one.name][some])) for one in there}
    explained = {name: _explained(*pair, errors) for name, pair in cells.items()}
    chosen = sorted(cells, key=lambda name: (-explained[name], name))[:MAX_FEATURES]
    used = {name: cells[name] for name in chosen}
    for one in predicted:
        used[PREDICTED] = one.feature, places(one.feature, values[some])
    sizes = {name: feature.size for name, (feature, _) in used.items()}
    return ErrorModel.fit({name: rows for name, (_, rows) in used.items()}, sizes, errors)


def places(feature: Feature, array: Array) -> NDArray[np.intp]:
    """In which place of the feature's vector each value is counted."""
    if feature.kind == "categories":
        return Lookup(feature).places(array, len(array))
    starts, cells = boundaries(feature)
    # NaN is the greatest of all, as where columns are counted.
    return cells[starts.searchsorted(as_numbers(array, len(array)), side="right")]


def _explained(feature: Feature, rows: NDArray[np.intp], errors: Array) -> float:
    """How much of the variance of the squared error lies between the cells of a feature."""
    squares = errors**2
    counts = np.bincount(rows, minlength=feature.size)
    sums = np.bincount(rows, squares - squares.mean(), feature.size)
    filled = counts > 0
    # More cells say more by chance alone.
    by_chance = float(squares.var()) * max(0, int(filled.sum()) - 1)
    return float((sums[filled] ** 2 / counts[filled]).sum()) - by_chance


def counts_of(
    model: ErrorModel, by_name: Mapping[str, NDArray[np.int64]]
) -> dict[str, NDArray[np.int64]] | None:
    """The counts that the model needs, none where a feature is not counted."""
    if not model.absolute.effects.keys() <= by_name.keys():
        return None
    return {name: by_name[name] for name in model.absolute.effects}
