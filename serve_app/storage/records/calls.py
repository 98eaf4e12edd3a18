"""Recorded requests, whole and one after the other, as they can be computed again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import pyarrow as pa

from serve_app.core.record import ANSWERED
from serve_app.storage.records.files import Files
from serve_app.storage.records.reader import Query, query
from serve_app.storage.records.rows import FEATURE


class Call(NamedTuple):
    """One answered request: its features by name, and per row what was answered."""

    prediction_id: str
    features: dict[str, Any]
    values: list[Any]
    probabilities: list[Any]


def calls_of(files: Files, wanted: Query) -> Iterator[Call]:
    """The answered requests whose features were kept, of at most `wanted.limit` rows together.

    The first one comes whole, whatever the limit.

    Raises:
        RecordsFailed: the location refuses.
    """
    limit = float("inf") if wanted.limit is None else wanted.limit
    rows = 0
    whole = replace(wanted, outcome=ANSWERED, columns=None, limit=None, order="oldest")
    for table in _requests(files, whole):
        rows += table.num_rows
        if rows > limit and rows > table.num_rows:
            return
        yield _call(table)


def _requests(files: Files, wanted: Query) -> Iterator[pa.Table]:
    """The rows of each request, in their order."""
    pending: pa.Table | None = None
    for batch in query(files, wanted):
        table = pa.Table.from_batches([batch])
        if "features_kept" not in table.column_names:
            return
        table = table.filter(table["features_kept"])
        joined = table if pending is None else pa.concat_tables([pending, table])
        pending = None
        starts = [0, *_starts(joined["prediction_id"].to_pylist()), joined.num_rows]
        for start, stop in pairwise(starts[:-1]):
            yield joined.slice(start, stop - start)
        # The last one may go on in the next batch.
        pending = joined.slice(starts[-2]).combine_chunks() if joined.num_rows else None
    if pending is not None and pending.num_rows:
        yield pending


def _starts(ids: list[str]) -> list[int]:
    return [n for n in range(1, len(ids)) if ids[n] != ids[n - 1]]


def _call(table: pa.Table) -> Call:
    features: dict[str, Any] = {}
    for name in table.column_names:
        column = table[name]
        # What other versions of the endpoint took, this request did not have at all.
        if name.startswith(FEATURE) and not pa.types.is_null(column.type):
            features[name.removeprefix(FEATURE)] = (
                column.to_numpy() if pa.types.is_temporal(column.type) else column.to_pylist()
            )
    ids = table["prediction_id"][0].as_py()
    return Call(ids, features, table["value"].to_pylist(), table["probabilities"].to_pylist())
