"""What of predictions is counted: probabilities in equal bins, classes, and values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

import numpy as np

from serve_app.core.columns import Array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output, Target
from serve_app.monitoring.profile.calibration import EDGES
from serve_app.monitoring.profile.categories import LISTED, category_feature
from serve_app.monitoring.profile.feature import Feature
from serve_app.monitoring.profile.numbers import as_numbers, number_feature, of_bins, of_values

Of = Literal["value", "probability", "confidence"]
SCORED = 20
"""Of more classes than so many only the greatest probability of each row is counted.

Of three and more that is counted as well."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """One number or name per row of a prediction, as a feature.

    It is a column of the values, of the probabilities (that of the class or target `label`), or
    the greatest probability of the row (`confidence`); `place` is that column.
    """

    of: Of
    place: int
    feature: Feature
    label: Any = None

    def column(self, prediction: Prediction) -> Array:
        """What is counted of a prediction; empty where it has nothing of the kind."""
        whole = prediction.values if self.of == "value" else prediction.probabilities
        if whole is None or whole.ndim not in (1, 2) or not len(whole):
            return np.empty(0)
        if self.of == "confidence":
            return np.asarray(whole.reshape(len(whole), -1).max(axis=1))
        if whole.ndim == 1:
            return whole if self.place == 0 else np.empty(0)
        return whole[:, self.place] if self.place < whole.shape[1] else np.empty(0)

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        body = {"of": self.of, "place": self.place, "feature": self.feature.to_json()}
        return body if self.label is None else {**body, "label": self.label}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Predicted:
        """Read what `to_json` wrote."""
        feature = Feature.from_json(body["feature"])
        return cls(body["of"], body["place"], feature, body.get("label"))


def predicted_features(prediction: Prediction, output: Output) -> tuple[Predicted, ...]:
    """What is counted of the predictions of a reference; nothing of columns and named tensors."""
    if output.kind in {"transform", "tensors"} or prediction.only_tensors:
        return ()
    return (*_values(prediction, output), *_scores(prediction, output))


def assumed_output(prediction: Prediction) -> Output:
    """What predictions look like, where no signature says it; classes are numbered."""
    probabilities, values = prediction.probabilities, prediction.values
    width = 1 if values.ndim == 1 else values.shape[1]
    if probabilities is not None and width == 1:
        labels = tuple(str(place) for place in range(probabilities.shape[1]))
        return Output("classification", labels=labels, probabilities=True)
    if values.dtype.kind in "fiu":
        return Output("regression", width=width)
    if width == 1:
        return Output("classification")
    return Output("multioutput", targets=tuple(Target(str(at), ()) for at in range(width)))


def _values(prediction: Prediction, output: Output) -> Iterator[Predicted]:
    if output.kind == "regression":
        for place in range(output.width):
            name = "value" if output.width == 1 else f"value:{place}"
            yield _value(name, place, prediction)
    elif output.targets:
        for place, target in enumerate(output.targets[:LISTED]):
            yield _class(f"class:{target.name}", place, prediction, target.labels)
    else:
        yield _class("class", 0, prediction, output.labels)


def _value(name: str, place: int, prediction: Prediction) -> Predicted:
    blank = Predicted("value", place, Feature(name, "", "values", (0, 0)))
    column = blank.column(prediction)
    return Predicted("value", place, number_feature(name, column, len(column)))


def _class(name: str, place: int, prediction: Prediction, labels: Sequence[Any]) -> Predicted:
    blank = Predicted("value", place, Feature(name, "", "values", (0, 0)))
    column = blank.column(prediction)
    if labels and len(labels) <= LISTED and all(isinstance(x, (bool, int, float)) for x in labels):
        ordered = np.sort(as_numbers(column, len(column)))
        return Predicted("value", place, of_values(name, column, ordered, labels))
    names = [label for label in labels if isinstance(label, str)]
    if labels and len(names) < len(labels):
        return Predicted("value", place, number_feature(name, column, len(column)))
    feature = category_feature(name, column, len(column), names or None)
    return Predicted("value", place, feature)


def _scores(prediction: Prediction, output: Output) -> Iterator[Predicted]:
    if prediction.probabilities is None or prediction.probabilities.ndim != 2:
        return
    if output.kind == "multilabel":
        scored: list[tuple[str, int, Any]] = [
            (target.name, place, target.name) for place, target in enumerate(output.targets)
        ]
    elif output.targets:
        starts = accumulate((len(t.labels) for t in output.targets), initial=0)
        scored = [
            (f"{target.name}={label}", start + at, label)
            for target, start in zip(output.targets, starts, strict=False)
            for at, label in enumerate(target.labels)
        ]
    else:
        scored = [(str(label), place, label) for place, label in enumerate(output.labels)]
        # Of two classes the one probability says the other.
        scored = scored[1:] if len(scored) == 2 else scored
    if len(scored) > SCORED:
        yield _score("confidence", "confidence", 0, None, prediction)
        return
    for name, place, label in scored:
        yield _score("probability", f"score:{name}", place, label, prediction)
    if output.kind == "classification" and len(scored) > 1:
        # How sure answers are says how many of them are right.
        yield _score("confidence", "confidence", 0, None, prediction)


def _score(of: Of, name: str, place: int, label: Any, prediction: Prediction) -> Predicted:
    blank = Predicted(of, place, Feature(name, "", "values", (0, 0)))
    column = blank.column(prediction)
    ordered = np.sort(as_numbers(column, len(column)))
    return Predicted(of, place, of_bins(name, column, ordered, EDGES), label)
