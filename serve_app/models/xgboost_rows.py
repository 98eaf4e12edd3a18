"""How a stored model of XGBoost's predicts, and of which rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost

from serve_app.core.columns import Array, Columns
from serve_app.core.signature import Signature
from serve_app.models.frames import Framer, fit_a_matrix, matrix
from serve_app.models.xgboost_columns import positions


@dataclass(frozen=True, slots=True)
class PredictionSettings:
    """How a stored model predicts: with `end` iterations, a gap, and the column of the offset."""

    end: int
    missing: float
    offset: str | None


def gap(settings: Mapping[str, Any]) -> float:
    """The number that stands for a gap, NaN where only NaN does."""
    missing = settings.get("missing")
    return float("nan") if missing is None else float(missing)


def prediction_settings(
    settings: Mapping[str, Any], booster: xgboost.Booster
) -> PredictionSettings:
    """What was written down beside a stored model."""
    end = settings.get("iterations")
    if end is None:
        # A version from before this was written down: its sample came from the best ones.
        best = booster.attr("best_iteration")
        end = booster.num_boosted_rounds() if best is None else int(best) + 1
    return PredictionSettings(int(end), gap(settings), settings.get("offset"))


class BoosterRows:
    """What XGBoost is given: a matrix where all is numbers, a frame where names matter.

    `names` are those by which a booster knows the columns, None where it knows none; `named`
    says whether what it is given has them.
    """

    def __init__(self, signature: Signature, offset: str | None, booster: xgboost.Booster) -> None:
        inputs = tuple(column for column in signature.inputs if column.name != offset)
        features = [column.name for column in inputs]
        self.names = positions(features, booster)
        self._features = None if offset is None else features
        self._offset = offset
        self._framer = Framer(inputs)
        # To XGBoost truth values are numbers, and None among them is a gap as NaN is.
        self._numbers = fit_a_matrix(
            column
            for column in inputs
            if column.dtype != "bool" or column.frame_dtype == "category"
        )
        # A matrix has no names to be compared, and those of the version have been.
        self.named = not self._numbers and self.names in (None, features)

    def __call__(self, columns: Columns) -> Any:
        """The features."""
        if self._features is not None:
            columns = columns.select(self._features)
        return matrix(columns) if self._numbers else self._framer.frame(columns)

    def margin(self, columns: Columns) -> Array | None:
        """What is added to each row's margin, where something is."""
        if self._offset is None:
            return None
        return np.asarray(columns.as_dict()[self._offset], dtype=np.float32)
