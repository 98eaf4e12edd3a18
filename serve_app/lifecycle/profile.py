"""A look at the data before anything is fitted: what each column is, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from serve_app.core.columns import Array
from serve_app.lifecycle.dataset import Dataset, stray_words
from serve_app.lifecycle.split import Split
from serve_app.models.training.metrics import area_under_roc

LEAK = 0.99
"""A single number that tells two classes apart this well most likely knows the answer."""
_ALMOST_ALL = 0.9
_FEW = 50


@dataclass(frozen=True, slots=True)
class DataProfile:
    """What the rows of a run are, and warnings in words; `leaks` names suspicious columns."""

    rows: int
    columns: tuple[dict[str, Any], ...]
    target: dict[str, Any]
    warnings: tuple[str, ...]
    leaks: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As it is stored and printed."""
        return {
            "rows": self.rows,
            "columns": list(self.columns),
            "target": self.target,
            "warnings": list(self.warnings),
            "leaks": list(self.leaks),
        }


def profile(dataset: Dataset, *, task_is_given: bool = False) -> DataProfile:
    """Columns by name with their types, gaps and values; and what people should look at.

    Unless the task is given, what was made of the target may not be what was meant.
    """
    columns, warnings, leaks = [], [], []
    for name in map(str, dataset.features.columns):
        series = dataset.features[name]
        distinct = int(series.nunique())
        gaps = int(series.isna().sum())
        columns.append(
            {"name": name, "dtype": str(series.dtype), "missing": gaps, "distinct": distinct}
        )
        warning = _warning(name, series, distinct)
        if warning is not None:
            warnings.append(warning)
        area = _area_alone(series, dataset)
        if area is not None and area > LEAK:
            leaks.append(name)
            warnings.append(
                f"column {name!r} alone tells the classes apart (area under ROC {area:.3f}): is it "
                "known before the target is?"
            )
    if not (dataset.classes or task_is_given) and len(np.unique(dataset.target)) == 2:
        warnings.append(
            "the target has two values, with a point, and is taken for a number; if they are "
            "classes, write task: classification"
        )
    return DataProfile(
        len(dataset.frame), tuple(columns), _target(dataset), tuple(warnings), tuple(leaks)
    )


def shared_ids(ids: pd.Series[Any], split: Split) -> int:
    """How many ids have rows both in training and in the hold-out."""
    held_out = set(ids.iloc[split.holdout].tolist())
    return len(held_out.intersection(ids.iloc[split.train].tolist()))


def _warning(name: str, series: pd.Series[Any], distinct: int) -> str | None:
    if not distinct:
        return f"column {name!r} has no value in any row; leave it out with data.drop"
    if distinct == 1:
        return f"column {name!r} has one value in all rows; leave it out with data.drop"
    strays = stray_words(series) if distinct > _FEW else None
    if strays is not None:
        return f"column {name!r} is taken for words, since {strays}"
    words = not pd.api.types.is_numeric_dtype(series.dtype)
    if words and len(series) > _FEW and distinct > _ALMOST_ALL * len(series):
        return f"column {name!r} has another word in almost every row; is it an id? (data.drop)"
    return None


def _area_alone(series: pd.Series[Any], dataset: Dataset) -> float | None:
    """How well one column of numbers tells two classes apart; none of other columns."""
    if dataset.classes != 2 or not pd.api.types.is_numeric_dtype(series.dtype):
        return None
    values: Array = series.to_numpy(dtype=np.float64, na_value=np.nan)
    there = ~np.isnan(values)
    area = area_under_roc(dataset.target[there] == 1, values[there])
    return max(area, 1.0 - area) if np.isfinite(area) else None


def _target(dataset: Dataset) -> dict[str, Any]:
    if dataset.classes:
        counts = np.bincount(dataset.target.astype(np.intp), minlength=dataset.classes)
        labels = map(str, dataset.labels)
        return {"classes": dict(zip(labels, counts.tolist(), strict=True))}
    target = dataset.target
    low, high = float(target.min()), float(target.max())
    return {"mean": float(target.mean()), "minimum": low, "maximum": high}
