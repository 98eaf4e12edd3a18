"""Queries over the log of predictions: rows as a stream of Arrow batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from serve_app.errors import InvalidInput
from serve_app.storage.records.files import Files, named
from serve_app.storage.records.forms import common_schema, conformed
from serve_app.storage.records.plans import Holding, Plan, Span, id_span, plan_of
from serve_app.storage.records.segments import Footer, Segment
from serve_app.storage.records.whose import BINDING, KEPT, SEALED, SUBJECT

Order = Literal["oldest", "newest"]
_BATCH_ROWS = 65_536
_NEEDED = ("at_s", "row", "variants", "prediction_id")


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows are wanted: those that fit everything that is given.

    Times are arrivals in seconds since 1970, `until_s` not included. `variant` is one that had a
    part in the answer, `subject` the pseudonym of whom rows are about. `columns` are all where
    none are named. With an `order` an hour of the rows is in memory at a time, without one a few
    batches are.
    """

    endpoint: str | None = None
    since_s: float | None = None
    until_s: float | None = None
    variant: str | None = None
    outcome: str | None = None
    prediction_id: str | None = None
    key: str | None = None
    subject: str | None = None
    columns: tuple[str, ...] | None = None
    limit: int | None = None
    order: Order | None = None

    def span(self) -> Span:
        """The part of the log in which these rows can be."""
        since_s, until_s = self.since_s, self.until_s
        of_id = None if self.prediction_id is None else id_span(self.prediction_id)
        if of_id is not None:
            since_s = of_id[0] if since_s is None else max(since_s, of_id[0])
            until_s = of_id[1] if until_s is None else min(until_s, of_id[1])
        return Span(self.endpoint, since_s, until_s)


def query(files: Files, wanted: Query) -> pa.RecordBatchReader:
    """The rows that a query wants, as a stream.

    Raises:
        InvalidInput: no record has a column of that name.
        RecordsFailed: the location refuses.
    """
    plan = plan_of(files, wanted.span())
    schemas = plan.schemas
    schema = common_schema(schemas, wanted.columns)
    names = dict.fromkeys((*schema.names, *_NEEDED))
    kinds = common_schema(schemas)
    wide = pa.schema([kinds.field(name) for name in names if name in kinds.names])
    return pa.RecordBatchReader.from_batches(schema, _batches(files, plan, wanted, (schema, wide)))


def _batches(
    files: Files, plan: Plan, wanted: Query, schemas: tuple[pa.Schema, pa.Schema]
) -> Iterator[pa.RecordBatch]:
    """The rows as the first schema has them, read with the second one."""
    schema, wide = schemas
    left = wanted.limit
    holdings = list(plan.holdings.values())
    for holding in reversed(holdings) if wanted.order == "newest" else holdings:
        batches = _of_holding(files, plan, holding, wanted, wide)
        for batch in batches if wanted.order is None else _ordered(batches, wanted):
            if left is not None and left <= 0:
                return
            rows = batch if left is None else batch.slice(0, left)
            left = None if left is None else left - rows.num_rows
            yield conformed(rows, schema)


def _ordered(batches: Iterator[pa.RecordBatch], wanted: Query) -> Iterator[pa.RecordBatch]:
    """The same rows by time, as far as they can be among those that are wanted."""
    direction = "descending" if wanted.order == "newest" else "ascending"
    by = [("at_s", direction), ("prediction_id", direction), ("row", "ascending")]
    best: pa.Table | None = None
    for batch in batches:
        table = pa.Table.from_batches([batch])
        best = table if best is None else pa.concat_tables([best, table])
        if wanted.limit is not None and best.num_rows > wanted.limit + _BATCH_ROWS:
            best = best.sort_by(by).slice(0, wanted.limit).combine_chunks()
    if best is not None:
        yield from best.sort_by(by).to_batches(max_chunksize=_BATCH_ROWS)


def _of_holding(
    files: Files, plan: Plan, holding: Holding, wanted: Query, wide: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The rows of one partition, with the columns by which they are ordered and filtered."""
    names = wide.names
    for segment in holding.segments:
        footer = plan.footers[segment.path]
        if _excluded(footer, wanted):
            continue
        source: Any = _dataset(files, segment)
        for batch in _scanned(files, source, names, wanted, files.path(segment.path)):
            yield conformed(batch, wide)
    for table in holding.tables:
        for batch in _scanned(files, ds.dataset(table), names, wanted, files.url):
            yield conformed(batch, wide)


def _scanned(
    files: Files, source: Any, names: Sequence[str], wanted: Query, path: str
) -> Iterator[Any]:
    columns = source.schema.names
    if wanted.subject is not None and SUBJECT not in columns:
        return
    vault = files.vault if SEALED in columns else None
    if vault is not None:
        names = [*dict.fromkeys((*names, *BINDING, KEPT, SEALED))]
    there = [name for name in names if name in columns]
    with named(path):
        scanner = source.scanner(
            columns=there,
            filter=_filter(wanted),
            batch_size=_BATCH_ROWS,
            # Threads of a scan that is left before its end outlive the interpreter, which aborts.
            use_threads=wanted.limit is None,
            batch_readahead=2,
            fragment_readahead=1,
        )
        batches = scanner.to_batches()
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            if wanted.variant is not None:
                batch = batch.filter(_has(batch.column("variants"), wanted.variant))
            if batch.num_rows:
                yield batch if vault is None else vault.opened(batch)


def _dataset(files: Files, segment: Segment) -> Any:
    path = files.path(segment.path)
    with named(path):
        return ds.dataset(
            path, filesystem=files.arrow_filesystem, format="parquet", partitioning=None
        )


def _excluded(footer: Footer, wanted: Query) -> bool:
    if footer.first_s is None or footer.last_s is None:
        return False
    late = wanted.until_s is not None and footer.first_s >= wanted.until_s
    return late or (wanted.since_s is not None and footer.last_s < wanted.since_s)


def _filter(wanted: Query) -> Any:
    terms: list[Any] = [
        ds.field(name) == value
        for name in ("endpoint", "outcome", "prediction_id", "key", "subject")
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.since_s is not None:
        terms.append(ds.field("at_s") >= wanted.since_s)
    if wanted.until_s is not None:
        terms.append(ds.field("at_s") < wanted.until_s)
    if not terms:
        return None
    joined = terms[0]
    for term in terms[1:]:
        joined &= term
    return joined


def _has(lists: Any, value: str) -> Any:
    """Which of the lists hold a value."""
    parents = pc.list_parent_indices(lists).filter(pc.equal(pc.list_flatten(lists), value))
    return pc.is_in(pa.array(range(len(lists)), pa.int64()), value_set=parents)


def check_query(wanted: Query) -> None:
    """Let only queries pass that can have an answer.

    Raises:
        InvalidInput: it cannot; says why.
    """
    since_s, until_s = wanted.since_s, wanted.until_s
    if since_s is not None and until_s is not None and since_s >= until_s:
        raise InvalidInput("the time since which records are wanted is not before its end")
    columns = wanted.columns or ()
    if len(set(columns)) < len(columns):
        raise InvalidInput(f"a column is wanted twice: {', '.join(columns)[:200]}")
    if wanted.limit is not None and wanted.limit < 1:
        raise InvalidInput(f"a limit of {wanted.limit} rows leaves none")
