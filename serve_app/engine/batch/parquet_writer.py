"""Output as Parquet, which needs pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from serve_app.engine.batch.tables import OutputRows

GROUP_ROWS = 65_536


class ParquetWriter:
    """Writes row groups of `GROUP_ROWS` rows, compressed by zstd.

    The types are those of the empty rows that it is made with, so that all files of a job have
    the same ones.
    """

    def __init__(self, file: IO[bytes], empty: OutputRows) -> None:
        self._schema = pa.schema([(name, _type(one)) for name, one in empty.columns.items()])
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, rows: OutputRows) -> None:
        """Write rows, once there are enough of them for a group."""
        arrays = [
            _array(values, field.type)
            for values, field in zip(rows.columns.values(), self._schema, strict=True)
        ]
        self._waiting.append(pa.record_batch(arrays, schema=self._schema))
        self._rows += rows.rows
        if self._rows >= GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        """Write the last group and the footer; the file stays open."""
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        table = pa.Table.from_batches(self._waiting, self._schema)
        self._writer.write_table(table, row_group_size=GROUP_ROWS)
        self._waiting, self._rows = [], 0


def _type(values: Any) -> pa.DataType:
    """The type of a column: that of its array, or text."""
    if isinstance(values, pa.Array):
        return values.type
    if not isinstance(values, np.ndarray) or values.dtype == object:
        return pa.string()
    kind = pa.from_numpy_dtype(values.dtype)
    for _ in values.shape[1:]:
        kind = pa.list_(kind)
    return kind


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values if values.type == kind else values.cast(kind)
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype != object:
        return pa.array(values, type=kind)
    listed: Sequence[Any] = values.tolist() if isinstance(values, np.ndarray) else values
    if kind == pa.string():
        return pa.array([_text(value) for value in listed], type=kind)
    return pa.array(listed, type=kind)


def _text(value: Any) -> str | None:
    """A value of a column of text: what is none is written as JSON."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value, default=str).decode()
