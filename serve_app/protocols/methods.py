"""What a request wants of a model: its predictions, or the probabilities of the classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serve_app.core.columns import Array
from serve_app.core.messages import Prediction
from serve_app.core.violations import told
from serve_app.errors import InvalidInput

PREDICT, PREDICT_PROBA = "predict", "predict_proba"
METHODS = (PREDICT, PREDICT_PROBA)


def of_signature(document: Mapping[str, Any]) -> bool:
    """Whether TensorFlow's `signature_name` asks for probabilities.

    Raises:
        InvalidInput: there is no such signature.
    """
    name = document.get("signature_name")
    if name in (None, "", PREDICT, "serving_default"):
        return False
    if name == PREDICT_PROBA:
        return True
    msg = f"there is no signature {told(name)}; there are serving_default and {PREDICT_PROBA}"
    raise InvalidInput(msg, known=["serving_default", PREDICT_PROBA])


def of_parameters(parameters: Mapping[str, Any], key: str = "predict_method") -> bool:
    """Whether parameters ask for probabilities.

    Raises:
        InvalidInput: they ask for something else than the two.
    """
    method = parameters.get(key, PREDICT)
    if method not in METHODS:
        msg = f"{key!r} is {told(method)}; it may be {' or '.join(METHODS)}"
        raise InvalidInput(msg, known=list(METHODS))
    return bool(method == PREDICT_PROBA)


def answered(prediction: Prediction, *, probabilities: bool) -> Array:
    """The values of a prediction, or its probabilities.

    Raises:
        InvalidInput: the model gives no probabilities.
    """
    if not probabilities:
        return prediction.values
    if prediction.probabilities is None:
        raise InvalidInput("this endpoint gives no probabilities")
    return prediction.probabilities
