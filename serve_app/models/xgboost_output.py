"""What XGBoost gives for rows, as a prediction or an error."""

from __future__ import annotations

import numpy as np
import xgboost

from serve_app.core.columns import Array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output
from serve_app.errors import ModelFailed, RowsRefused
from serve_app.models import several


def of_booster(values: Array, output: Output, labels: Array) -> Prediction:
    """What a booster predicts, as the signature says it."""
    if output.targets:
        return yes_or_no(values)
    if output.kind != "classification":
        return Prediction(values)
    if not output.probabilities:
        return Prediction(labels.take(values.astype(np.intp)))
    shares = values if values.ndim == 2 else np.column_stack([np.float32(1) - values, values])
    return Prediction(labels.take(np.argmax(shares, axis=1)), shares)


def yes_or_no(probabilities: Array) -> Prediction:
    """What XGBoost's own classifier says of several labels: yes above 0.5."""
    return Prediction((probabilities > np.float32(0.5)).astype(np.int64), probabilities)


def nothing(output: Output, labels: Array) -> Prediction:
    """What is said of no rows."""
    if output.targets:
        return several.nothing(output)
    empty = np.empty((0, len(labels)), np.float32) if output.probabilities else None
    return Prediction(labels[:0] if len(labels) else np.empty(0, np.float32), empty)


def failed(error: Exception) -> ModelFailed | RowsRefused:
    """The error that one of XGBoost's becomes."""
    if isinstance(error, xgboost.core.XGBoostError) and "contains `inf`" in str(error):
        msg = "the model does not take these rows: they hold infinities, or numbers beyond float32"
        return RowsRefused(msg)
    return ModelFailed(f"XGBoost failed ({type(error).__name__})")
