"""What travels from decoding to encoding. Frozen: change means a new value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from serve_app.core.caller import ANONYMOUS, Caller
from serve_app.core.columns import Array
from serve_app.core.signature import Output

# Methods: what a request wants of a model, what it decides or the numbers by which it does.
# `tasks` has them all.
PREDICT = "predict"
PREDICT_PROBA = "predict_proba"
RAW_SCORES = "raw_scores"

RawColumns = Mapping[str, Sequence[Any]]
"""Decoded, unvalidated columns: name to one value per row, `MISSING` where a row has none."""


_NOTHING: Mapping[str, str] = {}


class _Missing:
    """The value of a cell that a row does not have (`null` is a value, this is none)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"


MISSING = _Missing()


@dataclass(frozen=True, slots=True)
class Payload:
    """What a dialect reads out of a body, before anybody looked at the schema.

    `keys` holds the other named values of the body, among which a route may find the one
    that it sticks to; `form` is what the dialect itself has to remember until it answers.
    `method` is one of `tasks.methods`, which says what is asked of a model.
    """

    columns: RawColumns
    rows: int
    keys: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None
    form: Any = None
    method: str = PREDICT


class Request(NamedTuple):
    """One prediction request, decoded.

    `version` and `label` ask for one variant past the route, by its name or by an alias.
    """

    endpoint: str
    payload: Payload
    id: str
    version: str | None = None
    label: str | None = None
    headers: Mapping[str, str] = _NOTHING
    timeout_s: float | None = None
    caller: Caller = ANONYMOUS


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says about n rows.

    `values` has shape (n,) or, with several outputs, (n, m): class labels of a classifier,
    numbers of a regressor. `probabilities` has shape (n, classes), in the order of the
    signature's labels, when the model gives them. Of several targets, `values` has a column for
    each, in the order of the signature; `probabilities` has one for each as well where the
    answer is yes or no, that of yes, and else (n, classes of all targets), those of the first
    target first: one array, which `core.targets` takes apart. `scores` are raw scores (a decision
    function, margins) in the library's own shape, (n,) or (n, k), where they were asked for.
    `tensors` holds what else a graph gives, by its own names, each of shape (n, …); where that
    is all there is, `values` are None for every row.
    """

    values: Array
    probabilities: Array | None = None
    scores: Array | None = None
    tensors: Mapping[str, Array] | None = None

    @property
    def only_tensors(self) -> bool:
        """Whether the named tensors are all that is said of a row."""
        if self.tensors is None or self.values.dtype != object:
            return False
        return not len(self.values) or self.values[0] is None

    def slice(self, start: int, stop: int) -> Prediction:
        """The rows from `start` up to `stop`."""
        probabilities, scores, tensors = self.probabilities, self.scores, self.tensors
        return Prediction(
            self.values[start:stop],
            None if probabilities is None else probabilities[start:stop],
            None if scores is None else scores[start:stop],
            None if tensors is None else {name: a[start:stop] for name, a in tensors.items()},
        )


def stacked(parts: Sequence[Prediction]) -> Prediction:
    """What one model said of rows, part after part, as one prediction.

    Raises:
        ValueError: there is nothing to stack.
    """
    if len(parts) == 1:
        return parts[0]
    tensors = [part.tensors for part in parts if part.tensors is not None]
    return Prediction(
        np.concatenate([part.values for part in parts]),
        _joined([part.probabilities for part in parts]),
        _joined([part.scores for part in parts]),
        {name: np.concatenate([one[name] for one in tensors]) for name in tensors[0]}
        if tensors
        else None,
    )


def _joined(parts: Sequence[Array | None]) -> Array | None:
    given = [part for part in parts if part is not None]
    return np.concatenate(given) if given else None


@dataclass(frozen=True, slots=True)
class Failure:
    """A variant that did not answer, and the code of the error why."""

    variant: str
    code: str


class StageWork(NamedTuple):
    """What one stage of a cascade did for a request: rows that it was asked about and answered."""

    version: str
    rows: int
    answered_rows: int
    took_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A prediction and who gave it; `variants` are those whose predictions are in it.

    `stages` are those that a cascade asked.
    """

    prediction: Prediction
    variants: tuple[str, ...]
    left_out: tuple[Failure, ...] = ()
    fallback: bool = False
    stages: tuple[StageWork, ...] = ()


@dataclass(frozen=True, slots=True)
class Warned:
    """A rule that a request broke and that its endpoint only warns of."""

    row: int
    column: str
    rule: str
    seen: str
    expected: str


class Response(NamedTuple):
    """Everything that an encoder may say about one answered request.

    `cached_rows` is how many of its rows came from a cache, None where there is none. `several`
    is the endpoint's output where that says something of each of several targets, else None.
    """

    request: Request
    prediction_id: str
    snapshot_version: int
    answer: Answer
    labels: tuple[Any, ...]
    warnings: tuple[Warned, ...] = ()
    cached_rows: int | None = None
    several: Output | None = None
