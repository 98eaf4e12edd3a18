"""Tree models inside other models, each to be held to its own thresholds.

Behind scalers and encoders a threshold is no value of an input column, so that the rows that
reach it exactly are made where the trees are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from serve_app.core.columns import Array, Columns
from serve_app.core.signature import Signature
from serve_app.errors import ModelFailed
from serve_app.models import several
from serve_app.models.compiled.arithmetic import ToMatrix
from serve_app.models.compiled.model import Program
from serve_app.models.compiled.operation import chain
from serve_app.models.containers import container_of, handing
from serve_app.models.convert import boosted, dispatch, outliers, trees
from serve_app.models.convert.dispatch import PREDICTORS, Given, Inconvertible, predictor
from serve_app.models.frames import Framer, matrix
from serve_app.models.parity import Outputs

_OF_TREES = (
    boosted.__name__,
    outliers.__name__,
    trees.__name__,
    *(dispatch.OPTIONAL[library] for library in ("catboost", "lightgbm")),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A tree model with the program that it became alone and rows that it is given."""

    estimator: Any
    program: Program
    rows: Array
    classes: int

    def outputs(self, batch: Columns) -> Outputs:
        """What the library says of such rows.

        Raises:
            ModelFailed: it refuses them.
        """
        rows: Any = matrix(batch)
        names = getattr(self.estimator, "feature_names_in_", None)
        if names is not None:
            rows = pd.DataFrame(rows, columns=names)
        try:
            if not self.classes:
                return Outputs(None, np.asarray(self.estimator.predict(rows)), relative=True)
            probabilities = self.estimator.predict_proba(rows)
            # CatBoost gives one of several classes in a column of its own.
            predicted = np.asarray(self.estimator.predict(rows)).reshape(-1)
        except ValueError as error:
            raise ModelFailed("refused") from error
        numbers = np.searchsorted(self.estimator.classes_, predicted)
        return Outputs(numbers, probabilities, relative=False)


def parts(estimator: Any, columns: Columns, signature: Signature) -> Iterator[Part]:
    """The tree models at the end of a Pipeline, and those inside of what stands there."""
    if not isinstance(estimator, Pipeline) or len(estimator.steps) < 2:
        return
    container = signature.container or container_of(estimator)
    rows: Any = handing(container, Framer(signature.inputs))(columns)
    for _, step in estimator.steps[:-1]:
        # Of samplers (imbalanced-learn's) rows see nothing after training.
        if step is not None and step != "passthrough" and not hasattr(step, "fit_resample"):
            rows = step.transform(rows)
    rows = several.dense(rows)
    if rows.dtype.kind not in "fiu":
        return
    for inner in _inside(estimator.steps[-1][1]):
        if inner.n_features_in_ != rows.shape[1]:
            continue
        try:
            scored = predictor(inner, Given(rows.shape[1]))
        except Inconvertible:
            continue
        classes = len(inner.classes_) if is_classifier(inner) else 0
        if classes and scored.probabilities is None:
            continue
        scores = chain(ToMatrix(), scored.scores)
        program = Program(scores, scored.probabilities, scored.classes, scored.link)
        yield Part(inner, program, rows, classes)


def _inside(estimator: Any) -> Iterator[Any]:
    convert = PREDICTORS.get(type(estimator))
    if convert is not None and convert.__module__ in _OF_TREES:
        yield estimator
        return
    for inner in getattr(estimator, "estimators_", None) or ():
        if hasattr(inner, "n_features_in_"):
            yield from _inside(inner)
