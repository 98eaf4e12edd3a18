"""Meta-models that are fitted on what the members of an ensemble say of held-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from serve_app.core.columns import Array

_FOLDS = 5


@dataclass(frozen=True, slots=True)
class FittedStacker:
    """A fitted meta-model with the rows that it was fitted on.

    `out_of_fold` is what it says of each row when it is fitted on other rows alone: probabilities
    of shape (rows, classes) in the order of `classes`, or numbers.
    """

    estimator: Any
    frame: pd.DataFrame
    out_of_fold: Array
    classes: tuple[Any, ...]


def fitted(
    columns: Mapping[str, Array],
    truth: Sequence[Any],
    *,
    classifies: bool,
    is_scaled: bool,
    seed: int,
) -> FittedStacker:
    """Fit scikit-learn's default for stacks: a logistic regression, or a ridge regression.

    With `is_scaled`, columns are scaled first, as those of rows have to be beside probabilities.

    Raises:
        ValueError: it cannot be fitted on these columns; says why.
    """
    estimator: Any = LogisticRegression(max_iter=1000) if classifies else RidgeCV()
    if is_scaled:
        estimator = make_pipeline(StandardScaler(), estimator)
    frame = pd.DataFrame(dict(columns))
    wanted = np.asarray(truth)
    folds = (StratifiedKFold if classifies else KFold)(_FOLDS, shuffle=True, random_state=seed)
    method = "predict_proba" if classifies else "predict"
    out_of_fold = cross_val_predict(estimator, frame, wanted, cv=folds, method=method)
    estimator.fit(frame, wanted)
    classes = tuple(estimator.classes_.tolist()) if classifies else ()
    return FittedStacker(estimator, frame, out_of_fold, classes)
