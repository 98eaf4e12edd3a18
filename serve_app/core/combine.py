"""How the answers of several models become one.

The result depends on the members and not on their order, to the last bit: an endpoint
answers the same row alike whoever came first. Averages are taken in float64.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from serve_app.core.labels import label_array
from serve_app.core.messages import Prediction
from serve_app.core.signature import SEVERAL
from serve_app.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serve_app.core.columns import Array
    from serve_app.core.signature import Output


@dataclass(frozen=True, slots=True)
class Member:
    """One model's prediction, its weight (above 0), and its class labels in its own order."""

    prediction: Prediction
    weight: float
    labels: tuple[Any, ...] = ()


def mean(members: Sequence[Member], labels: tuple[Any, ...]) -> Prediction:
    """The plain mean of probabilities (classification) or of values (regression).

    `labels` are the endpoint's classes, empty for regression; the class with the largest
    probability is the value, of equal ones the first in `labels`.
    """
    return _average(members, labels, [1.0] * len(members))


def weighted(members: Sequence[Member], labels: tuple[Any, ...]) -> Prediction:
    """The mean with each member counted by its weight."""
    return _average(members, labels, [member.weight for member in members])


def vote(members: Sequence[Member], labels: tuple[Any, ...]) -> Prediction:
    """The class with the largest weight of votes; of equal ones, the first in `labels`.

    The probabilities are the shares of the votes.
    """
    if len(members) == 1:
        return _alone(members[0], labels)
    votes = [
        np.stack([member.prediction.values == label for label in labels], axis=1)
        for member in members
    ]
    return _decided(_mean(votes, [member.weight for member in members]), labels)


COMBINE: dict[str, Callable[[Sequence[Member], tuple[Any, ...]], Prediction]] = {
    "mean": mean,
    "weighted": weighted,
    "vote": vote,
}


def check(kind: str, output: Output) -> None:
    """Refuse a way of combining that does not fit what the members give.

    Raises:
        ConfigError: there is no such way, or it does not fit; says what does.
    """
    if kind not in COMBINE:
        raise ConfigError(f"combine: {kind!r} is not one of {', '.join(COMBINE)}")
    if output.kind == "tensors":
        raise ConfigError(f"{kind}: the named outputs of graphs cannot be combined")
    classifies = output.kind == "classification" or output.kind in SEVERAL
    if kind == "vote" and not classifies:
        msg = f"a vote needs classes, but the variants give {output.kind}; use mean or weighted"
        raise ConfigError(msg)
    if kind != "vote" and classifies and not output.probabilities:
        msg = f"{kind} needs probabilities, which the variants do not give; use vote"
        raise ConfigError(msg)


def _average(
    members: Sequence[Member], labels: tuple[Any, ...], weights: Sequence[float]
) -> Prediction:
    if len(members) == 1:
        return _alone(members[0], labels)
    if labels:
        return _decided(_mean([_aligned(m, labels) for m in members], weights), labels)
    return Prediction(_mean([member.prediction.values for member in members], weights))


def _mean(arrays: Sequence[Array], weights: Sequence[float]) -> Array:
    stacked = np.asarray(arrays, dtype=np.float64)
    shares = np.asarray(weights, dtype=np.float64) / math.fsum(weights)
    terms = stacked * shares.reshape(-1, *[1] * (stacked.ndim - 1))
    # Sums of floats depend on their order, and a last bit can decide between two classes.
    terms.sort(axis=0)
    # One after another: how numpy's own sum pairs terms depends on the number of rows.
    total = functools.reduce(np.add, terms)
    # Rounding must not carry a mean out of what it is the mean of.
    averaged: Array = np.clip(total, stacked.min(axis=0), stacked.max(axis=0))
    # The least of 0.0 and -0.0 is whichever comes first; adding 0.0 leaves no sign to differ.
    return averaged + 0.0


def _alone(member: Member, labels: tuple[Any, ...]) -> Prediction:
    """The only member's prediction as it is: arithmetic could only lose bits."""
    prediction = member.prediction
    if prediction.probabilities is None:
        return prediction
    return Prediction(prediction.values, _aligned(member, labels))


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
    return Prediction(label_array(labels)[np.argmax(probabilities, axis=1)], probabilities)
