"""How good a model is, as a metric of an experiment: an estimate per arm, with its variance.

Each estimate can go on to `effect.difference`, and from there to every test of this room.
`paired_quality` compares two models on the same rows, which is far sharper. Variances are those
of influence functions, that is of the delta method; of AUC they are DeLong's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serve_app.errors import InvalidInput
from serve_app.experiments import arrays
from serve_app.experiments.arrays import Floats, Numbers
from serve_app.experiments.estimate import Estimate, unadjusted

Labels = npt.ArrayLike
"""One class per row: numbers, booleans or strings."""


@dataclass(frozen=True, slots=True, eq=False)
class _Influence:
    """A metric, and by how much each row moves it; its variance is the sum of squares / n²."""

    value: float
    rows: Floats

    @property
    def estimate(self) -> Estimate:
        n = len(self.rows)
        return unadjusted(n, self.value, float((self.rows**2).sum()) / n)


def accuracy(truth: Labels, predicted: Labels) -> Estimate:
    """The share of rows whose class was predicted.

    Raises:
        InvalidInput: there are fewer than 2 rows, or not as many predictions as rows.
    """
    return _accuracy(truth, predicted).estimate


def precision(truth: Labels, predicted: Labels, *, positive: object = 1) -> Estimate:
    """The share of rows predicted positive that are.

    Raises:
        InvalidInput: as `accuracy`, or no row was predicted positive.
    """
    return _precision(truth, predicted, positive).estimate


def recall(truth: Labels, predicted: Labels, *, positive: object = 1) -> Estimate:
    """The share of positive rows that were predicted so.

    Raises:
        InvalidInput: as `accuracy`, or no row is positive.
    """
    return _recall(truth, predicted, positive).estimate


def f1(truth: Labels, predicted: Labels, *, positive: object = 1) -> Estimate:
    """The harmonic mean of precision and recall.

    Raises:
        InvalidInput: as `accuracy`, or no row is positive or was predicted so.
    """
    return _f1(truth, predicted, positive).estimate


def log_loss(truth: Labels, probabilities: Numbers, *, positive: object = 1) -> Estimate:
    """The mean of -log of the probability that was given to what came true, in nats.

    `probabilities` are those of the positive class. One of exactly 0 or 1 counts as the nearest
    that a float can tell from it, as in scikit-learn, for otherwise one row could be infinite.

    Raises:
        InvalidInput: as `accuracy`, or a probability is not between 0 and 1.
    """
    return _log_loss(truth, probabilities, positive).estimate


def auc(truth: Labels, scores: Numbers, *, positive: object = 1) -> Estimate:
    """The chance that a positive row scores above another; ties count one half.

    The variance is that of E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Biometrics 44
    (1988).

    Raises:
        InvalidInput: as `accuracy`, or there are fewer than 2 rows that are positive, or not.
    """
    return _auc(truth, scores, positive).estimate


def mae(truth: Numbers, predicted: Numbers) -> Estimate:
    """The mean absolute error, in the unit of the target.

    Raises:
        InvalidInput: there are fewer than 2 rows, not as many predictions as rows, or one is NaN
            or infinite.
    """
    return _mae(truth, predicted).estimate


def rmse(truth: Numbers, predicted: Numbers) -> Estimate:
    """The root of the mean squared error, in the unit of the target.

    Raises:
        InvalidInput: as `mae`.
    """
    return _rmse(truth, predicted).estimate


def paired_quality(metric: str, truth: Labels, first: Numbers, second: Numbers) -> Estimate:
    """How far the second model's metric lies above the first's, on the same rows.

    `metric` is one of `METRICS`; the models' answers are classes, probabilities or scores of the
    class 1, or numbers, as that metric takes. Of AUC this is DeLong's paired comparison. The
    estimate goes on to `confidence_sequence.mean_sequence`.

    Raises:
        InvalidInput: there is no such metric, or as the metric itself.
    """
    if metric not in METRICS:
        raise InvalidInput(f"there is no metric {metric!r}; those are {', '.join(METRICS)}")
    before, after = METRICS[metric](truth, first), METRICS[metric](truth, second)
    return _Influence(after.value - before.value, after.rows - before.rows).estimate


def _labels(truth: Labels, predicted: Labels) -> tuple[npt.NDArray[np.generic], ...]:
    given, answered = np.asarray(truth), np.asarray(predicted)
    if given.ndim != 1 or given.shape != answered.shape:
        raise InvalidInput(
            f"the truth has the shape {given.shape} and the predictions {answered.shape}; "
            "there has to be one of each per row"
        )
    if len(given) < 2:
        raise InvalidInput(f"there are {len(given)} rows; at least 2 are needed")
    for name, array in (("truth", given), ("predictions", answered)):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InvalidInput(f"the {name} hold NaN or infinity; all have to be finite")
    return given, answered


def _positives(truth: Labels, answers: Labels, positive: object) -> tuple[Floats, Floats]:
    given, answered = _labels(truth, answers)
    return (given == positive).astype(np.float64), np.asarray(answered, dtype=np.float64)


def _mean(rows: Floats) -> _Influence:
    value = float(rows.mean())
    n = len(rows)
    return _Influence(value, (rows - value) * math.sqrt(n / (n - 1)))


def _ratio(above: Floats, below: Floats, undefined: str) -> _Influence:
    base = float(below.mean())
    if base == 0:
        raise InvalidInput(undefined)
    value = float(above.mean()) / base
    return _Influence(value, (above - value * below) / base)


def _accuracy(truth: Labels, predicted: Labels) -> _Influence:
    given, answered = _labels(truth, predicted)
    right = (given == answered).astype(np.float64)
    return _Influence(float(right.mean()), right - right.mean())


def _precision(truth: Labels, predicted: Labels, positive: object = 1) -> _Influence:
    given, answered = _labels(truth, predicted)
    named = (answered == positive).astype(np.float64)
    hits = named * (given == positive)
    return _ratio(hits, named, "no row was predicted positive, so there is no precision")


def _recall(truth: Labels, predicted: Labels, positive: object = 1) -> _Influence:
    given, answered = _labels(truth, predicted)
    present = (given == positive).astype(np.float64)
    return _ratio(present * (answered == positive), present, "no row is positive: no recall")


def _f1(truth: Labels, predicted: Labels, positive: object = 1) -> _Influence:
    given, answered = _labels(truth, predicted)
    present = (given == positive).astype(np.float64)
    named = (answered == positive).astype(np.float64)
    undefined = "no row is positive and none was predicted so: no F1"
    return _ratio(2 * present * named, present + named, undefined)


def _log_loss(truth: Labels, probabilities: Numbers, positive: object = 1) -> _Influence:
    present, chance = _positives(truth, probabilities, positive)
    if (chance < 0).any() or (chance > 1).any():
        wrong = float(chance[(chance < 0) | (chance > 1)][0])
        raise InvalidInput(f"a probability is {wrong}; all have to lie from 0 to 1")
    smallest = float(np.finfo(np.float64).eps)
    safe = np.clip(chance, smallest, 1 - smallest)
    return _mean(-np.where(present > 0, np.log(safe), np.log1p(-safe)))


def _auc(truth: Labels, scores: Numbers, positive: object = 1) -> _Influence:
    present, score = _positives(truth, scores, positive)
    marked = present > 0
    n, p = len(score), int(marked.sum())
    q = n - p
    if p < 2 or q < 2:
        raise InvalidInput(f"there are {p} positive rows and {q} others; AUC needs 2 of each")
    above, below = np.sort(score[marked]), np.sort(score[~marked])
    rows = np.empty(n)
    rows[marked] = _share_below(below, score[marked])
    rows[~marked] = 1 - _share_below(above, score[~marked])
    value = float(rows[marked].mean())
    # Each side's own mean is AUC; n / class size turns its rows into influences.
    rows[marked] = (rows[marked] - value) * n / math.sqrt(p * (p - 1))
    rows[~marked] = (rows[~marked] - value) * n / math.sqrt(q * (q - 1))
    return _Influence(value, rows)


def _share_below(ordered: Floats, values: Floats) -> Floats:
    """The share of ordered values below each value, of which equal ones count one half."""
    lower = np.searchsorted(ordered, values, side="left")
    upper = np.searchsorted(ordered, values, side="right")
    return np.asarray((lower + upper) / (2 * len(ordered)), dtype=np.float64)


def _errors(truth: Labels, predicted: Labels) -> Floats:
    given = arrays.numbers("the true values", np.asarray(truth), at_least=2)
    answered = arrays.numbers("the predictions", np.asarray(predicted), at_least=2)
    arrays.same_length(truth=given, predictions=answered)
    return answered - given


def _mae(truth: Labels, predicted: Labels) -> _Influence:
    return _mean(np.abs(_errors(truth, predicted)))


def _rmse(truth: Labels, predicted: Labels) -> _Influence:
    squared = _mean(_errors(truth, predicted) ** 2)
    root = math.sqrt(squared.value)
    return _Influence(root, squared.rows / (2 * root) if root else squared.rows)


METRICS: dict[str, Callable[..., _Influence]] = {
    "accuracy": _accuracy,
    "auc": _auc,
    "f1": _f1,
    "log_loss": _log_loss,
    "mae": _mae,
    "precision": _precision,
    "recall": _recall,
    "rmse": _rmse,
}
"""The metrics that `paired_quality` knows, by name."""
