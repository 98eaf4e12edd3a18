"""What is left of an answer for callers who learn less than all that models say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from serve_app.core.detail import DIGITS, FULL, Detail
from serve_app.core.messages import PREDICT, PREDICT_PROBA, Answer, Prediction
from serve_app.errors import Forbidden

if TYPE_CHECKING:
    from serve_app.core.caller import Caller
    from serve_app.core.columns import Array
    from serve_app.core.explanation import Explanation
    from serve_app.core.signature import Output


@dataclass(frozen=True, slots=True)
class Details:
    """How exactly callers learn it who bring no detail of their own: by their name, or all."""

    default: Detail = FULL
    by_principal: Mapping[str, Detail] = field(default_factory=dict)

    def of(self, caller: Caller) -> Detail:
        """How exactly a caller learns it."""
        return caller.detail or self.by_principal.get(caller.name, self.default)


EVERYTHING = Details()
"""Who brings no detail learns everything."""


def check_method(detail: Detail, method: str, output: Output, name: str) -> None:
    """Return where the caller of that name may ask an endpoint so.

    Raises:
        Forbidden: nothing would be left of what it asks for.
    """
    if detail.kind != "top1":
        return
    if method not in {PREDICT, PREDICT_PROBA}:
        msg = f"{name} is given classes alone, and none of the {method.replace('_', ' ')}"
        raise Forbidden(msg, detail=str(detail))
    if output.kind == "tensors":
        msg = f"{name} is given classes alone, and this endpoint gives tensors without any"
        raise Forbidden(msg, detail=str(detail))


def check_explained(detail: Detail, name: str) -> None:
    """Return where the caller of that name may learn why an answer is as it is.

    Raises:
        Forbidden: it is given classes alone.
    """
    if detail.kind == "top1":
        raise Forbidden(f"{name} is given classes alone, and not why", detail=str(detail))


def coarsened(answer: Answer, detail: Detail, output: Output, labels: tuple[Any, ...]) -> Answer:
    """What is left of an answer of an endpoint with that output and these labels.

    All dtypes and shapes stay as they are.
    """
    if detail.kind == "full":
        return answer
    prediction = answer.prediction
    if detail.kind == "top1":
        left = _decided(prediction, output, labels)
    else:
        left = _rounded(prediction, detail.digits, output)
    return replace(answer, prediction=left)


def coarsened_explanation(explanation: Explanation, detail: Detail, output: Output) -> Explanation:
    """What is left of an explanation, whose outputs are what the parts that are left add up to."""
    if detail.kind == "full":
        return explanation
    classifies = _classifies(output)
    return replace(
        explanation,
        contributions=_of_digits(explanation.contributions, detail.digits, classifies=classifies),
        base=_of_digits(explanation.base, detail.digits, classifies=classifies),
    )


def significant(array: Array, digits: int) -> Array:
    """Numbers of so many significant digits, in their own dtype; what is no number stays.

    Powers of ten that are whole numbers are multiplied or divided by, so that the results are
    the floats that lie nearest to what is written with so many digits.
    """
    wide = array.astype(np.float64)
    size = np.abs(wide)
    usual = np.isfinite(wide) & (size >= _SMALLEST)
    power = np.zeros_like(wide)
    np.log10(size, where=usual, out=power)
    power = np.floor(power)
    up = 10.0 ** np.maximum(digits - 1 - power, 0.0)
    down = 10.0 ** np.maximum(power - digits + 1, 0.0)
    scaled = np.where(usual, wide, 0.0) / down * up
    left = np.where(usual, np.round(scaled) / up * down, np.where(size < _SMALLEST, 0.0, wide))
    return left.astype(array.dtype)


_SMALLEST = 1e-290
"""What is nearer to nothing is nothing: beyond it powers of ten end."""


def _rounded(prediction: Prediction, digits: int, output: Output) -> Prediction:
    classifies = _classifies(output)
    values, shares, scores = prediction.values, prediction.probabilities, prediction.scores
    tensors = prediction.tensors or {}
    return Prediction(
        values if classifies else _of_digits(values, digits, classifies=False),
        None if shares is None else _of_digits(shares, digits, classifies=True),
        None if scores is None else _of_digits(scores, digits, classifies=classifies),
        None
        if prediction.tensors is None
        else {
            name: _of_digits(one, digits, classifies=classifies) for name, one in tensors.items()
        },
    )


def _of_digits(array: Array, digits: int, *, classifies: bool) -> Array:
    """Floats of so many significant digits, of what classifies of as many decimals too."""
    if not np.issubdtype(array.dtype, np.floating):
        return array
    return significant(np.round(array, digits) if classifies else array, digits)


def _decided(prediction: Prediction, output: Output, labels: tuple[Any, ...]) -> Prediction:
    """The classes alone, with probabilities of 1 for these; where there are none, rough numbers."""
    values, shares = prediction.values, prediction.probabilities
    if not _classifies(output):
        return Prediction(_of_digits(values, DIGITS, classifies=False))
    if shares is None:
        return Prediction(values)
    return Prediction(values, _certain(values, output, labels).astype(shares.dtype))


def _classifies(output: Output) -> bool:
    return bool(output.targets) or output.kind == "classification"


def _certain(values: Array, output: Output, labels: tuple[Any, ...]) -> Array:
    """Probabilities of 1 for what was decided, and of 0 for all else."""
    if output.kind == "multilabel":
        yes = [target.labels[1] for target in output.targets]
        return np.column_stack([values[:, at] == label for at, label in enumerate(yes)])
    if output.targets:
        parts = [_one(values[:, at], one.labels) for at, one in enumerate(output.targets)]
        return np.concatenate(parts, axis=1)
    return _one(values, labels)


def _one(values: Array, labels: tuple[Any, ...]) -> Array:
    place = {label: at for at, label in enumerate(labels)}
    shares = np.zeros((len(values), len(labels)))
    for row, value in enumerate(values.tolist()):
        shares[row, place[value]] = 1.0
    return shares
