"""Rows of the log whose values stand encrypted under the keys of their subjects."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from serve_app.errors import InvalidInput
from serve_app.security.subjects import SubjectSecret, opened, sealed
from serve_app.storage.privacy.subject_keys import SubjectKey, SubjectKeys
from serve_app.storage.records.rows import GIVEN_SUBJECT, GIVEN_TENANT
from serve_app.storage.records.whose import (
    BINDING,
    KEPT,
    KEY,
    SEALED,
    SUBJECT,
    exchanged,
    is_given,
    value_names,
    without_values,
)

logger = logging.getLogger("serve_app.monitor")


class SealedRows:
    """Encrypts the values of rows as they come, and reads them again; see `Vault`.

    `clock` gives seconds since 1970.
    """

    def __init__(
        self, secret: SubjectSecret, keys: SubjectKeys, clock: Callable[[], float]
    ) -> None:
        self._secret = secret
        self._keys = keys
        self._clock = clock

    def sealed(self, tables: Sequence[pa.Table]) -> list[pa.Table]:
        """Tables as they may stand on a disk: with pseudonyms, and values only encrypted.

        Rows that name nobody, and those of a subject that was erased since, have no values.

        Raises:
            RecordsFailed: the keys of subjects cannot be used.
            InvalidInput: they were made with another secret.
        """
        named = [self._pseudonyms(table) if is_given(table) else [] for table in tables]
        subjects = {one for names in named for one in names if one is not None}
        keys = self._keys.for_writing(subjects, self._clock())
        return [
            self._sealed(table, names, keys) if is_given(table) else table
            for table, names in zip(tables, named, strict=True)
        ]

    def opened(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Rows with their values, as far as the keys of their subjects are there.

        It needs the columns of `BINDING`, and those that are `SEALED` and `KEPT`.

        Raises:
            RecordsFailed: the keys of subjects cannot be used.
            InvalidInput: they were made with another secret.
        """
        contents = batch.column(SEALED).to_pylist()
        places = [place for place, one in enumerate(contents) if one is not None]
        if not places:
            return batch
        about = list(zip(*(batch.column(name).to_pylist() for name in BINDING), strict=True))
        keys = self._keys.known({about[place][-1] for place in places})
        rows = {
            place: values
            for place in places
            if (key := keys.get(about[place][-1])) is not None
            and (values := _row(key, contents[place], about[place])) is not None
        }
        return _filled(batch, rows) if rows else batch

    def key_of(self, endpoint: str, key: str) -> str:
        """What stands for a key of rows of an endpoint whose rows have subjects."""
        return self._secret.key_of(endpoint, key)

    def subject_of(self, tenant: str, subject: str) -> str:
        """What stands for a tenant's subject."""
        return self._secret.subject_of(tenant, subject)

    def _pseudonyms(self, table: pa.Table) -> list[str | None]:
        pairs = list(
            zip(table[GIVEN_TENANT].to_pylist(), table[GIVEN_SUBJECT].to_pylist(), strict=True)
        )
        known = {
            (tenant, subject): self._secret.subject_of(tenant or "", subject)
            for tenant, subject in set(pairs)
            if subject is not None
        }
        return [known.get(pair) for pair in pairs]

    def _sealed(
        self, table: pa.Table, subjects: Sequence[str | None], keys: Mapping[str, SubjectKey]
    ) -> pa.Table:
        names = value_names(table.column_names)
        columns = [_plain(table[name]) for name in (*names, KEPT)]
        endpoint = (table.schema.metadata or {}).get(b"endpoint", b"").decode()
        about = zip(
            [endpoint] * len(table),
            table["prediction_id"].to_pylist(),
            table["row"].to_pylist(),
            subjects,
            strict=True,
        )
        contents = [
            None
            if key is None or (key.erased_at_s is not None and at_s <= key.erased_at_s)
            else sealed(
                key.key,
                json.dumps(dict(zip((*names, KEPT), row, strict=True)), default=_written).encode(),
                _binding(whose),
            )
            for key, at_s, row, whose in zip(
                [None if one is None else keys[one] for one in subjects],
                table["at_s"].to_pylist(),
                zip(*columns, strict=True),
                about,
                strict=True,
            )
        ]
        given = table[KEY].to_pylist()
        hidden = [None if one is None else self._secret.key_of(endpoint, one) for one in given]
        return exchanged(
            without_values(table),
            {
                KEY: pa.array(hidden, pa.string()),
                SUBJECT: pa.array(subjects, pa.string()),
                SEALED: pa.array(contents, pa.binary()),
            },
        )


def _binding(about: Sequence[Any]) -> bytes:
    return "\0".join(map(str, about)).encode("utf-8", "surrogatepass")


def _row(key: bytes, content: bytes, about: Sequence[Any]) -> dict[str, Any] | None:
    try:
        text = opened(key, content, _binding(about))
        values: dict[str, Any] = json.loads(text)
    except (InvalidInput, ValueError):
        # It is of no use, and other rows are.
        logger.warning("the values of a row cannot be read", extra={"prediction": about[1]})
        return None
    return values


def _filled(batch: pa.RecordBatch, rows: Mapping[int, Mapping[str, Any]]) -> pa.RecordBatch:
    """A batch with the values of some rows in their columns; these rows are sealed no more."""
    arrays = []
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        if name == SEALED:
            is_open = [place in rows for place in range(batch.num_rows)]
            arrays.append(pc.if_else(pa.array(is_open), None, array))
            continue
        if name != KEPT and not value_names([name]):
            arrays.append(array)
            continue
        values = _plain(array)
        for place, row in rows.items():
            values[place] = row.get(name)
        arrays.append(_restored(values, array.type))
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


def _plain(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The values of a column as JSON has them; times as the numbers that they are."""
    number = _number_of(column.type)
    values: list[Any] = (column if number is None else column.cast(number)).to_pylist()
    return values


def _restored(values: list[Any], kind: pa.DataType) -> pa.Array:
    number = _number_of(kind)
    if number is not None:
        return pa.array(values, number).cast(kind)
    if not _is_written_plainly(kind):
        values = [_read(value, kind) for value in values]
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, TypeError, ValueError):
        # One value that is of no use keeps nobody from the others.
        return pa.concat_arrays([_alone(value, kind) for value in values])


def _alone(value: Any, kind: pa.DataType) -> pa.Array:
    try:
        return pa.array([value], kind)
    except (pa.ArrowException, TypeError, ValueError):
        return pa.nulls(1, kind)


def _is_written_plainly(kind: pa.DataType) -> bool:
    """Whether JSON has a form of all values of a type."""
    if pa.types.is_list(kind):
        return _is_written_plainly(kind.value_type)
    return not (pa.types.is_binary(kind) or pa.types.is_decimal(kind) or pa.types.is_temporal(kind))


def _number_of(kind: pa.DataType) -> pa.DataType | None:
    if not pa.types.is_temporal(kind):
        return None
    return pa.int32() if kind.bit_width == 32 else pa.int64()


def _written(value: Any) -> dict[str, Any]:
    """What JSON has no form of, as an object of one member."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, decimal.Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, dt.datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, dt.date):
        return {"$date": value.isoformat()}
    return {"$text": str(value)}


_READERS: Mapping[str, Callable[[str], Any]] = {
    "$bytes": base64.b64decode,
    "$decimal": decimal.Decimal,
    "$datetime": dt.datetime.fromisoformat,
    "$date": dt.date.fromisoformat,
    "$text": str,
}


def _read(value: Any, kind: pa.DataType) -> Any:
    """A value of a type that JSON has no form of; nothing else is taken for such a note."""
    if isinstance(value, list) and pa.types.is_list(kind):
        return [_read(one, kind.value_type) for one in value]
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((name, text),) = value.items()
    try:
        return _READERS[name](text)
    except (KeyError, ValueError, ArithmeticError):
        return None
