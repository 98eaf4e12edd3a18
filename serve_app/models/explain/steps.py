"""A fitted Pipeline as what prepares its rows and what predicts of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline

from serve_app.core.columns import Array, Columns
from serve_app.models.attributed import Attributed
from serve_app.models.explain.origins import Origins, folded, origins_of
from serve_app.models.several import dense
from serve_app.models.sklearn import SklearnModel


class Steps(NamedTuple):
    """What prepares rows (none where nothing does), what predicts, and what became of columns."""

    model: SklearnModel
    prepare: Any
    predictor: Any
    origins: Origins
    columns: int

    def prepared(self, columns: Columns) -> Any:
        """What the predictor is given of rows."""
        given = self.model.given(columns)
        return given if self.prepare is None else self.prepare.transform(given)

    def numbers(self, columns: Columns) -> Array:
        """The same as a matrix of numbers.

        Raises:
            ValueError: it is none.
        """
        numbers: Array = np.asarray(dense(self.prepared(columns)), dtype=np.float64)
        return numbers

    def folded(self, parts: Attributed) -> Attributed:
        """Parts of what the predictor is given, as parts of the columns."""
        return folded(parts, self.origins, self.columns)


def steps_of(model: SklearnModel, columns: int) -> Steps | None:
    """The steps of a model's estimator; None where a step makes one feature of several columns."""
    estimator = model.estimator
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    prepare = None
    if type(estimator) is Pipeline:
        before, estimator = estimator[:-1], estimator.steps[-1][1]
        prepare = before if len(before.steps) else None
    origins = origins_of(prepare, columns)
    return None if origins is None else Steps(model, prepare, estimator, origins, columns)
