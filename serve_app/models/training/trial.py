"""One trial: a set of parameters, fitted and judged on every fold."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from serve_app.core.columns import Array
from serve_app.errors import InvalidInput
from serve_app.models.training.estimators import Recipe, built
from serve_app.models.training.metrics import Metric, Predicted

Fold = tuple[Array, Array]
"""The places of the rows that are fitted on, and of those that are judged."""


@dataclass(frozen=True, slots=True, eq=False)
class FoldData:
    """What all trials of a search share: rows, their target, and the folds.

    `target` are class numbers, or numbers where `classes` is 0.
    """

    features: pd.DataFrame
    target: Array
    classes: int
    folds: Sequence[Fold]
    metric: Metric
    seed: int


@dataclass(frozen=True, slots=True)
class Scores:
    """The metric on each fold, and how long all of them took."""

    by_fold: tuple[float, ...]
    seconds: float
    fit_s: float

    @property
    def mean(self) -> float:
        """The mean over folds."""
        return float(np.mean(self.by_fold))


def scored(recipe: Recipe, parameters: Mapping[str, Any], data: FoldData) -> Scores:
    """Fit on each fold and judge the rest, with one thread.

    Raises:
        InvalidInput: a score is no number, or the estimator cannot be built.
    """
    began, fit_s = time.perf_counter(), 0.0
    by_fold: list[float] = []
    for number, (train, rest) in enumerate(data.folds):
        fit_began = time.perf_counter()
        estimator = fitted(recipe, parameters, data, train)
        fit_s += time.perf_counter() - fit_began
        predicted = predictions(estimator, data.features.iloc[rest], data.classes)
        score = data.metric.compute(data.target[rest], predicted)
        if not np.isfinite(score):
            msg = f"{data.metric.name} of fold {number} is {score}, which says nothing"
            raise InvalidInput(msg)
        by_fold.append(score)
    return Scores(tuple(by_fold), time.perf_counter() - began, fit_s)


def fitted(recipe: Recipe, parameters: Mapping[str, Any], data: FoldData, rows: Array) -> Any:
    """An estimator, fitted with one thread on some rows of the data.

    Raises:
        InvalidInput: the estimator cannot be built.
    """
    frame = data.features.iloc[rows]
    empty = frame.columns[frame.isna().all()]
    estimator = built(
        recipe, data.features, parameters, classes=data.classes, seed=data.seed, empty=empty
    )
    with threadpool_limits(1):
        estimator.fit(frame, data.target[rows])
    return estimator


def predictions(estimator: Any, frame: pd.DataFrame, classes: int) -> Predicted:
    """What a fitted estimator says of rows; a class that it never saw has the share 0.

    Raises:
        InvalidInput: it gives something else than one value for each row.
    """
    with threadpool_limits(1):
        values = np.asarray(estimator.predict(frame))
        shares = None
        if classes and hasattr(estimator, "predict_proba"):
            given = np.asarray(estimator.predict_proba(frame))
            shares = np.zeros((len(frame), classes))
            shares[:, np.asarray(estimator.classes_).astype(np.intp)] = given
    if values.size != len(frame):
        msg = f"the estimator gives an array of shape {values.shape} for {len(frame)} rows"
        raise InvalidInput(msg)
    values = values.reshape(-1)
    return Predicted(values.astype(np.intp if classes else np.float64), shares)
