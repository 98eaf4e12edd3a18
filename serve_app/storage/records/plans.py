"""Which files and deliveries hold what a query wants, each row of the log once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from serve_app.errors import InvalidInput, NotFound, RecordsFailed
from serve_app.storage.records.compaction import by_partition
from serve_app.storage.records.deliveries import Incoming
from serve_app.storage.records.files import Files
from serve_app.storage.records.segments import HOUR_S, Footer, Partition, Segment, Segments
from serve_app.storage.records.whose import SEALED

ID_TIME_DIGITS = 12
_LONGEST_REQUEST_S = 3_600.0
_CLOCKS_S = 120.0
_TRIES = 4
_FIRST_ID_S, _LAST_ID_S = 1_577_836_800.0, 32_503_680_000.0  # the years 2020 to 3000


@dataclass(frozen=True, slots=True)
class Span:
    """The part of the log that is wanted: of all endpoints where none is named."""

    endpoint: str | None = None
    since_s: float | None = None
    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """What holds the rows of one partition: segments, and tables that are not compacted yet."""

    segments: tuple[Segment, ...] = ()
    tables: tuple[pa.Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What holds the rows of a part of the log, by partition, oldest first."""

    holdings: Mapping[Partition, Holding]
    footers: Mapping[str, Footer] = field(default_factory=dict)

    @property
    def schemas(self) -> list[pa.Schema]:
        """The schemas of everything in it, without what is encrypted."""
        tables = [table for one in self.holdings.values() for table in one.tables]
        schemas = [table.schema.remove_metadata() for table in tables]
        schemas += [footer.schema for footer in self.footers.values()]
        return [
            one.remove(one.get_field_index(SEALED)) if SEALED in one.names else one
            for one in schemas
        ]


class Listing:
    """What there was of a part of the log at one time; what is in it is looked up when wanted."""

    def __init__(self, files: Files, span: Span) -> None:
        # Deliveries are read first: one that is compacted meanwhile is then known by its name.
        self._tables = _incoming(files, span)
        self._segments = Segments(files)
        self._listed = self._segments.all(span.endpoint, span.since_s, span.until_s)

    @property
    def partitions(self) -> list[Partition]:
        """The partitions in which something is, oldest first."""
        return sorted({*self._listed, *self._tables})

    def holding(self, partition: Partition) -> tuple[Holding, dict[str, Footer]]:
        """What holds the rows of a partition, each of them once.

        Raises:
            RecordsFailed: the location refuses.
        """
        segments = self._listed.get(partition, [])
        for _ in range(_TRIES):
            try:
                return self._holding(partition, segments)
            except RecordsFailed as error:
                if not isinstance(error.__cause__, FileNotFoundError):
                    raise
            # What was merged is gone when somebody looks; what took its place is there then.
            segments = self._segments.of(partition)
        return self._holding(partition, segments)

    def _holding(
        self, partition: Partition, segments: list[Segment]
    ) -> tuple[Holding, dict[str, Footer]]:
        footers = {one.path: self._segments.footer(one) for one in segments}
        standing = self._segments.standing(segments)
        compacted = {part for footer in footers.values() for part in footer.parts}
        waiting = self._tables.get(partition, {})
        rest = tuple(table for name, table in waiting.items() if name not in compacted)
        return Holding(tuple(standing), rest), {one.path: footers[one.path] for one in standing}


def plan_of(files: Files, span: Span) -> Plan:
    """Look up what holds the rows of a part of the log now.

    Raises:
        RecordsFailed: the location refuses.
    """
    listing = Listing(files, span)
    holdings: dict[Partition, Holding] = {}
    footers: dict[str, Footer] = {}
    for partition in listing.partitions:
        holdings[partition], of_partition = listing.holding(partition)
        footers.update(of_partition)
    return Plan(holdings, footers)


def id_span(prediction_id: str) -> tuple[float, float] | None:
    """When the request of a prediction can have come, in seconds since 1970.

    None where the id does not say that, as those of other makers do not.
    """
    try:
        at_s = int(prediction_id[:ID_TIME_DIGITS], 16) / 1000
    except ValueError:
        return None
    if len(prediction_id) != 32 or not _FIRST_ID_S <= at_s <= _LAST_ID_S:
        return None
    return at_s - _LONGEST_REQUEST_S, at_s + _CLOCKS_S


def _incoming(files: Files, span: Span) -> dict[Partition, dict[str, pa.Table]]:
    incoming = Incoming(files)
    by: dict[Partition, dict[str, pa.Table]] = {}
    for delivery in incoming.waiting():
        try:
            tables = incoming.tables(delivery)
        except (NotFound, InvalidInput):
            continue
        for partition, parts in by_partition(delivery, tables).items():
            if _wanted(partition, span):
                by.setdefault(partition, {}).update(parts)
    return by


def _wanted(partition: Partition, span: Span) -> bool:
    start_s = partition.hour * HOUR_S
    return (
        span.endpoint in {None, partition.endpoint}
        and (span.since_s is None or start_s + HOUR_S > span.since_s)
        and (span.until_s is None or start_s < span.until_s)
    )
