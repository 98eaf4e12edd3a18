"""Columns of several types brought to one, because versions and endpoints change over time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import pyarrow as pa

from serve_app.errors import InvalidInput
from serve_app.storage.records.rows import FEATURE


def common_schema(schemas: Iterable[pa.Schema], columns: Sequence[str] | None = None) -> pa.Schema:
    """One schema for all: numbers of several types are floats, everything else is text then.

    Raises:
        InvalidInput: a column is in none of them.
    """
    kinds: dict[str, set[pa.DataType]] = {}
    for schema in schemas:
        for field in schema:
            kinds.setdefault(field.name, set()).add(field.type)
    if columns is None:
        columns = [name for name in kinds if not name.startswith(FEATURE)]
        columns += [name for name in kinds if name.startswith(FEATURE)]
    elif kinds:
        _check_known(columns, list(kinds))
    return pa.schema([(name, _common(kinds.get(name, set()))) for name in columns])


def conformed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch with exactly these columns and types; null where it has no such column."""
    names = batch.schema.names
    arrays = [
        _cast(batch.column(names.index(field.name)), field.type)
        if field.name in names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _check_known(columns: Sequence[str], known: list[str]) -> None:
    for name in columns:
        if name not in known:
            msg = f"records have no column {name[:80]!r}; they have {', '.join(known)}"
            raise InvalidInput(msg, known=known)


def _common(kinds: set[pa.DataType]) -> pa.DataType:
    kinds = kinds - {pa.null()}
    if not kinds:
        return pa.null()
    if len(kinds) == 1:
        return kinds.copy().pop()
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds):
        return pa.float64()
    return pa.string()


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if array.type == kind:
        return array
    nested = pa.types.is_nested(array.type)
    if pa.types.is_string(kind) and not (nested or pa.types.is_null(array.type)):
        return array.cast(pa.string())
    if nested and pa.types.is_string(kind):
        return pa.array(
            [None if cell is None else json.dumps(cell, default=str) for cell in array.to_pylist()],
            pa.string(),
        )
    return array.cast(kind, safe=False)
