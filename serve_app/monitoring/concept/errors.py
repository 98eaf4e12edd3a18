"""Streams of errors to watch, of one row whose truth has become known."""

from __future__ import annotations

import math
from collections.abc import Mapping

from serve_app.errors import InvalidInput
from serve_app.monitoring.quality.labels import label_text

ERROR = "error"
"""The stream that every model has."""
_WIDEST = 3.0
"""Errors beyond so many RMSE are all alike."""


def classification_errors(predicted: object, truth: object) -> Mapping[str, float]:
    """Whether a class was wrong: over all rows, and among those that got the same answer.

    Where the border between classes moves back, wrong answers of one class take the place of
    those of the other: the error rate stays, and only the second stream shows it (H. Wang and
    Z. Abraham, "Concept drift detection for streaming data", IJCNN 2015).
    """
    answer = label_text(predicted)
    wrong = float(answer != label_text(truth))
    return {ERROR: wrong, f"{ERROR} of {answer}": wrong}


def regression_errors(predicted: float, truth: float, scale: float) -> Mapping[str, float]:
    """How far a number was off, and by how much too high or too low, each from 0 to 1.

    1 stands for three times `scale` and all beyond: detectors assume numbers from 0 to 1, and one
    wild row is no drift.

    Args:
        predicted: the answer.
        truth: what it should have been.
        scale: the RMSE of the model where it was registered, in the unit of the answer.

    Raises:
        InvalidInput: the scale is not above 0, or a value is no finite number.
    """
    if not scale > 0 or not math.isfinite(scale):
        raise InvalidInput(f"errors are measured in a unit above 0, not {scale}")
    off = (predicted - truth) / (_WIDEST * scale)
    if not math.isfinite(off):
        raise InvalidInput(f"no error is known of {predicted} for {truth}")
    return {
        ERROR: min(1.0, abs(off)),
        "too high": min(1.0, max(0.0, off)),
        "too low": min(1.0, max(0.0, -off)),
    }
