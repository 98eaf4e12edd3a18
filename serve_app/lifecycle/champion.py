"""The version that a challenger is held against: what it says of the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from serve_app.core.messages import Prediction
from serve_app.engine.load import load
from serve_app.errors import NotFound
from serve_app.lifecycle.dataset import Dataset
from serve_app.lifecycle.ledger import Run
from serve_app.models.frames import to_columns
from serve_app.models.training.metrics import Predicted
from serve_app.registry.aliases import CHAMPION
from serve_app.registry.store import Registry


@dataclass(frozen=True, slots=True, eq=False)
class Champion:
    """A version, and what it says of the hold-out; or why that cannot be compared."""

    version: int
    predicted: Predicted | None = None
    problem: str | None = None


def champion_of(
    registry: Registry, model: str, dataset: Dataset, frame: pd.DataFrame
) -> Champion | None:
    """What the champion of a model says of rows; none where no version is champion."""
    try:
        version = registry.aliases(model).get(CHAMPION)
    except NotFound:
        return None
    if version is None:
        return None
    try:
        loaded = load(registry, model, version)
        names = loaded.manifest.signature.names
        prediction = loaded.model.predict(to_columns(frame[list(names)]))
        labels = loaded.manifest.signature.output.labels
        return Champion(version, _as_numbered(prediction, labels, dataset))
    except Exception as error:  # noqa: BLE001 - a former version may fail as it likes
        reason = str(error).strip().partition("\n")[0]
        return Champion(version, problem=f"{model}@{version} cannot be compared: {reason}")


def saw_holdout(
    run: Run | None, split: Mapping[str, Any], fingerprint: str, trained: Mapping[str, Any] | None
) -> bool | None:
    """Whether a champion was trained on rows of a hold-out; none where nobody can know.

    `run` is the one that made it, `trained` its split and `fingerprint` the present rows'.
    """
    if run is None or trained is None:
        return None
    same_rows = trained.get("fingerprint") == fingerprint
    if same_rows and trained.get("holdout_digest") == split.get("holdout_digest"):
        return False
    end, begin = trained.get("train_until"), split.get("holdout_from")
    if end is not None and begin is not None:
        return bool(end >= begin)
    return None


def _as_numbered(prediction: Prediction, labels: Sequence[Any], dataset: Dataset) -> Predicted:
    """A prediction with classes as the numbers that the data has for them.

    Raises:
        ValueError: the version has other classes.
    """
    if not dataset.classes:
        return Predicted(np.asarray(prediction.values, dtype=np.float64).reshape(-1))
    places = {str(label): place for place, label in enumerate(dataset.labels)}
    if set(places) != set(map(str, labels)):
        msg = (
            f"its classes are {', '.join(map(str, labels))}, those of the data {', '.join(places)}"
        )
        raise ValueError(msg)
    values = np.array([places[str(value)] for value in prediction.values.tolist()], dtype=np.intp)
    if prediction.probabilities is None:
        return Predicted(values)
    order = np.argsort([places[str(label)] for label in labels])
    return Predicted(values, np.asarray(prediction.probabilities)[:, order])
