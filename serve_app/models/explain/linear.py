"""Linear models: a coefficient times how far a feature is from its mean in training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.models.attributed import Attributed
from serve_app.models.explain.steps import Steps

Attribute = Callable[[Columns], Attributed]


def of_lines(steps: Steps, background: Columns) -> Attribute | None:
    """What takes the output of a linear model apart; None where it is no linear model.

    The base is what the model says of the mean of the background, which is what it says of its
    rows on average.
    """
    lines = _lines(steps)
    if lines is None:
        return None
    coefficients, intercept = lines
    mean = steps.numbers(background).mean(axis=0)
    if mean.shape != (coefficients.shape[1],):
        return None
    base = coefficients @ mean + intercept

    def attribute(columns: Columns) -> Attributed:
        away = steps.numbers(columns) - mean
        parts = away[:, :, None] * coefficients.T[None, :, :]
        bases = np.broadcast_to(base, (columns.rows, len(base)))
        return steps.folded(Attributed(parts, bases))

    return attribute


def _lines(steps: Steps) -> tuple[Array, Array] | None:
    """Coefficients of shape (outputs, features) and intercepts, as linear models keep them."""
    predictor = steps.predictor
    if not hasattr(predictor, "coef_") or not hasattr(predictor, "intercept_"):
        return None
    try:
        coefficients = np.atleast_2d(np.asarray(predictor.coef_, dtype=np.float64))
        intercept = np.atleast_1d(np.asarray(predictor.intercept_, dtype=np.float64))
    except (TypeError, ValueError):
        return None
    outputs, features = coefficients.shape
    if features != len(steps.origins) or intercept.ndim != 1:
        return None
    return coefficients, np.broadcast_to(intercept.reshape(-1), (outputs,))
