"""Answers to the rows of a block, and what is wrong with those that have none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from serve_app.batch.bad_rows import Broken, of_violations
from serve_app.core.columns import Array, Columns
from serve_app.core.messages import Prediction, RawColumns, stacked
from serve_app.core.policy import Policy
from serve_app.core.refusals import row_alone
from serve_app.core.schema import Schema
from serve_app.core.signature import Column, Output
from serve_app.engine.batch.verdicts import verdicts
from serve_app.engine.load import Loaded, check_kinds
from serve_app.errors import InvalidInput, ModelFailed, RowsRefused, ServeError
from serve_app.tasks import task_named

_EXTRA_COLUMNS_ALLOWED = Policy(unknown="ignore")


class Scored(NamedTuple):
    """The answers to some rows of a block: their places in it, ascending, and the prediction.

    `refused` are the others: by their place what they break, and whether the schema or the model
    refused them.
    """

    places: Sequence[int]
    prediction: Prediction | None
    broken: dict[int, tuple[Broken, ...]]
    refused: dict[int, tuple[Broken, ...]]


class Scorer:
    """One version, and the transformer before it where there is one, which answer rows.

    Rows are held against the schema as those of requests are.

    Raises:
        InvalidInput: the version answers nothing, or what runs before it is no transformer.
    """

    def __init__(self, version: Loaded, prepare: Loaded | None = None) -> None:
        check_kinds(version, prepare)
        self._version, self._prepare = version, prepare
        first = version if prepare is None else prepare
        self._schema = Schema(first.manifest.signature.inputs, _EXTRA_COLUMNS_ALLOWED)
        self._predict, self._transform = task_named("predict"), task_named("transform")

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that rows have to have."""
        return self._schema.columns

    @property
    def output(self) -> Output:
        """What is said of every row."""
        return self._version.manifest.signature.output

    @property
    def reference(self) -> str:
        """The version that answers."""
        return self._version.manifest.reference

    @cached_property
    def example(self) -> Prediction | None:
        """The answer to a row that was kept with the version: its types are those of all."""
        witness = self._version.model.blame.witness
        if witness is None:
            return None
        answer: Prediction = self._version.model.ask(self._predict, witness)
        return answer

    def score(self, raw: RawColumns, rows: int) -> Scored:
        """Answer the rows of a block; those that cannot be answered are named.

        Raises:
            ServeError: nobody can answer at all, whatever the rows.
        """
        judged = verdicts(self._schema, raw, rows)
        places: list[int] = []
        parts: list[Prediction] = []
        refused: dict[int, tuple[Broken, ...]] = {}
        for valid in judged.valid:
            self._answer(valid.places, valid.columns, (places, parts), refused)
        if not parts:
            return Scored((), None, judged.broken, refused)
        together = stacked(parts)
        order = np.argsort(np.array(places), kind="stable")
        if (np.diff(order) != 1).any():
            places, together = [places[j] for j in order], _taken(together, order)
        return Scored(places, together, judged.broken, refused)

    def _answer(
        self,
        places: Sequence[int],
        columns: Columns,
        into: tuple[list[int], list[Prediction]],
        refused: dict[int, tuple[Broken, ...]],
    ) -> None:
        """Answer rows; of those that a model refuses, the one to blame is sought."""
        waiting = [(list(places), columns)]
        while waiting:
            these, part = waiting.pop()
            try:
                answer = self._ask(part)
            except (RowsRefused, ModelFailed, InvalidInput) as error:
                waiting.extend(_suspects(these, part, error, refused))
            else:
                into[0].extend(these)
                into[1].append(answer)

    def _ask(self, columns: Columns) -> Prediction:
        if self._prepare is not None:
            columns = self._prepare.model.ask(self._transform, columns)
        answer: Prediction = self._version.model.ask(self._predict, columns)
        return answer


def _suspects(
    places: list[int],
    columns: Columns,
    error: ServeError,
    refused: dict[int, tuple[Broken, ...]],
) -> list[tuple[list[int], Columns]]:
    """What is to be asked again: all rows but the one to blame, or both halves."""
    row = 0 if len(places) == 1 else row_alone(error)
    if row is not None:
        refused[places[row]] = _reasons(error)
        others = [*range(row), *range(row + 1, len(places))]
        return [([places[j] for j in others], columns.take(others))] if others else []
    middle = len(places) // 2
    # The last is asked first: answers come in the order of rows.
    return [
        (places[middle:], columns.slice(middle, len(places))),
        (places[:middle], columns.slice(0, middle)),
    ]


def _reasons(error: ServeError) -> tuple[Broken, ...]:
    listed = of_violations(error.details.get("violations", ()))
    cause = str(error.details.get("cause", error.message))
    # What models say repeats values, so that it stands where values stand.
    if not listed:
        return (Broken("model", "a row that the model answers", cause),)
    return tuple(
        Broken(
            one.rule,
            one.expected,
            cause if one.seen is None else f"{one.seen}: {cause}",
            one.column,
        )
        for one in listed
    )


def _taken(prediction: Prediction, order: Array) -> Prediction:
    probabilities, tensors = prediction.probabilities, prediction.tensors
    return Prediction(
        prediction.values[order],
        None if probabilities is None else probabilities[order],
        None,
        None if tensors is None else {name: array[order] for name, array in tensors.items()},
    )
