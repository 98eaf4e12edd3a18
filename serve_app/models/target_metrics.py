"""How good predictions of several targets are: all of them at once, and each by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from serve_app.core.columns import Array
from serve_app.models.several import dense

TARGETS_SHOWN = 10
"""Of more targets than so many only the means are given."""
Scorer = Callable[[Any, Any, Any], float]
Scorers = dict[str, "str | Scorer"]


def of_targets(target: Array, names: Sequence[str]) -> Scorers:
    """Scorers by name for a target of shape (n, targets), whose columns have `names`.

    `subset_accuracy` counts the rows of which everything is right. Beside it stand F1 of yes,
    where all is yes or no, or else accuracy: the mean over the targets, and each target's.
    """
    count = target.shape[1]
    listed = names or [str(place) for place in range(count)]
    score, word = (_f1, "f1") if _is_yes_or_no(target) else (_accuracy, "accuracy")
    scorers: Scorers = {"subset_accuracy": _subset}
    scorers[f"mean_{word}"] = _mean(score)
    if count <= TARGETS_SHOWN:
        scorers.update({f"{word} {name}": _one(score, at) for at, name in enumerate(listed)})
    return scorers


def _is_yes_or_no(target: Array) -> bool:
    return set(np.unique(target.astype(str)).tolist()) <= {"0", "1", "0.0", "1.0", "False", "True"}


def _subset(estimator: Any, rows: Any, target: Array) -> float:
    return float((_same(estimator, rows, target)).all(axis=1).mean())


def _same(estimator: Any, rows: Any, target: Array) -> Array:
    same: Array = dense(estimator.predict(rows)) == target
    return same


def _mean(score: Callable[[Array, Array], float]) -> Scorer:
    def scored(estimator: Any, rows: Any, target: Array) -> float:
        predicted = dense(estimator.predict(rows))
        return float(np.mean([score(t, s) for t, s in zip(target.T, predicted.T, strict=True)]))

    return scored


def _one(score: Callable[[Array, Array], float], at: int) -> Scorer:
    def scored(estimator: Any, rows: Any, target: Array) -> float:
        return score(target[:, at], dense(estimator.predict(rows))[:, at])

    return scored


def _f1(target: Array, predicted: Array) -> float:
    return float(f1_score(target.astype(bool), predicted.astype(bool), zero_division=0.0))


def _accuracy(target: Array, predicted: Array) -> float:
    return float((target == predicted).mean())
