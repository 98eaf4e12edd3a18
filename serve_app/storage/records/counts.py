"""Counts of rows as Arrow tables: one row per version and minute."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from serve_app.errors import InvalidInput
from serve_app.monitoring.row_counting import WINDOW_S
from serve_app.monitoring.window import Key, Series
from serve_app.storage.records.deliveries import COUNTS

_SCHEMA = pa.schema(
    [
        ("version", pa.string()),
        ("digest", pa.string()),
        ("start_s", pa.int64()),
        ("counts", pa.list_(pa.int64())),
    ]
)


def tables_of_counts(counts: Mapping[Key, NDArray[np.int64]]) -> list[pa.Table]:
    """Counts as tables, one for each endpoint."""
    by_endpoint: dict[str, list[tuple[Key, NDArray[np.int64]]]] = defaultdict(list)
    for key, vector in counts.items():
        by_endpoint[key.series.endpoint].append((key, vector))
    return [
        pa.table(
            [
                [key.series.variant for key, _ in rows],
                [key.series.profile for key, _ in rows],
                [key.start_s for key, _ in rows],
                pa.array([vector for _, vector in rows], pa.list_(pa.int64())),
            ],
            schema=_SCHEMA.with_metadata({"kind": COUNTS, "endpoint": endpoint}),
        )
        for endpoint, rows in by_endpoint.items()
    ]


def counts_of(table: pa.Table) -> dict[Key, NDArray[np.int64]]:
    """Read what `tables_of_counts` wrote.

    Raises:
        InvalidInput: it has other columns, or counts that cannot be.
    """
    if not table.schema.equals(_SCHEMA):
        msg = f"a table of counts has the columns {table.schema.names}, not {_SCHEMA.names}"
        raise InvalidInput(msg)
    endpoint = table.schema.metadata[b"endpoint"].decode()
    counts: dict[Key, NDArray[np.int64]] = {}
    for version, digest, start_s, numbers in zip(*(c.to_pylist() for c in table), strict=True):
        if None in (version, digest, start_s) or not numbers or None in numbers:
            raise InvalidInput("a table of counts has a row that lacks something")
        vector = np.asarray(numbers, dtype=np.int64)
        if vector.min() < 0:
            raise InvalidInput("a table of counts has counts below zero")
        counts[Key(Series(endpoint, version, digest), start_s, WINDOW_S)] = vector
    return counts
