"""The numbers by which a model decides, before any link function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_app.core.messages import RAW_SCORES
from serve_app.tasks.task import Method, PredictionTask

if TYPE_CHECKING:
    from serve_app.core.columns import Columns
    from serve_app.core.messages import Prediction
    from serve_app.core.ports import Model


class RawScores(PredictionTask):
    """Predictions with their raw scores.

    What a score means differs from model to model, so that neither an ensemble nor another
    variant can answer for the one that was chosen. Few want them and they cost a second walk
    through a library's model, which is why predictions come without and caches have none.
    """

    name = "raw_scores"
    methods = (
        Method(
            name=RAW_SCORES,
            words="raw scores",
            part=lambda prediction: prediction.scores,
            is_given=lambda output: output.raw_scores,
            width=lambda output: output.scores_width,
            # What scikit-learn calls them.
            aliases=("decision_function",),
        ),
    )

    def compute(self, model: Model, columns: Columns) -> Prediction:
        """Predict every row, with its raw scores; raises as the model does."""
        return model.predict_with_scores(columns)
