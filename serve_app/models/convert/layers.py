"""Programs of multi-layer perceptrons."""

from __future__ import annotations

from typing import Any

from sklearn.neural_network import MLPClassifier, MLPRegressor

from serve_app.models.compiled.arithmetic import Elementwise, MatMul
from serve_app.models.compiled.classes import (
    Above,
    BothClasses,
    Largest,
    Sigmoid,
    Softmax,
)
from serve_app.models.compiled.operation import Operation, chain
from serve_app.models.compiled.shapes import Flatten
from serve_app.models.convert.dispatch import (
    Given,
    Inconvertible,
    Scored,
    as_array,
    predicts,
    screened,
)
from serve_app.models.convert.linear import SAME

_ACTIVATIONS: dict[str, Operation] = {
    "identity": SAME,
    "tanh": Elementwise("tanh"),
    "logistic": Sigmoid(),
    "relu": Elementwise("maximum", 0.0),
    "softmax": Softmax(),
    "exp": Elementwise("exp"),
}


def _layers(model: Any, given: Given) -> Operation:
    if model.activation not in _ACTIVATIONS or model.out_activation_ not in _ACTIVATIONS:
        msg = f"a {type(model).__name__} has the activation {model.out_activation_}"
        raise Inconvertible(msg)
    steps: list[Operation] = [screened(given)]
    last = len(model.coefs_) - 1
    for number, (weights, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        steps += [MatMul(weights), Elementwise("add", bias)]
        steps.append(_ACTIVATIONS[model.activation if number < last else model.out_activation_])
    return chain(*steps)


@predicts(MLPRegressor)
def _perceptron_regressor(model: Any, given: Given) -> Scored:
    flat = Flatten() if model.n_outputs_ == 1 else None
    return Scored(chain(_layers(model, given), flat))


@predicts(MLPClassifier)
def _perceptron_classifier(model: Any, given: Given) -> Scored:
    if model._label_binarizer.y_type_ not in {"binary", "multiclass"}:
        msg = "an MLPClassifier answers with several labels at once"
        raise Inconvertible(msg)
    labels = as_array(model.classes_)
    if model.n_outputs_ == 1:
        scores = chain(_layers(model, given), Flatten())
        return Scored(scores, None, BothClasses(), Above(0.5), labels)
    return Scored(_layers(model, given), None, SAME, Largest(), labels)
