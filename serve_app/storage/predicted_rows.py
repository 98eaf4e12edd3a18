"""What the log of predictions knows of those that feedback is about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from serve_app.core.labelled import PredictedRow
from serve_app.storage.records.files import Files
from serve_app.storage.records.lookup import Wanted, find

_ANSWERED = frozenset({"answered", "fallback"})


def predicted_rows(
    files: Files,
    endpoint: str,
    ids: Sequence[str],
    keys: Mapping[str, float],
    *,
    now_s: float,
    horizon_s: float,
) -> Iterator[PredictedRow]:
    """Rows of an endpoint that were answered, by the ids of their predictions or by their keys.

    `keys` say of each until when the newest row of it is wanted, at least.

    Raises:
        RecordsFailed: the log cannot be read.
    """
    table = find(files, Wanted(endpoint, now_s, horizon_s, frozenset(ids), dict(keys)))
    for row in table.to_pylist():
        if row["prediction_id"] is None or row["outcome"] not in _ANSWERED:
            continue
        chosen = {name: row[name] for name in ("algorithm", "salt", "bucket", "rule")}
        yield PredictedRow(
            prediction_id=row["prediction_id"],
            row=row["row"],
            at_s=row["at_s"],
            variants=tuple(row["variants"]),
            value=row["value"],
            probabilities=None if row["probabilities"] is None else tuple(row["probabilities"]),
            key=row["key"],
            propensity=row["propensity"],
            assignment={name: value for name, value in chosen.items() if value is not None},
            epoch=row["epoch"],
            segments={} if row["segments"] is None else json.loads(row["segments"]),
            subject=row["subject"],
        )
