"""What happens to deliveries in the background: compacted, merged, and removed when too old.

A crash at any point neither loses a row nor doubles one: a segment names the tables of deliveries
that are in it, and is there whole or not at all. What a segment has is not taken again out of a
delivery that is still there, and a delivery goes once all of it is in segments.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from serve_app.core.record_settings import RecordSettings
from serve_app.errors import InvalidInput, NotFound
from serve_app.storage.records.deliveries import Delivery, Incoming
from serve_app.storage.records.files import Files
from serve_app.storage.records.rows import KIND
from serve_app.storage.records.segments import HOUR_S, Partition, Segment, Segments, alike

DAY_S = 86_400
Parts = list[tuple[str, pa.Table]]
_DEFAULT = RecordSettings()


@dataclass(frozen=True, slots=True)
class CompactionLimits:
    """How much is done at a time.

    Of `deliveries` at most so many, and of `delivery_bytes`, are compacted together. More than
    `small_segments` of less than `small_bytes` in one hour are merged.
    """

    deliveries: int = 1_000
    delivery_bytes: int = 256_000_000
    small_segments: int = 8
    small_bytes: int = 64_000_000


@dataclass(frozen=True, slots=True)
class Compacted:
    """What one pass did: deliveries and rows that are in segments now, damaged deliveries."""

    deliveries: int = 0
    rows: int = 0
    damaged: int = 0


class Compactor:
    """Changes the log at a location, which one process at a time may do: see `Turn`."""

    def __init__(
        self, files: Files, incoming: Incoming, *, limits: CompactionLimits | None = None
    ) -> None:
        self._incoming = incoming
        self._segments = Segments(files)
        self._limits = limits or CompactionLimits()
        self._recent: tuple[frozenset[str], ...] = ()
        files.clean()

    def compact(self, waiting: Sequence[Delivery] | None = None) -> Compacted:
        """Put waiting deliveries into segments; those of other kinds than records just go.

        Without `waiting`, all that wait now.

        Raises:
            RecordsFailed: the location refuses; what was waiting waits on.
        """
        batch: list[Delivery] = []
        groups: dict[Partition, Parts] = defaultdict(list)
        damaged = size = 0
        if waiting is None:
            waiting = self._incoming.waiting()
        for delivery in waiting[: self._limits.deliveries]:
            if self._incoming.ledger.holds(delivery.replica, delivery.sequence):
                # All of it is in segments: a crash came before it went, or it was sent once more.
                batch.append(delivery)
                continue
            try:
                tables = self._incoming.tables(delivery)
            except InvalidInput:
                self._incoming.set_aside(delivery)
                damaged += 1
                continue
            except NotFound:
                continue
            batch.append(delivery)
            for partition, parts in by_partition(delivery, tables).items():
                groups[partition].extend(parts)
            size += sum(table.nbytes for table in tables)
            if size >= self._limits.delivery_bytes:
                break
        rows = sum(self._add(partition, parts) for partition, parts in sorted(groups.items()))
        if batch:
            self._incoming.ledger.add((one.replica, one.sequence) for one in batch)
        for delivery in batch:
            self._incoming.remove(delivery)
        self._recent = (*self._recent[-1:], frozenset(one.name for one in batch))
        return Compacted(len(batch), rows, damaged)

    def merge(self) -> int:
        """Merge the small segments of hours that have many; how many segments were merged.

        Those that were merged by the last pass are removed by this one, so that whoever was
        reading them could go on.

        Raises:
            RecordsFailed: the location refuses; every row is still there once.
        """
        # Whoever reads now may have read a delivery just before it went.
        waiting = {delivery.name for delivery in self._incoming.waiting()}.union(*self._recent)
        merged = 0
        for partition, segments in self._segments.all().items():
            standing = self._segments.standing(segments)
            for gone in [one for one in segments if one not in standing]:
                self._segments.remove(gone)
            small = [one for one in standing if one.size_bytes < self._limits.small_bytes]
            if len(small) > self._limits.small_segments:
                merged += self._merge(partition, small, waiting)
        return merged

    def retain(
        self, now_s: float, settings: Mapping[str, RecordSettings], max_bytes: int | None = None
    ) -> int:
        """Remove hours that are older than their endpoint keeps, then the oldest above a total.

        Returns how many bytes were removed. Nothing but segments is touched.

        Raises:
            RecordsFailed: the location refuses.
        """
        by_partition = self._segments.all()
        removed = 0
        for partition, segments in list(by_partition.items()):
            days = settings.get(partition.endpoint, _DEFAULT).retention_days
            kept_s = days * DAY_S
            if (partition.hour + 1) * HOUR_S <= now_s - kept_s:
                removed += self._drop(segments)
                del by_partition[partition]
        total = sum(one.size_bytes for segments in by_partition.values() for one in segments)
        for segments in by_partition.values():
            if max_bytes is None or total <= max_bytes:
                break
            size = self._drop(segments)
            total, removed = total - size, removed + size
        return removed

    def _add(self, partition: Partition, parts: Parts) -> int:
        """Write what is not in a segment yet; how many rows that is."""
        there = {part for one in self._segments.of(partition) for part in self._parts(one)}
        missing = [(name, table) for name, table in parts if name not in there]
        for group in alike(missing):
            names, tables = zip(*group, strict=True)
            self._segments.write(partition, tables, parts=names)
        return sum(table.num_rows for _, table in missing)

    def _parts(self, segment: Segment) -> frozenset[str]:
        return self._segments.footer(segment).parts

    def _merge(self, partition: Partition, small: list[Segment], waiting: set[str]) -> int:
        by_name = {one.name: one for one in small}
        merged = 0
        for group in alike([(one.name, self._segments.read(one)) for one in self._fitting(small)]):
            if len(group) < 2:
                continue
            names, tables = zip(*group, strict=True)
            parts = {part for name in names for part in self._parts(by_name[name])}
            # Of deliveries that are gone nobody asks again, so that their names can go too.
            wanted = [part for part in parts if part.partition("#")[0] in waiting]
            self._segments.write(partition, tables, parts=wanted, replaces=names)
            merged += len(group)
        return merged

    def _fitting(self, small: list[Segment]) -> list[Segment]:
        """The smallest, as far as they make one segment of the size up to which it is small."""
        chosen: list[Segment] = []
        total = 0
        for one in sorted(small, key=lambda segment: (segment.size_bytes, segment.name)):
            total += one.size_bytes
            if total > self._limits.small_bytes and len(chosen) > 1:
                break
            chosen.append(one)
        return chosen

    def _drop(self, segments: list[Segment]) -> int:
        # Merged ones go last: while they stand, nobody reads what they replace.
        for one in sorted(segments, key=lambda segment: segment.name, reverse=True):
            self._segments.remove(one)
        return sum(one.size_bytes for one in segments)


def by_partition(delivery: Delivery, tables: list[pa.Table]) -> dict[Partition, Parts]:
    """The records of a delivery by endpoint and hour, each table of them under a name."""
    parts: dict[Partition, Parts] = defaultdict(list)
    for number, table in enumerate(tables):
        metadata = table.schema.metadata or {}
        if metadata.get(b"kind") != KIND.encode() or not table.num_rows:
            continue
        endpoint = metadata[b"endpoint"].decode()
        hours = (table["at_s"].to_numpy() // HOUR_S).astype(np.int64)
        for hour in np.unique(hours).tolist():
            rows = table if (hours == hour).all() else table.filter(pa.array(hours == hour))
            parts[Partition(hour, endpoint)].append((f"{delivery.name}#{number}", rows))
    return dict(parts)
