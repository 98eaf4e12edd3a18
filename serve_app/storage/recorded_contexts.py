"""The contexts of decisions, out of the recorded features of their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from serve_app.errors import InvalidInput
from serve_app.routing.bandits.contexts import mean_of
from serve_app.storage.records.files import Files
from serve_app.storage.records.reader import Query, query
from serve_app.storage.records.rows import FEATURE

_HOUR_S = 3_600.0


def recorded_contexts(
    files: Files, endpoint: str, decisions: Mapping[str, float], features: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """The context of each decision whose features were kept, of shape (features,), by its id.

    `decisions` are prediction ids with their times in seconds since 1970. A context is the mean of
    each feature over the rows of a request; NaN where no row has a number.

    Raises:
        RecordsFailed: the log cannot be read.
    """
    hours: dict[int, set[str]] = {}
    for prediction_id, at_s in decisions.items():
        hours.setdefault(int(at_s // _HOUR_S), set()).add(prediction_id)
    values: dict[str, list[list[object]]] = {}
    for hour, ids in hours.items():
        for prediction_id, row in _rows(files, endpoint, hour, features):
            if prediction_id in ids:
                values.setdefault(prediction_id, []).append(row)
    return {
        prediction_id: np.array([mean_of(column) for column in zip(*rows, strict=True)])
        for prediction_id, rows in values.items()
    }


def _rows(
    files: Files, endpoint: str, hour: int, features: Sequence[str]
) -> Iterator[tuple[str, list[object]]]:
    columns = ("prediction_id", "features_kept", *(f"{FEATURE}{name}" for name in features))
    start_s = hour * _HOUR_S
    try:
        stream = query(files, Query(endpoint, start_s, start_s + _HOUR_S, columns=columns))
    except InvalidInput:
        # Nobody kept these columns in that hour.
        return
    for batch in stream:
        names, kept, *features_of_rows = (column.to_pylist() for column in batch.columns)
        for name, is_kept, *row in zip(names, kept, *features_of_rows, strict=True):
            if is_kept and name is not None:
                yield name, row
