"""A stream of Arrow's record batches as strangers send it, read within the limits of its body.

What could be small on the wire and large in memory is refused before it is unpacked: compressed
buffers, types whose values may share memory, columns that share their bytes, dictionaries that
grow over and over. What is read is validated whole, each dictionary once.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flatbuffers import number_types
from flatbuffers.table import Table

from serve_app.core.violations import shortened
from serve_app.errors import BadEncoding, TooLarge
from serve_app.protocols.bodies import json_body

if TYPE_CHECKING:
    import pyarrow as pa

_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
_MAX_COLUMNS = 10_000
_MAX_STRANGERS = 100
"""Columns that an endpoint does not have; each costs a cell per row, even of nothing at all."""
_MAX_GROWN_BYTES = 64 * 1024 * 1024
"""What dictionaries that grow may take together: each growth makes a copy of what was there."""
# What flatbuffers and pyarrow raise for bytes that are not what they claim to be.
_OF_DAMAGE = (struct.error, TypeError, ValueError, ArithmeticError, LookupError, OSError, EOFError)


def read(
    body: bytes, names: Sequence[str], max_rows: int
) -> tuple[pa.Schema, Sequence[pa.RecordBatch]]:
    """The schema and the record batches of a stream for an endpoint of these columns.

    Raises:
        BadEncoding: it is no stream, is damaged, is compressed or shared within, has columns of
            types that are not spoken, or very many.
        TooLarge: it has more than `max_rows` rows, or very many batches.
    """
    import pyarrow as pa  # noqa: PLC0415 - slow to import

    try:
        copied_bytes = _check_messages(body, max_rows)
        with pa.ipc.open_stream(body) as stream:
            schema = stream.schema
            _check_types(schema, len(names) + _MAX_STRANGERS)
            batches = list(stream)
        _check_contents(batches, len(body) + copied_bytes)
    except (pa.ArrowException, *_OF_DAMAGE) as error:
        msg = "the body is no stream of Arrow's record batches, or it is damaged"
        raise BadEncoding(msg) from error
    return schema, batches


def _check_messages(body: bytes, max_rows: int) -> int:
    """How many bytes of dictionaries are copied where those grow."""
    import pyarrow as pa  # noqa: PLC0415 - slow to import

    rows = grown_bytes = 0
    known_bytes: dict[int, int] = {}
    for count, message in enumerate(pa.ipc.MessageReader.open_stream(body)):
        batch = _Batch(message.metadata.to_pybytes())
        rows += batch.rows
        json_body.check_rows(rows, max_rows)
        if count > max_rows + _MAX_COLUMNS:
            msg = "the stream has more record batches than a body may have rows"
            raise TooLarge(msg, max_rows=max_rows)
        if batch.dictionary is None:
            continue
        size = message.body.size
        if batch.grows:
            size += known_bytes.get(batch.dictionary, 0)
            grown_bytes += size
        known_bytes[batch.dictionary] = size
        if grown_bytes > _MAX_GROWN_BYTES:
            raise BadEncoding("a dictionary of the stream grows very often; send it whole, once")
    return grown_bytes


class _Batch:
    """What the metadata of a message says of a batch: a flatbuffer of Arrow's format.

    `rows` are those of a record batch; `dictionary` is the number of one that it defines.

    Raises:
        BadEncoding: its buffers are compressed.
    """

    def __init__(self, metadata: bytes) -> None:
        self.rows = 0
        self.dictionary: int | None = None
        self.grows = False
        message = Table(metadata, int.from_bytes(metadata[:4], "little"))
        kind, header = _field(message, 1), _field(message, 2)
        if not kind or not header:
            return
        which = message.Get(number_types.Uint8Flags, kind + message.Pos)
        batch = Table(metadata, message.Indirect(header + message.Pos))
        if which == _DICTIONARY_BATCH:
            self.dictionary = _number(batch, 0, number_types.Int64Flags)
            self.grows = bool(_number(batch, 2, number_types.BoolFlags))
            batch = Table(metadata, batch.Indirect(_field(batch, 1) + batch.Pos))
        elif which == _RECORD_BATCH:
            self.rows = _number(batch, 0, number_types.Int64Flags)
        else:
            return
        if _field(batch, 3):
            msg = (
                "the buffers of the stream are compressed; send them plain, or compress the body "
                "as a whole and say so in content-encoding (zstd, gzip)"
            )
            raise BadEncoding(msg)


def _field(table: Table, index: int) -> int:
    """Where a field of a table stands, 0 where it is absent."""
    offset: int = table.Offset(4 + 2 * index)
    return offset


def _number(table: Table, index: int, flags: Any) -> int:
    """A number of a table, 0 where it is absent."""
    at = _field(table, index)
    return int(table.Get(flags, at + table.Pos)) if at else 0


def _check_types(schema: pa.Schema, most: int) -> None:
    """Raise when a column is of a type that is not spoken, or stands twice."""
    if len(schema) > most:
        msg = f"the stream has {len(schema)} columns, very many more than this endpoint takes"
        raise BadEncoding(msg)
    if len(set(schema.names)) < len(schema):
        raise BadEncoding("the stream has one of its columns twice")
    for field in schema:
        if not _is_supported(field.type):
            name = shortened(field.name)
            msg = (
                f"column {name!r} is of Arrow's type {shortened(str(field.type))}; send integers, "
                "floats, booleans, decimals, dates, timestamps or text (utf8, also as dictionaries)"
            )
            raise BadEncoding(msg, column=name)


def _is_supported(kind: pa.DataType) -> bool:
    from pyarrow import types  # noqa: PLC0415 - slow to import

    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_null(kind)
        or types.is_decimal(kind)
        or types.is_date(kind)
        or types.is_timestamp(kind)
    )


def _check_contents(batches: Sequence[pa.RecordBatch], most_bytes: int) -> None:
    """Validate all columns, once it is known that each has bytes of its own.

    Dictionaries stand apart, since each batch refers to the same ones.
    """
    arrays: list[pa.Array] = []
    coded: list[pa.DictionaryArray] = []
    dictionaries: dict[tuple[Any, ...], pa.Array] = {}
    for batch in batches:
        batch.validate()
        for number, column in enumerate(batch.columns):
            if not hasattr(column, "dictionary"):
                arrays.append(column)
                continue
            coded.append(column)
            arrays.append(column.indices)
            dictionaries[number, *place(column.dictionary)] = column.dictionary
    arrays += dictionaries.values()
    if sum(array.nbytes for array in arrays) > most_bytes:
        raise BadEncoding("columns of the stream share their bytes; send each column's own")
    for array in arrays:
        array.validate(full=True)
    for column in coded:
        _check_indices(column)


def place(array: pa.Array) -> tuple[Any, ...]:
    """Where an array lies in memory, which tells one from another."""
    addresses = (None if buffer is None else buffer.address for buffer in array.buffers())
    return (array.offset, len(array), *addresses)


def _check_indices(column: pa.DictionaryArray) -> None:
    """Raise ValueError when an index lies outside of its dictionary."""
    from pyarrow import compute  # noqa: PLC0415 - slow to import

    ends = compute.min_max(column.indices)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    if low is not None and not 0 <= low <= high < len(column.dictionary):
        raise ValueError(column.type)
