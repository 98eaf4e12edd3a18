"""The signature of a fitted estimator, from the frame that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
import scipy.sparse

from serve_app.core.signature import Column, Output, OutputKind, Signature
from serve_app.errors import InvalidInput
from serve_app.models import sklearn, xgboost
from serve_app.models.frames import describe

PROBED_ROWS = 100


def infer(
    estimator: Any, flavour: str, frame: pd.DataFrame, labels: Sequence[Any] = ()
) -> Signature:
    """What an estimator takes and gives.

    `labels` name the classes of a model that was trained on 0, 1, 2, …, in that order.

    Raises:
        InvalidInput: a column cannot be served, or the labels do not fit.
    """
    inputs = describe(frame)
    probe = frame.head(PROBED_ROWS)
    rows: Any = probe if hasattr(estimator, "feature_names_in_") else probe.to_numpy()
    if flavour == "xgboost":
        kind, found, probabilities, width = xgboost.outputs(estimator)
    else:
        kind, found, probabilities, width = sklearn.outputs(estimator, rows)
    if labels and len(labels) != len(found):
        msg = f"the model knows {len(found)} classes, but {len(labels)} labels were given"
        raise InvalidInput(msg)
    if labels and found not in (tuple(labels), tuple(range(len(labels)))):
        msg = (
            f"the model itself says {list(found)}; labels are for one that was trained on 0, 1, 2 …"
        )
        raise InvalidInput(msg)
    columns = _columns(estimator, rows) if kind == "transform" else ()
    output = Output(cast(OutputKind, kind), tuple(labels) or found, probabilities, width, columns)
    return Signature(inputs, output)


def _columns(transformer: Any, rows: Any) -> tuple[Column, ...]:
    """The columns that a transformer gives."""
    result = transformer.transform(rows)
    if isinstance(result, pd.DataFrame):
        return tuple(Column(c.name, c.dtype, c.nullable) for c in describe(result))
    if scipy.sparse.issparse(result):
        result = result.toarray()
    result = np.asarray(result)
    names = [str(name) for name in transformer.get_feature_names_out()]
    dtype = "string" if result.dtype == object else str(result.dtype)
    return tuple(Column(name, dtype) for name in names)
