"""What a request wants of a model: its predictions, probabilities of classes, or raw scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serve_app.core.columns import Array, of_objects
from serve_app.core.messages import PREDICT, Prediction, Response
from serve_app.core.signature import Output
from serve_app.core.violations import value_text
from serve_app.errors import InvalidInput
from serve_app.tasks import distinct_methods, methods
from serve_app.tasks.task import Method

_DEFAULT_SIGNATURES = ("serving_default", "")


def known() -> list[str]:
    """The methods by which requests may ask, as messages name them."""
    return [method.name for method in distinct_methods()]


def of_signature(document: Mapping[str, Any]) -> str:
    """The method that TensorFlow's `signature_name` asks for.

    Raises:
        InvalidInput: there is no such signature.
    """
    name = document.get("signature_name")
    if name is None:
        return PREDICT
    if not isinstance(name, str):
        raise InvalidInput(f"'signature_name' key must be a string value, got {value_text(name)}")
    if name in _DEFAULT_SIGNATURES:
        return PREDICT
    method = methods().get(name)
    if method is None:
        names = [_DEFAULT_SIGNATURES[0], *(name for name in known() if name != PREDICT)]
        msg = f"there is no signature {value_text(name)}; there are {', '.join(names)}"
        raise InvalidInput(msg, known=names)
    return method.name


def given(output: Output) -> list[Method]:
    """The methods that an endpoint answers, the predictions first."""
    return [method for method in distinct_methods() if method.is_given(output)]


def signatures(output: Output) -> list[str]:
    """The names that `signature_name` may hold."""
    named = [name for name, method in methods().items() if method.is_given(output)]
    return [*_DEFAULT_SIGNATURES, *named]


def of_parameters(parameters: Mapping[str, Any], key: str = "predict_method") -> str:
    """The method that parameters ask for.

    Raises:
        InvalidInput: they ask for something else than there is.
    """
    name = parameters.get(key, PREDICT)
    method = methods().get(name) if isinstance(name, str) else None
    if method is None:
        names = known()
        msg = f"{key!r} is {value_text(name)}; it may be {', '.join(names[:-1])} or {names[-1]}"
        raise InvalidInput(msg, known=names)
    return method.name


def named_rows(prediction: Prediction) -> Array:
    """The outputs of a graph as one object per row: `{name: value}`."""
    tensors = prediction.tensors or {}
    listed = [array.tolist() for array in tensors.values()]
    rows = zip(*listed, strict=True)
    return of_objects([dict(zip(tensors, values, strict=True)) for values in rows])


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
    name = response.request.payload.method
    if name == PREDICT:
        return named_rows(prediction) if prediction.only_tensors else prediction.values
    method = methods()[name]
    part = method.part(prediction)
    if part is None:
        raise InvalidInput(f"this endpoint gives no {method.words}")
    return part
