"""From rows, what a model says of them and what was true, to a profile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output
from serve_app.monitoring.estimate.dle import ErrorModel
from serve_app.monitoring.profile.baseline import Metrics, baselines, finite
from serve_app.monitoring.profile.calibration import Calibration, calibration
from serve_app.monitoring.profile.categories import category_feature
from serve_app.monitoring.profile.error_model import error_model
from serve_app.monitoring.profile.feature import Feature, Skipped
from serve_app.monitoring.profile.numbers import number_feature
from serve_app.monitoring.profile.predicted import Predicted, assumed_output, predicted_features
from serve_app.monitoring.profile.profile import FeatureProfile, ScoresFrom
from serve_app.monitoring.profile.whole_rows import whole_rows_of

_NUMBERS = (bool, int, float, Decimal)
MAX_FEATURES = 500
"""Of wider tables the first so many columns are profiled: a profile has a bound."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What a model says of some rows, which need not be those of the features.

    `truth` is what was true of each, in the words of the output's labels, where that is known,
    and `metrics` computes from it how good the predictions are. `columns` are the rows, where
    they are known.
    """

    prediction: Prediction
    output: Output
    scores_from: ScoresFrom | None = None
    truth: Array | None = None
    metrics: Metrics | None = None
    columns: Columns | None = None


def profile_of(
    columns: Columns, scored: Scored | None = None, source: str | None = None
) -> FeatureProfile:
    """The profile of some rows, and of what a model says of these or others."""
    made = [_column(n, a, columns.rows) for n, a in _first(columns)]
    features = tuple(one for one in made if isinstance(one, Feature))
    skipped = tuple(one for one in made if isinstance(one, Skipped))
    left_out = max(0, len(columns) - MAX_FEATURES)
    probabilities = None if scored is None else _of_one_target(scored)
    whole_rows = whole_rows_of(columns, features, _features, probabilities)
    if scored is None:
        return FeatureProfile(
            columns.rows, features, skipped, left_out, source, whole_rows=whole_rows
        )
    prediction, truth, metrics = scored.prediction, scored.truth, scored.metrics
    counted = predicted_features(prediction, scored.output)
    profile = FeatureProfile(
        columns.rows,
        features,
        skipped,
        left_out,
        source,
        predictions=counted,
        scored_rows=len(prediction.values),
        scores_from=scored.scores_from,
        calibrations=tuple(_calibrations(counted, scored)),
        whole_rows=whole_rows,
    )
    if truth is None or metrics is None:
        return profile
    return replace(
        profile,
        metrics=finite(metrics(truth, prediction)),
        baselines=baselines(truth, prediction, metrics),
        error_model=_error_model(features, counted, scored),
    )


def _error_model(
    features: Sequence[Feature], counted: Sequence[Predicted], scored: Scored
) -> ErrorModel | None:
    """The error of one number per row by its features, where these are known."""
    output, columns, truth = scored.output, scored.columns, scored.truth
    if output.kind != "regression" or output.width != 1 or columns is None or truth is None:
        return None
    return error_model(columns, features, counted, scored.prediction, truth)


def profile_of_rows(
    columns: Columns, predictions: Prediction | None, output: Output | None = None
) -> FeatureProfile:
    """The profile of rows that were recorded, with the predictions that each of them got.

    Without an `output`, what kind of predictions they are shows in themselves.
    """
    if predictions is None:
        return profile_of(columns)
    return profile_of(columns, Scored(predictions, output or assumed_output(predictions)))


def _of_one_target(scored: Scored) -> Array | None:
    """The probabilities of classes that exclude each other; none of other outputs."""
    is_one = scored.output.kind == "classification" and not scored.output.targets
    return scored.prediction.probabilities if is_one else None


def _features(columns: Columns) -> tuple[Feature, ...]:
    made = (_column(n, a, columns.rows) for n, a in _first(columns))
    return tuple(one for one in made if isinstance(one, Feature))


def _first(columns: Columns) -> Iterator[tuple[str, Array]]:
    yield from zip(columns.names[:MAX_FEATURES], columns.arrays, strict=False)


def _column(name: str, array: Array, rows: int) -> Feature | Skipped:
    if array.ndim != 1:
        shape = "x".join(map(str, array.shape[1:]))
        return Skipped(name, f"each value is a tensor ({shape}); only single values are counted")
    if array.dtype.kind in "fiubmM":
        return number_feature(name, array, rows)
    if array.dtype.kind == "O" and _holds_numbers(array):
        return number_feature(name, array, rows)
    if array.dtype.kind in "OU":
        return category_feature(name, array, rows)
    return Skipped(name, f"values of the type {array.dtype} cannot be counted")


def _holds_numbers(array: Array) -> bool:
    """Whether objects are numbers or truth values, such as decimals, beside gaps."""
    kinds = set(map(type, array.tolist())) - {type(None)}
    return bool(kinds) and all(issubclass(kind, _NUMBERS) for kind in kinds)


def _calibrations(counted: tuple[Predicted, ...], scored: Scored) -> Iterator[Calibration]:
    """A calibration of each probability of which is known when it came true.

    Of the greatest of a row, that is whether the answer was right.
    """
    truth, output = scored.truth, scored.output
    if truth is None or output.kind == "multioutput":
        return
    for one in counted:
        if one.of == "confidence" and output.kind == "classification" and truth.ndim == 1:
            came_true = np.asarray(scored.prediction.values == truth, dtype=bool)
            yield calibration(one.feature.name, one.column(scored.prediction), came_true)
        if one.of != "probability":
            continue
        if output.kind == "multilabel" and truth.ndim != 2:
            return
        if output.kind == "multilabel":
            came_true = truth[:, one.place] == output.targets[one.place].labels[1]
        else:
            came_true = truth == one.label
        probabilities = one.column(scored.prediction)
        yield calibration(one.feature.name, probabilities, np.asarray(came_true, dtype=bool))
