"""Whether what a model says of its training data is anywhere near the truth.

Numbers can be equal everywhere and still be wrong: when the columns of the data are not those
that the model was trained on, registering compares a wrong answer with itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor

from serve_app.core.columns import Array

FAR = 0.1
"""How far below its cross-validated score a model may be on the data that it was trained on."""

_OTHER_AIMS = (
    "rank", "ndcg", "survival", "logitraw", "hinge", "quantile", "yeti", "pair", "query",
    "cox", "aft", "softrank",
)  # fmt: skip


def agreement(answers: Any, truth: Any, labels: Sequence[Any] = ()) -> float:
    """The share of right classes, or the coefficient of determination of numbers (R²).

    `labels` are the names of the classes that `truth` may give by number.
    """
    values, wanted = np.asarray(answers), np.asarray(truth)
    if labels or values.dtype.kind not in "fiu" or wanted.dtype.kind not in "fiu":
        return _share(values, wanted, labels)
    return _determination(values.astype(float), wanted.astype(float))


def aims_at_the_truth(estimator: Any, objective: str) -> bool:
    """Whether what a model says is meant to be the target, and not a rank, a risk or a score.

    `objective` is the library's word for it; scikit-learn's estimators say it by their kind.
    """
    if any(word in objective.lower() for word in _OTHER_AIMS):
        return False
    if not hasattr(estimator, "get_params"):
        return True
    return bool(is_classifier(estimator) or is_regressor(estimator))


def implausible(
    answers: Array,
    truth: Any,
    labels: Sequence[Any],
    cross_validated: Mapping[str, float],
) -> str | None:
    """A warning when a model is far worse on its own data than it should be; else none.

    It should be about as good there as models of its kind are on data that they never saw
    (`cross_validated`), and never worse than one that knows nothing but the target.
    """
    values, wanted = np.asarray(answers), np.asarray(truth)
    if values.shape != wanted.shape or not len(wanted):
        return None
    classes = bool(labels)
    name = "accuracy" if classes else "r2"
    reached = agreement(values, wanted, labels)
    if not np.isfinite(reached):
        return None
    usual = cross_validated.get(name)
    knowing_nothing = _most_frequent(wanted) if classes else 0.0
    if usual is not None and usual > knowing_nothing and reached < usual - FAR:
        return (
            f"on the data that was given with it the model reaches {name} {reached:.3f}, while "
            f"models of its kind that are trained on parts of that data reach {usual:.3f} on the "
            f"rest; {_ADVICE}"
        )
    if reached < knowing_nothing - FAR:
        return (
            f"on the data that was given with it the model reaches {name} {reached:.3f}, less than "
            f"the {knowing_nothing:.3f} of one that knows nothing but the target; {_ADVICE}"
        )
    return None


_ADVICE = (
    "are the columns in the order and of the types that it was trained on, and is it the data "
    "that it was trained on?"
)


def _share(values: Array, wanted: Array, labels: Sequence[Any]) -> float:
    texts = [str(value) for value in values.ravel().tolist()]
    named = [str(value) for value in wanted.ravel().tolist()]
    share = float(np.mean([one == other for one, other in zip(texts, named, strict=True)]))
    numbers = {str(number): str(label) for number, label in enumerate(labels)}
    by_number = [numbers.get(value, value) for value in named]
    other = float(np.mean([a == b for a, b in zip(texts, by_number, strict=True)]))
    return max(share, other)


def _determination(values: Array, wanted: Array) -> float:
    spread = float(((wanted - wanted.mean(axis=0)) ** 2).sum())
    if spread == 0:
        return float("nan")
    return 1.0 - float(((values - wanted) ** 2).sum()) / spread


def _most_frequent(wanted: Array) -> float:
    _, counts = np.unique(wanted.astype(str), return_counts=True)
    return float(counts.max() / counts.sum())
