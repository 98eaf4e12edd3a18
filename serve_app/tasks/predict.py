"""What a model decides of every row, and how sure it is of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_app.core.messages import PREDICT, PREDICT_PROBA
from serve_app.tasks.task import Method, PredictionTask

if TYPE_CHECKING:
    from serve_app.core.columns import Columns
    from serve_app.core.messages import Prediction
    from serve_app.core.ports import Model


class Predict(PredictionTask):
    """Values and, where the model gives them, probabilities."""

    name = "predict"
    methods = (
        Method(
            name=PREDICT,
            words="predictions",
            part=lambda prediction: None if prediction.only_tensors else prediction.values,
            is_given=lambda _output: True,
            width=lambda _output: 0,
        ),
        Method(
            name=PREDICT_PROBA,
            words="probabilities",
            part=lambda prediction: prediction.probabilities,
            is_given=lambda output: output.probabilities,
            width=lambda output: output.shares,
        ),
    )
    compare = True
    is_remembered = True

    def compute(self, model: Model, columns: Columns) -> Prediction:
        """Predict every row; raises as the model does."""
        return model.predict(columns)
