"""scikit-learn's trees: exact Shapley values by shap's TreeSHAP, where that is installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from serve_app.core.columns import Array, Columns
from serve_app.models.attributed import Attributed
from serve_app.models.explain.steps import Steps

Attribute = Callable[[Columns], Attributed]

KINDS = (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
"""Whose trees shap reads; by exact class, since a subclass may do anything."""


def of_forests(steps: Steps) -> Attribute | None:
    """What takes the output of trees apart; None where there are none, or shap is not installed."""
    if type(steps.predictor) not in KINDS or find_spec("shap") is None:
        return None
    import shap  # noqa: PLC0415 - it takes seconds, and only who has such a model needs it

    explainer = shap.TreeExplainer(steps.predictor)

    def attribute(columns: Columns) -> Attributed:
        parts, base = _of_shap(explainer, steps.numbers(columns))
        if len(getattr(steps.predictor, "classes_", ())) == parts.shape[2] == 2:
            # Of two shares the second says all: the first is what is left of one.
            parts, base = parts[:, :, 1:], base[1:]
        return steps.folded(Attributed(parts, np.broadcast_to(base, (columns.rows, len(base)))))

    return attribute


def _of_shap(explainer: Any, rows: Array) -> tuple[Array, Array]:
    """Parts of shape (rows, features, outputs) and the bases of the outputs."""
    parts = np.asarray(explainer.shap_values(rows, check_additivity=False), dtype=np.float64)
    if parts.ndim == 2:
        parts = parts[:, :, None]
    base = np.atleast_1d(np.asarray(explainer.expected_value, dtype=np.float64))
    return parts, base
