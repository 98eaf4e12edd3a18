"""How the answers of several models become one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output
from serve_app.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Member:
    """One model's prediction, its weight, and its class labels in its own order."""

    prediction: Prediction
    weight: float
    labels: tuple[Any, ...] = ()


def mean(members: Sequence[Member], labels: tuple[Any, ...]) -> Prediction:
    """The plain mean of probabilities (classification) or of values (regression)."""
    return _average(members, labels, [1.0] * len(members))


def weighted(members: Sequence[Member], labels: tuple[Any, ...]) -> Prediction:
    """The mean with each member counted by its weight."""
    return _average(members, labels, [member.weight for member in members])


def vote(members: Sequence[Member], labels: tuple[Any, ...]) -> Prediction:
    """The class with the largest weight of votes; of equal ones, the first in `labels`.

    The probabilities are the shares of the votes.
    """
    alone = _alone(members, labels)
    if alone is not None:
        return alone
    votes = np.zeros((len(members[0].prediction.values), len(labels)))
    for member in members:
        values = member.prediction.values
        for index, label in enumerate(labels):
            votes[:, index] += member.weight * (values == label)
    return _decided(votes / sum(member.weight for member in members), labels)


COMBINE: dict[str, Callable[[Sequence[Member], tuple[Any, ...]], Prediction]] = {
    "mean": mean,
    "weighted": weighted,
    "vote": vote,
}


def check(kind: str, output: Output) -> None:
    """Refuse a way of combining that does not fit what the members give.

    Raises:
        ConfigError: it does not fit; says what does.
    """
    if kind == "vote" and output.kind != "classification":
        msg = f"a vote needs classes, but the variants give {output.kind}; use mean or weighted"
        raise ConfigError(msg)
    if kind != "vote" and output.kind == "classification" and not output.probabilities:
        msg = f"{kind} needs probabilities, which the variants do not give; use vote"
        raise ConfigError(msg)


def _average(
    members: Sequence[Member], labels: tuple[Any, ...], weights: Sequence[float]
) -> Prediction:
    alone = _alone(members, labels)
    if alone is not None:
        return alone
    if labels:
        return _decided(_mean([_aligned(m, labels) for m in members], weights), labels)
    return Prediction(_mean([member.prediction.values for member in members], weights))


def _mean(arrays: Sequence[Array], weights: Sequence[float]) -> Array:
    total = sum(weights)
    summed = np.zeros(arrays[0].shape)
    for array, weight in zip(arrays, weights, strict=True):
        summed += array * np.float64(weight)
    averaged: Array = summed / total
    return averaged


def _alone(members: Sequence[Member], labels: tuple[Any, ...]) -> Prediction | None:
    """The only member's prediction as it is: arithmetic could only lose bits."""
    if len(members) > 1:
        return None
    prediction = members[0].prediction
    if prediction.probabilities is None:
        return prediction
    return Prediction(prediction.values, _aligned(members[0], labels))


def _aligned(member: Member, labels: tuple[Any, ...]) -> Array:
    """A member's probabilities in the order of `labels`."""
    probabilities = member.prediction.probabilities
    if probabilities is None:
        raise ConfigError("a member gives no probabilities; combine them with vote")
    if member.labels == labels:
        return probabilities
    aligned: Array = probabilities[:, [member.labels.index(label) for label in labels]]
    return aligned


def _decided(probabilities: Array, labels: tuple[Any, ...]) -> Prediction:
    # argmax takes the first of equal ones, which is the order of the labels.
    values = np.asarray(labels, dtype=object if isinstance(labels[0], str) else None)
    return Prediction(values[np.argmax(probabilities, axis=1)], probabilities)
