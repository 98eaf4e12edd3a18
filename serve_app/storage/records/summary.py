"""What is in the log, by endpoint."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow.compute as pc

from serve_app.storage.records.files import Files
from serve_app.storage.records.plans import Span, plan_of


@dataclass(frozen=True, slots=True)
class Kept:
    """The records of one endpoint; times in seconds since 1970, bytes without those incoming."""

    endpoint: str
    rows: int
    first_s: float
    last_s: float
    size_bytes: int


def kept(files: Files) -> list[Kept]:
    """What there is of each endpoint, by name.

    Raises:
        RecordsFailed: the location refuses.
    """
    plan = plan_of(files, Span())
    rows: dict[str, list[tuple[int, float, float, int]]] = {}
    for partition, holding in plan.holdings.items():
        parts = rows.setdefault(partition.endpoint, [])
        for segment in holding.segments:
            footer = plan.footers[segment.path]
            if footer.first_s is not None and footer.last_s is not None:
                parts.append((footer.rows, footer.first_s, footer.last_s, segment.size_bytes))
        for table in holding.tables:
            times = pc.min_max(table["at_s"]).as_py()
            parts.append((table.num_rows, times["min"], times["max"], 0))
    return [
        Kept(
            endpoint,
            sum(part[0] for part in parts),
            min(part[1] for part in parts),
            max(part[2] for part in parts),
            sum(part[3] for part in parts),
        )
        for endpoint, parts in sorted(rows.items())
        if parts
    ]
