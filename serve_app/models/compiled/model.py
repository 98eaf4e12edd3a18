"""A compiled version behind the `Model` port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.core.labels import label_array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Signature
from serve_app.errors import ModelFailed, RowsRefused
from serve_app.models import raw_scores
from serve_app.models.compiled import storage
from serve_app.models.compiled.operation import (
    Operation,
    Refused,
    chain,
    computes_row_by_row,
)

FILE = "compiled.npz"
"""The name of a version's compiled form among its files."""


@dataclass(frozen=True, eq=False)
class Program(Operation):
    """A whole model: `scores` of the rows, and what is made of them.

    `link` makes of the scores what everything else takes, where that is not the scores as they
    are. `probabilities` and `classes` (numbers of classes) are a classifier's. Without them the
    linked scores are the values of a regressor or the features of a transformer. `raw` makes of
    the scores, before any link, what the library gives as raw scores, where it gives some.
    """

    scores: Operation
    probabilities: Operation | None = None
    classes: Operation | None = None
    link: Operation | None = None
    raw: Operation | None = None

    def __call__(self, x: Columns, /) -> Array:
        """The linked scores."""
        linked: Array = chain(self.scores, self.link)(x)
        return linked


OneRow = Callable[[Columns], Prediction | None]
"""What a program predicts of one row, more quickly; None of a row that is left to the program."""


class CompiledModel:
    """Computes with a program what the registered estimator would; one row by `one_row` first."""

    def __init__(
        self, program: Program, signature: Signature, one_row: OneRow | None = None
    ) -> None:
        output = signature.output
        self._program = program
        self._output = output
        self._linked = chain(program.scores, program.link)
        self._labels = label_array(output.labels)
        self._width = output.width
        self._names = tuple(column.name for column in output.columns)
        self._probabilities = program.probabilities
        self._classes = program.classes
        self._one_row = one_row
        self.row_by_row = computes_row_by_row(program)

    def predict(self, columns: Columns) -> Prediction:
        """Predict every row.

        Raises:
            RowsRefused: the library would have refused the rows.
            ModelFailed: the computation failed.
        """
        if columns.rows == 0:
            return self._nothing()
        if columns.rows == 1 and self._one_row is not None:
            prediction = self._one_row(columns)
            if prediction is not None:
                return prediction
        try:
            # Overflow gives infinity and 0/0 NaN, as in the library, which warns of it.
            with np.errstate(all="ignore"):
                return self._predicted(self._linked(columns))
        except Exception as error:
            raise _failed(error) from error

    def predict_with_scores(self, columns: Columns) -> Prediction:
        """Predict every row, with the raw scores.

        Raises:
            InvalidInput: the library gives none for this model.
            RowsRefused: the library would have refused the rows.
            ModelFailed: the computation failed.
        """
        program = self._program
        if program.raw is None:
            raise raw_scores.not_compiled()
        if columns.rows == 0:
            return replace(self._nothing(), scores=raw_scores.of_no_rows(self._output))
        try:
            with np.errstate(all="ignore"):
                scores = program.scores(columns)
                prediction = self._predicted(chain(program.link)(scores))
                return replace(prediction, scores=program.raw(scores))
        except Exception as error:
            raise _failed(error) from error

    def _predicted(self, linked: Array) -> Prediction:
        if self._classes is None:
            # Of one number per row, some models make a column.
            return Prediction(linked.reshape(-1) if self._width == 1 else linked)
        probabilities = None if self._probabilities is None else self._probabilities(linked)
        return Prediction(self._labels.take(self._classes(linked)), probabilities)

    def transform(self, columns: Columns) -> Columns:
        """Transform every row.

        Raises:
            RowsRefused: the library would have refused the rows.
            ModelFailed: the computation failed.
        """
        if columns.rows == 0:
            return Columns.from_block(self._names, np.empty((0, len(self._names))))
        try:
            with np.errstate(all="ignore"):
                return self._named(self._linked(columns))
        except Exception as error:
            raise _failed(error) from error

    def _named(self, features: Array | Columns) -> Columns:
        if isinstance(features, Columns):
            return Columns(self._names, features.arrays, None, features.rows)
        return Columns.from_block(self._names, features)

    def _nothing(self) -> Prediction:
        if self._classes is None:
            return Prediction(np.empty(0 if self._width == 1 else (0, self._width)))
        empty = None if self._probabilities is None else np.empty((0, len(self._labels)))
        return Prediction(self._labels[:0], empty)


def load_compiled(content: bytes, signature: Signature) -> CompiledModel:
    """The model that a compiled file holds.

    Raises:
        ArtifactRejected: it cannot be read.
    """
    program = storage.load(content)
    if not isinstance(program, Program):
        program = Program(program)
    return CompiledModel(program, signature)


def _failed(error: Exception) -> ModelFailed | RowsRefused:
    if isinstance(error, Refused):
        return RowsRefused(f"the model does not take these rows: {error}")
    return ModelFailed(f"the compiled model failed ({type(error).__name__})")
