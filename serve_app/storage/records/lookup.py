"""Finds the predictions that feedback is about: by their ids, or by keys of their rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from serve_app.storage.records.files import Files, named
from serve_app.storage.records.forms import common_schema, conformed
from serve_app.storage.records.plans import Holding, Listing, Span, id_span
from serve_app.storage.records.segments import HOUR_S, Footer, Partition
from serve_app.storage.records.whose import KEPT, SEALED

COLUMNS = (
    "prediction_id", "row", "at_s", "endpoint", "snapshot", "variants", "propensity", "algorithm",
    "salt", "bucket", "epoch", "key", "outcome", "fallback", "value", "probabilities", "segments",
    "rule", "subject",
)  # fmt: skip
_LATER = pa.schema([("segments", pa.string()), ("rule", pa.string()), ("subject", pa.string())])
"""Columns that records of former versions do not have."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Predictions of one endpoint by id, and rows by key, of the last `horizon_s` before `now_s`.

    `keys` say of each until when a row must have been answered: the newest such row is wanted.
    Of each key all rows are given from the hour of that one on.
    """

    endpoint: str
    now_s: float
    horizon_s: float
    ids: frozenset[str] = frozenset()
    keys: Mapping[str, float] = field(default_factory=dict)


def find(files: Files, wanted: Wanted) -> pa.Table:
    """The rows that are wanted, as far as they are in the log, with `COLUMNS`.

    Raises:
        RecordsFailed: the location refuses.
    """
    listing = Listing(files, _span(wanted))
    ids, keys = set(wanted.ids), dict(wanted.keys)
    tables: list[pa.Table] = []
    for partition in reversed(listing.partitions):
        here = {one for one in ids if _can_be_in(one, partition)}
        if not (here or keys):
            continue
        holding, footers = listing.holding(partition)
        matched = [
            table
            for name, values in (("prediction_id", here), ("key", set(keys)))
            if values
            for table in _matching(files, holding, footers, name, values)
        ]
        # All rows of a request are in one hour, which is read before its key is settled.
        for table in matched:
            ids.difference_update(table["prediction_id"].to_pylist())
            for key in _settled(table, keys):
                del keys[key]
        tables += matched
        if not ids and not keys:
            break
    return _once(_joined(tables), wanted)


def _joined(tables: list[pa.Table]) -> pa.Table:
    nothing = pa.schema([(name, pa.null()) for name in COLUMNS])
    common = common_schema([_LATER, *([table.schema for table in tables] or [nothing])])
    schema = pa.schema([common.field(name) for name in COLUMNS])
    batches = [conformed(batch, schema) for table in tables for batch in table.to_batches()]
    return pa.Table.from_batches(batches, schema)


def _settled(table: pa.Table, keys: Mapping[str, float]) -> set[str]:
    """The keys of which the newest row that can be meant is here."""
    rows = zip(table["key"].to_pylist(), table["at_s"].to_pylist(), strict=True)
    return {key for key, at_s in rows if key in keys and at_s <= keys[key]}


def _span(wanted: Wanted) -> Span:
    since_s, until_s = wanted.now_s - wanted.horizon_s, wanted.now_s + HOUR_S
    spans = [id_span(one) for one in wanted.ids]
    if wanted.keys or None in spans or not spans:
        return Span(wanted.endpoint, since_s, until_s)
    known = [span for span in spans if span is not None]
    first_s, last_s = min(one[0] for one in known), max(one[1] for one in known)
    return Span(wanted.endpoint, max(since_s, first_s), min(until_s, last_s))


def _can_be_in(prediction_id: str, partition: Partition) -> bool:
    span = id_span(prediction_id)
    start_s = partition.hour * HOUR_S
    return span is None or (span[0] < start_s + HOUR_S and start_s <= span[1])


def _matching(
    files: Files,
    holding: Holding,
    footers: Mapping[str, Footer],
    name: str,
    values: Collection[str],
) -> Iterator[pa.Table]:
    """The rows of one hour that have one of some values in a column."""
    texts = pa.array(sorted(values), pa.string())
    for table in holding.tables:
        rows = table.select(_there(table.schema)).replace_schema_metadata(None)
        yield _opened(files, rows.filter(pc.is_in(table[name], value_set=texts)))
    for segment in holding.segments:
        path = files.path(segment.path)
        schema = footers[segment.path].schema
        with named(path), files.arrow_filesystem.open_input_file(path) as source:
            file = pq.ParquetFile(source)
            for group in range(file.num_row_groups):
                if not _may_hold(file.metadata.row_group(group), name, texts):
                    continue
                column = file.read_row_group(group, columns=[name])[name]
                mask = pc.is_in(column, value_set=texts)
                # The other columns are read only where there is something to be read.
                if pc.any(mask).as_py():
                    rows = file.read_row_group(group, columns=_there(schema)).filter(mask)
                    yield _opened(files, rows)


def _there(schema: pa.Schema) -> list[str]:
    return [name for name in (*COLUMNS, SEALED, KEPT) if name in schema.names]


def _opened(files: Files, table: pa.Table) -> pa.Table:
    """Rows with their values; not those of whoever was erased, which have none."""
    if SEALED in table.column_names:
        if files.vault is not None:
            batches = [files.vault.opened(batch) for batch in table.to_batches()]
            table = pa.Table.from_batches(batches, table.schema)
        table = table.filter(pc.is_valid(table["value"])).drop_columns([SEALED])
    return table.drop_columns([KEPT]) if KEPT in table.column_names else table


def _may_hold(group: Any, name: str, texts: pa.Array) -> bool:
    """Whether the statistics of a row group let any of some sorted texts be in a column."""
    for j in range(group.num_columns):
        column = group.column(j)
        if column.path_in_schema == name:
            stated = column.statistics
            if stated is None or not stated.has_min_max:
                return True
            inside = pc.and_(pc.greater_equal(texts, stated.min), pc.less_equal(texts, stated.max))
            return bool(pc.any(inside).as_py())
    return False


def _once(table: pa.Table, wanted: Wanted) -> pa.Table:
    """Each row once, though its id and its key were both wanted; none before the horizon."""
    if not table.num_rows:
        return table
    table = table.filter(pc.greater_equal(table["at_s"], wanted.now_s - wanted.horizon_s))
    if not (wanted.ids and wanted.keys):
        return table
    seen: set[tuple[Any, Any]] = set()
    first = []
    for pair in zip(table["prediction_id"].to_pylist(), table["row"].to_pylist(), strict=True):
        first.append(pair not in seen)
        seen.add(pair)
    return table.filter(pa.array(first))
