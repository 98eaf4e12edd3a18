"""A compiled version behind the `Model` port."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.core.labels import label_array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Signature
from serve_app.errors import ModelFailed, RowsRefused
from serve_app.models.compiled import storage
from serve_app.models.compiled.operation import Operation, Refused

FILE = "compiled.npz"
"""The name of a version's compiled form among its files."""


@dataclass(frozen=True, eq=False)
class Program(Operation):
    """A whole model: `scores` of the rows, and what is made of them.

    `probabilities` and `classes` (numbers of classes) take the scores of a classifier.
    Without them the scores are the values of a regressor or the features of a transformer.
    """

    scores: Operation
    probabilities: Operation | None = None
    classes: Operation | None = None

    def __call__(self, x: Columns, /) -> Array:
        """The scores."""
        scores: Array = self.scores(x)
        return scores


class CompiledModel:
    """Computes with a program what the registered estimator would."""

    def __init__(self, program: Program, signature: Signature) -> None:
        output = signature.output
        self._program = program
        self._labels = label_array(output.labels)
        self._width = output.width
        self._names = tuple(column.name for column in output.columns)
        self._probabilities = program.probabilities
        self._classes = program.classes

    def predict(self, columns: Columns) -> Prediction:
        """Predict every row.

        Raises:
            RowsRefused: the library would have refused the rows.
            ModelFailed: the computation failed.
        """
        if columns.rows == 0:
            return self._nothing()
        try:
            # Overflow gives infinity and 0/0 NaN, as in the library, which warns of it.
            with np.errstate(all="ignore"):
                return self._predicted(columns)
        except Exception as error:
            raise _failed(error) from error

    def _predicted(self, columns: Columns) -> Prediction:
        scores = self._program.scores(columns)
        if self._classes is None:
            return Prediction(scores)
        probabilities = None if self._probabilities is None else self._probabilities(scores)
        return Prediction(self._labels.take(self._classes(scores)), probabilities)

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
                return Columns.from_block(self._names, self._program.scores(columns))
        except Exception as error:
            raise _failed(error) from error

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
