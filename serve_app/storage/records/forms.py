"""Columns of several types brought to one, because versions and endpoints change over time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
    if all(_is_listed(kind) for kind in kinds):
        return pa.list_(_common_struct([kind.value_type for kind in kinds]))
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds):
        return pa.float64()
    return pa.string()


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if array.type == kind:
        return array
    if _is_listed(kind) and _is_listed(array.type):
        return _cast_lists(array, kind)
    nested = pa.types.is_nested(array.type)
    if pa.types.is_string(kind) and not (nested or pa.types.is_null(array.type)):
        return array.cast(pa.string())
    if nested and pa.types.is_string(kind):
        return pa.array(
            [None if cell is None else json.dumps(cell, default=str) for cell in array.to_pylist()],
            pa.string(),
        )
    return array.cast(kind, safe=False)


def _is_listed(kind: pa.DataType) -> bool:
    """Whether cells are lists of values with names, as those of shadows are."""
    return bool(pa.types.is_list(kind) and pa.types.is_struct(kind.value_type))


def _common_struct(kinds: Sequence[pa.StructType]) -> pa.StructType:
    fields: dict[str, set[pa.DataType]] = {}
    for kind in sorted(kinds, key=str):
        for field in kind:
            fields.setdefault(field.name, set()).add(field.type)
    return pa.struct([(name, _common(some)) for name, some in fields.items()])


def _cast_lists(array: pa.ListArray, kind: pa.ListType) -> pa.ListArray:
    """Lists of the same cells, whose values are of other types or not there."""
    values, wanted = pc.list_flatten(array), kind.value_type
    names = [field.name for field in values.type]
    parts = [
        _cast(values.field(field.name), field.type)
        if field.name in names
        else pa.nulls(len(values), field.type)
        for field in wanted
    ]
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    made = pa.StructArray.from_arrays(parts, fields=list(wanted))
    mask = pc.is_null(array) if array.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets), made, type=kind, mask=mask)
