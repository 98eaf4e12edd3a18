"""In which terms contributions add up: held against what the model says of the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, softmax

from serve_app.core.columns import Array
from serve_app.core.explanation import Space
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output

# Libraries of trees add up parts in float32.
_RELATIVE, _ABSOLUTE = 1e-3, 1e-4


class Terms(NamedTuple):
    """What outputs are, and the classes that they speak for, one each; none of numbers."""

    space: Space
    classes: tuple[Any, ...] = ()


def terms_of(outputs: Array, prediction: Prediction, output: Output) -> Terms | None:
    """The terms in which outputs say what a prediction says; None where they say something else.

    `outputs` has shape (rows, outputs). The prediction has raw scores where the model gives some.
    """
    width = outputs.shape[1]
    classes = classes_of(output, width)
    if classes is None:
        return None
    for space, wanted in _claims(outputs, prediction, output):
        if wanted.shape == outputs.shape and np.allclose(
            outputs, wanted, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True
        ):
            return Terms(space, classes)
    return _linked(outputs, prediction, output, classes)


def classes_of(output: Output, width: int) -> tuple[Any, ...] | None:
    """The classes that so many outputs speak for; None where they cannot be told apart."""
    if output.kind == "regression":
        return () if width == output.width else None
    if output.kind == "multilabel":
        names = tuple(target.name for target in output.targets)
        return names if width == len(names) else None
    if output.kind != "classification":
        return None
    if width == 1 and len(output.labels) == 2:
        return output.labels[1:]
    return output.labels if width == len(output.labels) else None


def _claims(
    outputs: Array, prediction: Prediction, output: Output
) -> Iterator[tuple[Space, Array]]:
    """What outputs may be as they are."""
    rows = len(outputs)
    if output.kind == "regression":
        yield "value", prediction.values.reshape(rows, -1)
    shares = likelihoods(prediction, outputs.shape[1])
    if shares is not None:
        yield "probability", shares


def _linked(
    outputs: Array, prediction: Prediction, output: Output, classes: tuple[Any, ...]
) -> Terms | None:
    """What outputs may be behind a link function, or by themselves."""
    rows, width = outputs.shape
    linked: list[tuple[Space, Array, Array | None]] = []
    shares = likelihoods(prediction, width)
    with np.errstate(over="ignore"):
        if output.kind == "regression":
            values = prediction.values.reshape(rows, -1)
            linked += [("log", np.exp(outputs), values), ("log_odds", expit(outputs), values)]
        elif width == 1 or output.kind == "multilabel":
            linked.append(("log_odds", expit(outputs), shares))
        else:
            linked.append(("log_odds", softmax(outputs, axis=1), shares))
    for space, predicted, wanted in linked:
        if wanted is not None and wanted.shape == predicted.shape and _alike(predicted, wanted):
            return Terms(space, classes)
    scores = prediction.scores
    if scores is not None and _alike(outputs, scores.reshape(rows, -1)):
        return Terms("raw_score", classes)
    return None


def likelihoods(prediction: Prediction, width: int) -> Array | None:
    """Probabilities by as many outputs: of the second of two classes where there is one."""
    shares = prediction.probabilities
    if shares is None:
        return None
    return shares[:, 1:] if width == 1 and shares.shape[1] == 2 else shares


def _alike(one: Array, other: Array) -> bool:
    return one.shape == other.shape and bool(
        np.allclose(one, other, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True)
    )
