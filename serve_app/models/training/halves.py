"""A fitted Pipeline in two: what prepares rows, and what answers behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from serve_app.core.columns import Array


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """What prepares rows, what answers behind it, and the rows of training as prepared."""

    before: Any
    rest: Any
    prepared: pd.DataFrame

    def predict(self, frame: pd.DataFrame) -> Array:
        """What both together say of rows."""
        with threadpool_limits(1):
            return np.asarray(self.rest.predict(self.before.transform(frame)))


def halves_of(estimator: Any, frame: pd.DataFrame, target: Array) -> Halves | None:
    """A Pipeline that was fitted on some rows in two; none where it cannot be taken apart.

    The last step is fitted once more, on the prepared rows with the names of their columns.
    """
    if not isinstance(estimator, Pipeline) or len(estimator.steps) < 2:
        return None
    before = clone(estimator[:-1])
    # A frame holds no sparse columns.
    dense = {name: False for name in before.get_params() if name.endswith("sparse_output")}
    try:
        before.set_params(**dense).set_output(transform="pandas")
        with threadpool_limits(1):
            prepared = before.fit(frame, target).transform(frame)
            rest = clone(estimator[-1]).fit(prepared, target)
    except (AttributeError, TypeError, ValueError):
        # Whose steps give no frame, such as sparse ones, or do not only transform.
        return None
    return Halves(before, rest, prepared)
