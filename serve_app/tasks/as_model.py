"""Whoever can be asked any task, as a model that is called by method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_app.tasks.predict import Predict
from serve_app.tasks.raw_scores import RawScores
from serve_app.tasks.transform import Transform

if TYPE_CHECKING:
    from serve_app.core.columns import Columns
    from serve_app.core.messages import Prediction
    from serve_app.core.ports import Task
    from serve_app.core.waiting import T

_PREDICT, _RAW_SCORES, _TRANSFORM = Predict(), RawScores(), Transform()


class AsModel:
    """Implements the `Model` port by the `ask` of the `Servable` port."""

    def ask(self, task: Task[T], columns: Columns) -> T:
        """Compute a task for every row; raises as the model does."""
        raise NotImplementedError

    def predict(self, columns: Columns) -> Prediction:
        """Predict every row; raises as the model does."""
        return self.ask(_PREDICT, columns)

    def predict_with_scores(self, columns: Columns) -> Prediction:
        """Predict every row, with its raw scores; raises as the model does."""
        return self.ask(_RAW_SCORES, columns)

    def transform(self, columns: Columns) -> Columns:
        """Transform every row; raises as the model does."""
        return self.ask(_TRANSFORM, columns)
