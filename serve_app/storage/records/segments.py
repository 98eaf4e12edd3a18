"""Segments: Parquet files of records, in folders by date, endpoint and hour."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from serve_app.errors import RecordsFailed
from serve_app.storage.records.files import Files, Listed, named

HOUR_S = 3600
ROW_GROUP_ROWS = 50_000
KNOWN_FOOTERS = 4096
"""What so many segments say of themselves is remembered."""

_PARTS, _REPLACES, _REDACTED = b"serve_app.parts", b"serve_app.replaces", b"redacted"
_DATE = re.compile(r"date=(\d{4}-\d\d-\d\d)")
_PATH = re.compile(
    r"date=(\d{4}-\d\d-\d\d)/endpoint=([a-z0-9][a-z0-9_-]{0,62})/hour=([01]\d|2[0-3])/"
    r"([sm]-[0-9a-f]{24}\.parquet)"
)

_UNIQUE = frozenset({"prediction_id", "request_id", "key", "sealed"})


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """The records of one endpoint in one hour; `hour` counts hours since 1970, in UTC."""

    hour: int
    endpoint: str

    @property
    def folder(self) -> str:
        """Its folder, below the root."""
        at = dt.datetime.fromtimestamp(self.hour * HOUR_S, dt.UTC)
        return f"date={at:%Y-%m-%d}/endpoint={self.endpoint}/hour={at:%H}"


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a partition."""

    partition: Partition
    name: str
    size_bytes: int

    @property
    def path(self) -> str:
        """Its file, below the root."""
        return f"{self.partition.folder}/{self.name}"


@dataclass(frozen=True, slots=True)
class Footer:
    """What a segment says of itself.

    `parts` are the tables of deliveries that are in it, as far as these may still be among those
    incoming; `replaces` names the segments of the same folder that it was merged from.
    """

    schema: pa.Schema
    rows: int
    parts: frozenset[str]
    replaces: frozenset[str]
    redacted: frozenset[str]
    first_s: float | None
    last_s: float | None


class Segments:
    """The segments at one location."""

    def __init__(self, files: Files) -> None:
        self.files = files

    def all(
        self,
        endpoint: str | None = None,
        since_s: float | None = None,
        until_s: float | None = None,
    ) -> dict[Partition, list[Segment]]:
        """The segments by partition, oldest first: those that may hold records of that time.

        Replaced ones are among them. What has another name than ours is not.
        """
        chosen: dict[Partition, list[Segment]] = {}
        for folder in self.files.names(""):
            match = _DATE.fullmatch(folder)
            if match is None or not _overlaps(match[1], since_s, until_s):
                continue
            for listed in self.files.below(folder):
                segment = _segment(listed)
                if segment is None or endpoint not in {None, segment.partition.endpoint}:
                    continue
                if _within(segment.partition.hour, since_s, until_s):
                    chosen.setdefault(segment.partition, []).append(segment)
        return dict(sorted(chosen.items()))

    def of(self, partition: Partition) -> list[Segment]:
        """The segments of one partition."""
        segments = map(_segment, self.files.below(partition.folder))
        return [one for one in segments if one is not None]

    def footer(self, segment: Segment) -> Footer:
        """What a segment says of itself; read once, because segments never change.

        Raises:
            RecordsFailed: it is gone or damaged.
        """
        footers = self.files.footers
        known: Footer | None = footers.pop(segment.path, None)
        known = known or self._read_footer(segment)
        # Those that were wanted last stand last.
        footers[segment.path] = known
        while len(footers) > KNOWN_FOOTERS:
            footers.pop(next(iter(footers)), None)
        return known

    def standing(self, segments: Sequence[Segment]) -> list[Segment]:
        """Those of one partition that none of the others replaces."""
        replaced = {name for one in segments for name in self.footer(one).replaces}
        return [one for one in segments if one.name not in replaced]

    def read(self, segment: Segment) -> pa.Table:
        """All rows of a segment."""
        path = self.files.path(segment.path)
        with named(path):
            return pq.read_table(path, filesystem=self.files.arrow_filesystem, partitioning=None)

    def write(
        self,
        partition: Partition,
        tables: Sequence[pa.Table],
        *,
        parts: Iterable[str],
        replaces: Iterable[str] = (),
    ) -> Segment:
        """Write tables of one form as a segment; the same ones have the same name again."""
        parts, replaces = sorted(parts), sorted(replaces)
        source = json.dumps([parts, replaces]).encode()
        kind = "m" if replaces else "s"
        name = f"{kind}-{hashlib.sha256(source).hexdigest()[:24]}.parquet"
        content = _parquet(tables, parts, replaces)
        segment = Segment(partition, name, content.size)
        # The deliveries that are in it go next: it is there then, whatever happens.
        self.files.write(segment.path, memoryview(content), sync=True)
        return segment

    def remove(self, segment: Segment) -> None:
        """Remove a segment."""
        self.files.remove(segment.path)
        self.files.footers.pop(segment.path, None)

    def _read_footer(self, segment: Segment) -> Footer:
        path = self.files.path(segment.path)
        with named(path), self.files.arrow_filesystem.open_input_file(path) as source:
            metadata = pq.read_metadata(source)
            schema = metadata.schema.to_arrow_schema()
            pairs = schema.metadata or {}
            first_s, last_s = _times(metadata)
            try:
                return Footer(
                    schema.remove_metadata(),
                    metadata.num_rows,
                    frozenset(json.loads(pairs[_PARTS])),
                    frozenset(json.loads(pairs[_REPLACES])),
                    frozenset(json.loads(pairs[_REDACTED])),
                    first_s,
                    last_s,
                )
            except (KeyError, ValueError, TypeError) as error:
                msg = f"{path} is no segment of records; move it elsewhere"
                raise RecordsFailed(msg, path=path) from error


def alike(tables: Sequence[tuple[str, pa.Table]]) -> list[list[tuple[str, pa.Table]]]:
    """Named tables in groups that one segment can hold: no column has two types in it."""
    groups: list[tuple[pa.Schema, list[tuple[str, pa.Table]]]] = []
    for name, table in tables:
        schema = table.schema.remove_metadata()
        for number, (common, members) in enumerate(groups):
            try:
                joined = pa.unify_schemas([common, schema])
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                continue
            groups[number] = (joined, [*members, (name, table)])
            break
        else:
            groups.append((schema, [(name, table)]))
    return [members for _, members in groups]


def _parquet(tables: Sequence[pa.Table], parts: list[str], replaces: list[str]) -> pa.Buffer:
    redacted: set[str] = set()
    for table in tables:
        redacted.update(json.loads((table.schema.metadata or {}).get(_REDACTED, b"[]")))
    bare = [table.replace_schema_metadata(None) for table in tables]
    table = pa.concat_tables(bare, promote_options="default")
    table = table.sort_by([("prediction_id", "ascending"), ("at_s", "ascending")])
    metadata = {
        _PARTS: json.dumps(parts),
        _REPLACES: json.dumps(replaces),
        _REDACTED: json.dumps(sorted(redacted)),
    }
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.replace_schema_metadata(metadata),
        sink,
        compression="zstd",
        use_dictionary=[field.name for field in table.schema if _repeats(field)],
        row_group_size=ROW_GROUP_ROWS,
        # Lists are then of the very type that they have in deliveries.
        use_compliant_nested_type=False,
    )
    return sink.getvalue()


def _repeats(field: pa.Field) -> bool:
    """Whether values come again and again, so that a dictionary of them is shorter."""
    return not pa.types.is_floating(field.type) and field.name not in _UNIQUE


def _times(metadata: Any) -> tuple[float | None, float | None]:
    # Lists and structs have several columns in the file, so that the name is looked for.
    columns = [
        group.column(j)
        for group in map(metadata.row_group, range(metadata.num_row_groups))
        for j in range(group.num_columns)
    ]
    stated = [one.statistics for one in columns if one.path_in_schema == "at_s"]
    known = [one for one in stated if one is not None and one.has_min_max]
    if not known:
        return None, None
    return min(one.min for one in known), max(one.max for one in known)


def _segment(listed: Listed) -> Segment | None:
    match = _PATH.fullmatch(listed.path)
    if match is None:
        return None
    day = _day_s(match[1])
    if day is None:
        return None
    partition = Partition(day // HOUR_S + int(match[3]), match[2])
    return Segment(partition, match[4], listed.size_bytes)


def _day_s(date: str) -> int | None:
    try:
        return int(dt.datetime.fromisoformat(date).replace(tzinfo=dt.UTC).timestamp())
    except ValueError:
        return None


def _overlaps(date: str, since_s: float | None, until_s: float | None) -> bool:
    start = _day_s(date)
    if start is None:
        return False
    return (since_s is None or start + 24 * HOUR_S > since_s) and (
        until_s is None or start < until_s
    )


def _within(hour: int, since_s: float | None, until_s: float | None) -> bool:
    return (since_s is None or (hour + 1) * HOUR_S > since_s) and (
        until_s is None or hour * HOUR_S < until_s
    )
