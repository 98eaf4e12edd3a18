"""Columns of plain values as the categories that a model was trained on, where its file says so.

A CSV says of no column that it holds categories; LightGBM's models remember which do, and in
which order the categories were counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from serve_app.errors import InvalidInput
from serve_app.models import module_of


def typed(estimator: Any, flavour: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with categories in each column for which the model knows some.

    A column that holds categories already stays as it is: the library itself brings them into
    its order. The columns are in the model's order.

    Raises:
        InvalidInput: a column holds a value that is none of its categories.
    """
    if flavour != "lightgbm":
        return frame
    changed = frame
    for place, known in module_of(flavour).categories(estimator).items():
        name = frame.columns[place]
        if not isinstance(frame[name].dtype, pd.CategoricalDtype):
            changed = changed.assign(**{name: _typed(frame[name], known)})
    return changed


def _typed(series: pd.Series[Any], known: Sequence[Any]) -> Any:
    values = series.astype(object).where(series.notna(), None)
    others = sorted({str(value) for value in values if value is not None and value not in known})
    if others:
        msg = (
            f"column {series.name!r} holds {others[0]}, which is none of the categories that the "
            f"model was trained on: {', '.join(map(str, known[:10]))}"
            f"{' …' if len(known) > 10 else ''}"
        )
        raise InvalidInput(msg, column=str(series.name))
    return pd.Categorical(values, categories=list(known))
