"""Holds what happened to requests until it is sent away; it never waits and never grows."""

from __future__ import annotations

from collections.abc import Mapping

from serve_app.core.record import Record
from serve_app.core.record_settings import DEFAULT, RecordSettings
from serve_app.monitoring.kept_record import KeptRecord, kept

MOST_RECORDS = 20_000
"""One row of 50 numbers takes 1.4 kB."""
MOST_CELLS = 2_500_000
"""20 MB of numbers. What comes while so much is held is counted and let go."""


class Recording:
    """Records of one process, in the order of their answers. Implements `Recorder`.

    While `is_on` is false nothing is held: nobody would take it. `dropped_rows` are those that
    came while too much was held.
    """

    def __init__(self, *, most_records: int = MOST_RECORDS, most_cells: int = MOST_CELLS) -> None:
        self.is_on = True
        self.dropped_rows = 0
        self._most_records = most_records
        self._most_cells = most_cells
        self._settings: Mapping[str, RecordSettings] = {}
        self._records: list[KeptRecord] = []
        self._cells = 0

    def follow(self, settings: Mapping[str, RecordSettings]) -> None:
        """Keep of requests, by endpoint, what these settings need."""
        self._settings = settings

    def record(self, record: Record) -> None:
        """Hold what is kept of a record."""
        if not self.is_on:
            return
        payload, columns = record.request.payload, record.columns
        cells = self._cells + payload.rows * (len(payload.columns) + 1)
        if columns is not None and columns.block is None:
            # A cell may be a tensor of many numbers.
            cells += sum([array.size for array in columns.arrays]) - columns.rows * len(columns)
        if cells > self._most_cells or len(self._records) >= self._most_records:
            self.dropped_rows += payload.rows
            return
        self._cells = cells
        self._records.append(kept(record, self._settings.get(record.endpoint, DEFAULT)))

    def take(self) -> list[KeptRecord]:
        """Everything that is held, which is then held no longer."""
        taken, self._records, self._cells = self._records, [], 0
        return taken
