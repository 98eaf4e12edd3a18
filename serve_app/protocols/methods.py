"""What a request wants of a model: its predictions, probabilities of classes, or raw scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.core.messages import (
    PREDICT,
    PREDICT_PROBA,
    RAW_SCORES,
    Method,
    Prediction,
    Response,
)
from serve_app.core.signature import Output
from serve_app.core.violations import told
from serve_app.errors import InvalidInput

METHODS: Mapping[str, Method] = {
    PREDICT: PREDICT,
    PREDICT_PROBA: PREDICT_PROBA,
    RAW_SCORES: RAW_SCORES,
    # What scikit-learn calls them.
    "decision_function": RAW_SCORES,
}
"""The methods by the names that requests may call them."""
_SIGNATURES: Mapping[str, Method] = {"serving_default": PREDICT, "": PREDICT, **METHODS}


def of_signature(document: Mapping[str, Any]) -> Method:
    """The method that TensorFlow's `signature_name` asks for.

    Raises:
        InvalidInput: there is no such signature.
    """
    name = document.get("signature_name")
    if name is None:
        return PREDICT
    if not isinstance(name, str):
        raise InvalidInput(f"'signature_name' key must be a string value, got {told(name)}")
    method = _SIGNATURES.get(name)
    if method is None:
        known = ["serving_default", PREDICT_PROBA, RAW_SCORES]
        msg = f"there is no signature {told(name)}; there are {', '.join(known)}"
        raise InvalidInput(msg, known=known)
    return method


def given(output: Output) -> frozenset[Method]:
    """The methods that an endpoint answers."""
    shares: tuple[Method, ...] = (PREDICT_PROBA,) if output.probabilities else ()
    scores: tuple[Method, ...] = (RAW_SCORES,) if output.raw_scores else ()
    return frozenset((PREDICT, *shares, *scores))


def signatures(output: Output) -> list[str]:
    """The names that `signature_name` may hold."""
    methods = given(output)
    return [name for name, method in _SIGNATURES.items() if method in methods]


def of_parameters(parameters: Mapping[str, Any], key: str = "predict_method") -> Method:
    """The method that parameters ask for.

    Raises:
        InvalidInput: they ask for something else than there is.
    """
    name = parameters.get(key, PREDICT)
    method = METHODS.get(name) if isinstance(name, str) else None
    if method is None:
        known = [PREDICT, PREDICT_PROBA, RAW_SCORES]
        msg = f"{key!r} is {told(name)}; it may be {', '.join(known[:-1])} or {known[-1]}"
        raise InvalidInput(msg, known=known)
    return method


def named_rows(prediction: Prediction) -> Array:
    """The outputs of a graph as one object per row: `{name: value}`."""
    tensors = prediction.tensors or {}
    rows = np.empty(len(prediction.values), dtype=object)
    listed = [array.tolist() for array in tensors.values()]
    rows[:] = [dict(zip(tensors, values, strict=True)) for values in zip(*listed, strict=True)]
    return rows


def flat(response: Response, form: str) -> Array:
    """What `answered` gives, where it can stand in a table.

    Raises:
        InvalidInput: the endpoint gives named tensors, or no such output.
    """
    if response.answer.prediction.only_tensors:
        named = ", ".join(response.answer.prediction.tensors or ())
        msg = f"this endpoint gives named outputs ({named}), which {form} cannot hold; ask in JSON"
        raise InvalidInput(msg)
    return answered(response)


def answered(response: Response) -> Array:
    """What stands for the predictions in an answer: the output of the method that was asked for.

    Raises:
        InvalidInput: the model gives no probabilities.
    """
    prediction = response.answer.prediction
    method = response.request.payload.method
    if method == PREDICT:
        return named_rows(prediction) if prediction.only_tensors else prediction.values
    found = prediction.probabilities if method == PREDICT_PROBA else prediction.scores
    if found is None:
        what = "probabilities" if method == PREDICT_PROBA else "raw scores"
        raise InvalidInput(f"this endpoint gives no {what}")
    return found
