"""Weights of an ensemble from rows that none of its members was trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from serve_app.core.columns import Columns
from serve_app.core.ports import Servable
from serve_app.core.simplex import (
    least_log_loss,
    least_squared_loss,
    log_loss,
    squared_loss,
)
from serve_app.core.snapshot import Endpoint
from serve_app.errors import InvalidInput
from serve_app.tasks import task_named

if TYPE_CHECKING:
    from serve_app.core.messages import Prediction
    from serve_app.core.signature import Output

LEAST_ROWS = 30
_FOLDS = 5


@dataclass(frozen=True, slots=True)
class LearnedWeights:
    """Weights by version, and the loss (`log_loss` or `squared_error`) that they make.

    `before` is that of the weights which the endpoint has now, `after` that of the learned ones on
    the rows that they were learned from, `cross_validated` that on rows which were kept apart, by
    five parts. `alone` is that of each version for itself.
    """

    loss: str
    rows: int
    weights: Mapping[str, float]
    before: float
    after: float
    cross_validated: float
    alone: Mapping[str, float]


def learned_weights(
    spec: Endpoint,
    columns: Columns,
    truth: Sequence[Any],
    model_of: Callable[[str], Servable],
    *,
    seed: int = 0,
) -> LearnedWeights:
    """The weights of an ensemble's versions by which its loss on held-out rows is least.

    `columns` are rows as the endpoint takes them and `truth` what was true of them; `model_of`
    gives each version that the endpoint asks. Deterministic for a seed, which parts the rows.

    Raises:
        InvalidInput: the endpoint is no ensemble of classes with probabilities or of numbers, there
            are fewer than 30 rows, or a truth is no class or no number.
        ServeError: a version cannot predict the rows.
    """
    output = spec.signature.output
    _require_learnable(spec, columns.rows)
    features = columns
    if spec.preprocess is not None:
        features = model_of(spec.preprocess.version).ask(task_named("transform"), columns)
    predict = task_named("predict")
    given = {
        one.version: (model_of(one.version).ask(predict, features), one.labels)
        for one in spec.variants
    }
    losses = _Classes(output, truth) if output.kind == "classification" else _Numbers(truth)
    table = np.column_stack([losses.column(*one) for one in given.values()])
    weights = losses.learned(table)
    names = list(given)
    return LearnedWeights(
        loss=losses.name,
        rows=columns.rows,
        weights=dict(zip(names, weights.tolist(), strict=True)),
        before=losses.of(_now(spec), table),
        after=losses.of(weights, table),
        cross_validated=_cross_validated(losses, table, seed),
        alone={
            name: losses.of(alone, table)
            for name, alone in zip(names, np.eye(len(names)), strict=True)
        },
    )


def _require_learnable(spec: Endpoint, rows: int) -> None:
    output, combine = spec.signature.output, spec.route.settings.get("combine")
    if spec.route.kind != "ensemble":
        msg = f"{spec.name!r} is a {spec.route.kind}; weights are learned for an ensemble"
        raise InvalidInput(msg)
    if combine == "stack":
        msg = f"{spec.name!r} is a stack, whose members its meta-model weighs; see ensemble stack"
        raise InvalidInput(msg)
    learnable = output.kind == "regression" and output.width == 1
    if not learnable and not (output.kind == "classification" and output.probabilities):
        msg = (
            f"{spec.name!r} gives {output.kind} (combine: {combine}); weights are learned for "
            "classes with probabilities, and for one number per row"
        )
        raise InvalidInput(msg)
    if rows < LEAST_ROWS:
        msg = f"{rows} rows say too little about weights; give {LEAST_ROWS} or more held-out rows"
        raise InvalidInput(msg)


def _now(spec: Endpoint) -> NDArray[np.float64]:
    """The shares that the members have now; only `weighted` looks at weights."""
    weights = np.array([one.weight for one in spec.variants])
    if spec.route.settings.get("combine") != "weighted":
        weights = (weights > 0).astype(np.float64)
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


class _Classes:
    """The log loss of classes: what counts is how likely members thought the truth."""

    name = "log_loss"

    def __init__(self, output: Output, truth: Sequence[Any]) -> None:
        by_text = {str(label): label for label in output.labels}
        unknown = next((one for one in truth if str(one) not in by_text), None)
        if unknown is not None:
            known = ", ".join(by_text)
            raise InvalidInput(
                f"the target holds {unknown!r}, which is no class; those are {known}"
            )
        self._truth = [by_text[str(one)] for one in truth]
        self.rows = len(truth)

    def column(self, prediction: Prediction, labels: tuple[Any, ...]) -> NDArray[np.float64]:
        """How likely a member thought what was true of each row."""
        places = [labels.index(one) for one in self._truth]
        assert prediction.probabilities is not None  # noqa: S101 - the endpoint has them
        shares = prediction.probabilities[np.arange(len(places)), places]
        return np.asarray(shares, dtype=np.float64)

    def learned(self, table: NDArray[np.float64], rows: Any = slice(None)) -> NDArray[np.float64]:
        """The weights of the least loss on some rows."""
        return least_log_loss(table[rows])

    def of(
        self, weights: NDArray[np.float64], table: NDArray[np.float64], rows: Any = slice(None)
    ) -> float:
        """The loss of some rows."""
        return log_loss(weights, table[rows])


class _Numbers:
    """The squared error of numbers."""

    name = "squared_error"

    def __init__(self, truth: Sequence[Any]) -> None:
        try:
            self._truth = np.asarray(truth, dtype=np.float64)
        except (TypeError, ValueError):
            raise InvalidInput("the target holds what is no number") from None
        missing = np.flatnonzero(~np.isfinite(self._truth))
        if len(missing):
            msg = f"the target of row {missing[0]} is no finite number; take such rows out"
            raise InvalidInput(msg)
        self.rows = len(truth)

    def column(self, prediction: Prediction, _labels: tuple[Any, ...]) -> NDArray[np.float64]:
        """What a member said of each row."""
        return np.asarray(prediction.values, dtype=np.float64).reshape(-1)

    def learned(self, table: NDArray[np.float64], rows: Any = slice(None)) -> NDArray[np.float64]:
        """The weights of the least loss on some rows."""
        return least_squared_loss(table[rows], self._truth[rows])

    def of(
        self, weights: NDArray[np.float64], table: NDArray[np.float64], rows: Any = slice(None)
    ) -> float:
        """The loss of some rows."""
        return squared_loss(weights, table[rows], self._truth[rows])


def _cross_validated(losses: _Classes | _Numbers, table: NDArray[np.float64], seed: int) -> float:
    """The mean loss of rows under weights that were learned from all other parts."""
    part = np.random.default_rng(seed).permutation(losses.rows) % _FOLDS
    kept = [losses.learned(table, part != fold) for fold in range(_FOLDS)]
    counts = np.bincount(part, minlength=_FOLDS)
    means = [losses.of(weights, table, part == fold) for fold, weights in enumerate(kept)]
    return float(np.average(means, weights=counts))
