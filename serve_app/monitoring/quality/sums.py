"""The sums that labelled rows add up to, whatever their endpoint answers with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from serve_app.core.labelled import LabelledRow
from serve_app.core.signature import Output
from serve_app.monitoring.quality.classification import Classes, ClassificationSums
from serve_app.monitoring.quality.regression import RegressionSums

Sums = ClassificationSums | RegressionSums


def sums_of(rows: Sequence[LabelledRow], output: Output) -> Sums | None:
    """The sums of rows that have a truth; none where the output has no metrics here."""
    if not rows:
        return None
    values = [row.prediction.value for row in rows]
    if output.kind == "classification" and len(output.labels) > 1:
        classes = Classes.of(output.labels)
        truth = [row.truth for row in rows]
        shares = [row.prediction.probabilities or () for row in rows]
        complete = all(len(one) == len(output.labels) for one in shares)
        return ClassificationSums.of(classes, truth, values, shares if complete else None)
    if output.kind == "regression" and output.width == 1:
        return RegressionSums.of([number(row.truth) for row in rows], [*map(number, values)])
    return None


def joined(one: Sums | None, other: Sums | None) -> Sums | None:
    """The sums of both; none where neither has any."""
    if one is None or other is None:
        return other if one is None else one
    if isinstance(one, ClassificationSums) and isinstance(other, ClassificationSums):
        return one + other
    if isinstance(one, RegressionSums) and isinstance(other, RegressionSums):
        return one + other
    msg = "sums of different kinds of models cannot be added up"
    raise TypeError(msg)


def number(value: Any) -> float:
    """The value as a number; NaN where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
