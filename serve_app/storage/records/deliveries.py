"""Deliveries: what gateways send, kept as it came until it is compacted into segments."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from serve_app.core.reference import is_model
from serve_app.errors import InvalidInput, NotFound
from serve_app.storage.records.files import Files
from serve_app.storage.records.ledger import Ledger
from serve_app.storage.records.rows import KIND
from serve_app.storage.records.whose import is_given, without_values

COUNTS = "counts"
INCOMING = "incoming"
REFUSED = "refused"
KEPT_REFUSED = 100
"""So many refused deliveries are set aside for whoever wants to know; later ones are not."""

_KINDS = frozenset({KIND, COUNTS})
_REPLICA = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{0,99}")
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,99})-(\d{12})\.arrows")
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_TYPES = {
    "prediction_id": pa.string(),
    "row": pa.int32(),
    "at_s": pa.float64(),
    "endpoint": pa.string(),
    "outcome": pa.string(),
    "key": pa.string(),
    "variants": pa.list_(pa.string()),
}
_LAST_S = 253_402_300_800.0  # the year 10000, which no date of a folder can name


@dataclass(frozen=True, slots=True, order=True)
class Delivery:
    """One delivery: by whom, and its number among theirs."""

    replica: str
    sequence: int

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.replica}-{self.sequence:012d}.arrows"

    @property
    def path(self) -> str:
        """Its file, below the root."""
        return f"{INCOMING}/{self.name}"

    @classmethod
    def named(cls, name: str) -> Delivery | None:
        """The delivery in a file of that name, none where it is another file."""
        match = _NAME.fullmatch(name)
        return None if match is None else cls(match[1], int(match[2]))


def encode(tables: Sequence[pa.Table]) -> bytes:
    """Tables as one part of a payload: Arrow IPC streams, one after the other.

    Parts one after the other are a payload too.
    """
    sink = io.BytesIO()
    for table in tables:
        metadata = {**(table.schema.metadata or {}), b"streams": str(len(tables)).encode()}
        marked = table.replace_schema_metadata(metadata)
        with pa.ipc.new_stream(sink, marked.schema) as writer:
            writer.write_table(marked)
    return sink.getvalue()


def decode(payload: Any) -> list[pa.Table]:
    """The tables of a payload.

    Raises:
        InvalidInput: it is torn, or holds other things than records and counts.
    """
    try:
        buffer = pa.py_buffer(payload)
        tables = _streams(buffer)
        for table in tables:
            _check(table)
    except (pa.ArrowException, OSError, ValueError, MemoryError, KeyError) as error:
        msg = f"a delivery of records cannot be read: {str(error) or type(error).__name__}"
        raise InvalidInput(msg) from error
    return tables


def _streams(buffer: pa.Buffer) -> list[pa.Table]:
    tables: list[pa.Table] = []
    source = pa.BufferReader(buffer)
    while source.tell() < buffer.size:
        table = pa.ipc.open_stream(source).read_all()
        end = source.tell()
        if buffer.slice(end - len(_END), len(_END)).to_pybytes() != _END:
            raise ValueError("it ends within a table")
        tables.append(table)
    _check_whole(tables)
    return tables


def _check_whole(tables: Sequence[pa.Table]) -> None:
    """Each part of a payload has as many tables as it had when it was encoded."""
    if not tables:
        raise ValueError("it is empty")
    at = 0
    while at < len(tables):
        stated = (tables[at].schema.metadata or {}).get(b"streams", b"")
        length = int(stated) if stated.isdigit() else 0
        part = tables[at : at + length]
        marks = {(table.schema.metadata or {}).get(b"streams") for table in part}
        if not length or len(part) < length or marks != {stated}:
            raise ValueError(f"it holds {len(tables)} tables, and others are missing")
        at += length


def _check(table: pa.Table) -> None:
    table.validate(full=True)
    metadata = table.schema.metadata or {}
    kind = metadata.get(b"kind", b"").decode(errors="replace")
    endpoint = metadata.get(b"endpoint", b"").decode(errors="replace")
    if kind not in _KINDS:
        raise ValueError(f"a table is of the kind {kind[:40]!r}, not {' or '.join(sorted(_KINDS))}")
    if not is_model(endpoint):
        raise ValueError(f"{endpoint[:80]!r} cannot name an endpoint")
    if len(set(table.column_names)) != table.num_columns:
        raise ValueError("a table has two columns of one name")
    if kind == KIND:
        _check_records(table, endpoint)


def _check_records(table: pa.Table, endpoint: str) -> None:
    for name, kind in _TYPES.items():
        if name not in table.column_names or table.schema.field(name).type != kind:
            raise ValueError(f"a table of records has no column {name!r} of type {kind}")
    times = table["at_s"]
    if (
        times.null_count
        or not pc.all(
            pc.and_(pc.greater_equal(times, 0.0), pc.less(times, _LAST_S)), min_count=0
        ).as_py()
    ):
        raise ValueError("a time is no time between 1970 and the year 9999")
    if not pc.all(pc.equal(table["endpoint"], endpoint), min_count=0).as_py():
        raise ValueError("a row is of another endpoint than its table")


class Incoming:
    """The deliveries at one location that are not compacted yet. One process compacts them."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.ledger = Ledger(files)
        self.refused = 0

    def take(self, replica: str, sequence: int, payload: bytes) -> bool:
        """Keep a delivery; false where it was taken before. Raises as `take_tables` does."""
        return self.take_tables(replica, sequence, payload) is not None

    def take_tables(self, replica: str, sequence: int, payload: bytes) -> list[pa.Table] | None:
        """Keep a delivery and give its tables; none where it was taken before.

        Durable once this returns.

        Raises:
            InvalidInput: the payload is torn or holds something else; it is set aside.
            RecordsFailed: it cannot be written; nothing was taken.
        """
        if not _REPLICA.fullmatch(replica.replace("-", "_")) or not 0 <= sequence < 10**12:
            self.refused += 1
            msg = f"no delivery can be of replica {replica[:80]!r} and number {sequence}"
            raise InvalidInput(msg)
        delivery = Delivery(replica, sequence)
        if self.ledger.holds(delivery.replica, delivery.sequence):
            return None
        if self._files.exists(delivery.path):
            return None
        vault = self._files.vault
        try:
            tables = decode(payload)
        except InvalidInput:
            # What cannot be read cannot be encrypted either.
            self._set_aside(delivery, payload if vault is None else b"")
            raise
        if any(map(is_given, tables)):
            if vault is None:
                tables = [without_values(one) if is_given(one) else one for one in tables]
            else:
                tables = vault.sealed(tables)
            payload = encode(tables)
        self._files.write(delivery.path, payload)
        return tables

    def waiting(self) -> list[Delivery]:
        """The deliveries that are not compacted, in the order of replicas and numbers."""
        names = self._files.names(INCOMING)
        return sorted(one for one in map(Delivery.named, names) if one is not None)

    def tables(self, delivery: Delivery) -> list[pa.Table]:
        """The tables of a delivery.

        Raises:
            NotFound: it is gone, because it was compacted meanwhile.
            InvalidInput: its file is damaged.
        """
        payload = self._files.read(delivery.path)
        if payload is None:
            raise NotFound(f"the delivery {delivery.name} is not there any more")
        return decode(payload)

    def remove(self, delivery: Delivery) -> None:
        """Remove a delivery that is in segments."""
        self._files.remove(delivery.path)

    def set_aside(self, delivery: Delivery) -> None:
        """Move a damaged file out of the way."""
        payload = self._files.read(delivery.path)
        if payload is not None:
            self._set_aside(delivery, payload)
            self._files.remove(delivery.path)

    def _set_aside(self, delivery: Delivery, payload: bytes) -> None:
        self.refused += 1
        if len(self._files.names(REFUSED)) < KEPT_REFUSED:
            self._files.write(f"{REFUSED}/{delivery.name}", payload)
