"""Which columns a fitted model needs: what a metric loses once the values of one are shuffled.

Source: Breiman, "Random Forests", Machine Learning 45, 2001, section 10; of any model, Fisher,
Rudin and Dominici, "All Models are Wrong, but Many are Useful", JMLR 20, 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from serve_app.core.columns import Array
from serve_app.models.training.metrics import Metric
from serve_app.models.training.trial import predictions

MOST_PREDICTIONS = 500_000
"""Of many columns fewer rows are shuffled, so that no more than so many are predicted."""
_FEWEST_ROWS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Rows that a model was not fitted on, what is true of them, and by what it is judged.

    `truth` are class numbers, or numbers where `classes` is 0.
    """

    frame: pd.DataFrame
    truth: Array
    classes: int
    metric: Metric


@dataclass(frozen=True, slots=True)
class Loss:
    """What the metric loses without one column, in its own unit: mean and standard deviation.

    Both are over `repeats` shuffles. Positive is worse, whatever the metric.
    """

    column: str
    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Importances:
    """The losses of all columns, the largest first, and by how many rows they were computed."""

    metric: str
    rows: int
    repeats: int
    losses: tuple[Loss, ...]


def importances(estimator: Any, judged: Judged, repeats: int, seed: int) -> Importances | None:
    """How much worse a fitted model is once a column says nothing, for each column.

    The same for the same seed. None where the metric says nothing of these rows, or nothing is to
    be repeated.

    Raises:
        InvalidInput: the model gives something else than one value for each row.
    """
    rows = _rows(judged, repeats, seed)
    frame, truth = judged.frame.iloc[rows].reset_index(drop=True), judged.truth[rows]
    whole = _score(estimator, frame, truth, judged)
    if not np.isfinite(whole) or repeats < 1:
        return None
    copies = pd.concat([frame] * repeats, ignore_index=True)
    losses = []
    for place, column in enumerate(frame.columns):
        rng = np.random.default_rng([seed, 4, place])
        order = np.concatenate([rng.permutation(len(frame)) for _ in range(repeats)])
        shuffled = copies.assign(**{column: frame[column].array[order]})
        parts = _scores(estimator, shuffled, truth, judged)
        lost = [judged.metric.gain(whole, part) for part in parts if np.isfinite(part)]
        if lost:
            losses.append(Loss(str(column), float(np.mean(lost)), float(np.std(lost))))
    losses.sort(key=lambda loss: (-loss.mean, loss.column))
    return Importances(judged.metric.name, len(frame), repeats, tuple(losses))


def _rows(judged: Judged, repeats: int, seed: int) -> Array:
    """The rows that are shuffled: all, or as many as may be predicted."""
    count = len(judged.frame)
    most = MOST_PREDICTIONS // max(1, repeats * len(judged.frame.columns))
    if count <= max(_FEWEST_ROWS, most):
        return np.arange(count)
    rng = np.random.default_rng([seed, 5])
    return np.sort(rng.choice(count, max(_FEWEST_ROWS, most), replace=False))


def _score(estimator: Any, frame: pd.DataFrame, truth: Array, judged: Judged) -> float:
    return judged.metric.compute(truth, predictions(estimator, frame, judged.classes))


def _scores(estimator: Any, copies: pd.DataFrame, truth: Array, judged: Judged) -> Sequence[float]:
    """The metric of each copy of the rows; they are predicted together."""
    predicted = predictions(estimator, copies, judged.classes)
    places = np.arange(len(copies)).reshape(-1, len(truth))
    return [judged.metric.compute(truth, predicted.take(rows)) for rows in places]
