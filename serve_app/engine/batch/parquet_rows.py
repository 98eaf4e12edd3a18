"""The rows of a shard of Parquet, which needs pyarrow."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from serve_app.batch.away import reached
from serve_app.batch.inputs import Input, opened
from serve_app.batch.shards import Shard
from serve_app.core.signature import Column
from serve_app.engine.batch.block import Block, Wanted
from serve_app.errors import InvalidInput
from serve_app.protocols.dialects import arrow


def blocks(one: Input, shard: Shard, wanted: Wanted, batch_rows: int) -> Iterator[Block]:
    """The rows of a shard, so many at a time; raises InvalidInput where they cannot be read."""
    first_row = shard.first_row
    groups = list(range(shard.start, shard.stop))
    with opened(one.path) as file:
        try:
            with reached(one.path):
                table = pq.ParquetFile(file)
                for batch in table.iter_batches(batch_rows, groups, columns=list(wanted.names)):
                    yield _block(batch, first_row, wanted)
                    first_row += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise InvalidInput(f"{one.path} cannot be read as Parquet: {error}") from None


def _block(batch: pa.RecordBatch, first_row: int, wanted: Wanted) -> Block:
    columns = {column.name: _values(batch.column(column.name), column) for column in wanted.columns}
    kept = {name: batch.column(name) for name in wanted.kept}

    def raw(row: int) -> str:
        (values,) = batch.slice(row, 1).to_pylist()
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"), default=_text)

    return Block(range(first_row, first_row + batch.num_rows), columns, kept, raw)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _values(array: pa.Array, column: Column) -> Sequence[Any]:
    # NaN is null where the column may be null, and an array is read at once.
    if column.nullable and column.dtype.startswith("float") and pa.types.is_floating(array.type):
        numbers: Sequence[Any] = array.to_numpy(zero_copy_only=False)
        return numbers
    return arrow.values_of(pa.chunked_array([array]))


def empty_columns(one: Input, names: Sequence[str]) -> dict[str, pa.Array]:
    """Columns of a file without their rows: they have its types.

    Raises:
        InvalidInput: it cannot be read.
    """
    with opened(one.path) as file:
        try:
            with reached(one.path):
                schema = pq.ParquetFile(file).schema_arrow
        except (pa.ArrowException, OSError) as error:
            raise InvalidInput(f"{one.path} cannot be read as Parquet: {error}") from None
    return {name: pa.array([], type=schema.field(name).type) for name in names}
