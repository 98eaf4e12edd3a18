"""Recorded rows with their features, so many of a stretch of time at most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from serve_app.core.columns import Array, Columns
from serve_app.core.record import ANSWERED
from serve_app.storage.records.arrays import numpy_of
from serve_app.storage.records.files import Files
from serve_app.storage.records.reader import Query, query
from serve_app.storage.records.rows import CALLER, FEATURE

MOST_READ = 200_000
"""Rows that are read at once though only of a sample of them the features are kept."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordedRows:
    """Answered rows whose features were kept, one value for each in every field.

    `columns` has no column whose values are never kept. `variants` are those that answered,
    `probabilities` what they gave, `callers` the pseudonyms of who asked; none where rows have
    none.
    """

    columns: Columns
    prediction_ids: tuple[str, ...]
    rows: tuple[int, ...]
    at_s: Array
    variants: tuple[tuple[str, ...], ...]
    probabilities: Array | None = None
    callers: tuple[str | None, ...] | None = None

    def __len__(self) -> int:
        return len(self.prediction_ids)

    def take(self, places: Array) -> RecordedRows:
        """The rows at these places, in ascending order."""
        index = places.tolist()
        return RecordedRows(
            self.columns.take(index),
            tuple(self.prediction_ids[place] for place in index),
            tuple(self.rows[place] for place in index),
            self.at_s[places],
            tuple(self.variants[place] for place in index),
            None if self.probabilities is None else self.probabilities[places],
            None if self.callers is None else tuple(self.callers[place] for place in index),
        )


def recorded_rows(files: Files, wanted: Query, *, most: int, sample: float) -> RecordedRows | None:
    """At most `most` of the rows that a query wants, none where there are none.

    They are the first that are read. `sample` is the share of requests whose features are kept.

    Raises:
        RecordsFailed: the log cannot be read.
    """
    if sample <= 0:
        return None
    limit = min(MOST_READ, math.ceil(1.2 * most / sample))
    chosen = Query(
        wanted.endpoint,
        wanted.since_s,
        wanted.until_s,
        outcome=ANSWERED,
        prediction_id=wanted.prediction_id,
        limit=limit,
    )
    table = query(files, chosen).read_all()
    if not table.num_rows or "features_kept" not in table.column_names:
        return None
    table = table.filter(table["features_kept"]).slice(0, most)
    if not table.num_rows:
        return None
    names = [name for name in table.column_names if name.startswith(FEATURE)]
    return RecordedRows(
        Columns.of({name.removeprefix(FEATURE): numpy_of(table[name]) for name in names}),
        tuple(table["prediction_id"].to_pylist()),
        tuple(table["row"].to_pylist()),
        table["at_s"].to_numpy(),
        tuple(tuple(names or ()) for names in table["variants"].to_pylist()),
        _probabilities(table["probabilities"]),
        tuple(table[CALLER].to_pylist()) if CALLER in table.column_names else None,
    )


def joined(parts: Sequence[Columns]) -> Columns:
    """The rows of all parts; a column that one of them does not have is missing there."""
    names = dict.fromkeys(name for part in parts for name in part.names)
    return Columns.of(
        {
            name: np.concatenate(
                [
                    part[name].astype(object) if name in part else np.full(part.rows, None)
                    for part in parts
                ]
            )
            for name in names
        }
    )


def _probabilities(shares: pa.ChunkedArray) -> Array | None:
    if pa.types.is_null(shares.type) or shares.null_count:
        return None
    lists = shares.to_pylist()
    if len({len(one) for one in lists}) != 1:
        return None
    return np.array(lists, dtype=np.float64)
