"""What a manifest says of an estimator of scikit-learn: its parameters, its libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn
import skops
import skops.io
from sklearn.pipeline import Pipeline


def last_step(estimator: Any) -> Any:
    """What answers of a Pipeline, however deep it stands; any other estimator itself."""
    # A subclass of Pipeline may predict in a way of its own.
    while type(estimator) is Pipeline:
        estimator = estimator.steps[-1][1]
    return estimator


def libraries() -> dict[str, str]:
    """The versions of the libraries that store an estimator and load it again."""
    return {
        "scikit-learn": sklearn.__version__,
        "skops": skops.__version__,
        "numpy": np.__version__,
    }


def parameters_of(estimator: Any) -> dict[str, Any]:
    """The constructor's parameters that JSON can hold."""
    last = last_step(estimator)
    return {
        name: value
        for name, value in last.get_params(deep=False).items()
        if isinstance(value, bool | int | str) or (isinstance(value, float) and value == value)  # noqa: PLR0124
    }


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
