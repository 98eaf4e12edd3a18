"""XGBoost's own TreeSHAP, of rows as a stored model takes them."""

from __future__ import annotations

import json

import numpy as np
import xgboost

from serve_app.core.columns import Columns
from serve_app.errors import InvalidInput
from serve_app.models.attributed import Attributed, of_library
from serve_app.models.xgboost_rows import BoosterRows, PredictionSettings


def contributions(
    booster: xgboost.Booster, rows: BoosterRows, how: PredictionSettings, columns: Columns
) -> Attributed:
    """The margins taken apart, exactly; an offset is a part of its own.

    Raises:
        InvalidInput: the booster has no trees.
        xgboost.core.XGBoostError: the rows are refused, or the booster cannot be taken apart.
    """
    if _is_line(booster):
        # Its parts are not held against anything but zero.
        raise InvalidInput("XGBoost takes no linear booster apart as it does trees")
    margin = rows.margin(columns)
    matrix = xgboost.DMatrix(
        rows(columns),
        base_margin=margin,
        missing=how.missing,
        feature_names=rows.names,
        enable_categorical=True,
        nthread=1,
    )
    every = how.end == booster.num_boosted_rounds()
    raw = booster.predict(
        matrix,
        pred_contribs=True,
        strict_shape=True,
        iteration_range=(0, 0) if every else (0, how.end),
    )
    features = [name for name in columns.names if name != how.offset]
    parts = of_library(raw, len(features))
    if margin is None:
        return parts
    # XGBoost counts it as the base, which then differs from row to row.
    outputs = parts.base.shape[1]
    own = np.repeat(margin.astype(np.float64)[:, None], outputs, axis=1)
    made = np.zeros((columns.rows, len(columns), outputs))
    places = [columns.names.index(name) for name in features]
    made[:, places] = parts.contributions
    made[:, columns.names.index(how.offset or "")] = own
    return Attributed(made, parts.base - own)


def _is_line(booster: xgboost.Booster) -> bool:
    name: str = json.loads(booster.save_config())["learner"]["gradient_booster"]["name"]
    return name == "gblinear"
