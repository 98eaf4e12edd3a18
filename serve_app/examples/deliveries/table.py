"""The table in which a courier keeps how deliveries turned out: what pipelines train on."""

from __future__ import annotations

import csv
import datetime as dt
import io
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

_TIME, _OUTCOME = "left_at", "outcome"


class DeliveryTable:
    """Rows with their outcomes, in a file that is replaced whole: who reads it sees no half row.

    What the file holds already is kept. Several threads may add at once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._rows: list[dict[str, Any]] = []
        if path.is_file():
            with path.open(newline="") as file:
                self._rows = list(csv.DictReader(file))

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, left_s: float, row: Mapping[str, Any], outcome: str) -> None:
        """Keep how a delivery turned out; `left_s` is when the van left, in seconds since 1970."""
        left_at = dt.datetime.fromtimestamp(left_s, dt.UTC).isoformat(timespec="milliseconds")
        with self._lock:
            self._rows.append({_TIME: left_at, **row, _OUTCOME: outcome})

    def write(self) -> None:
        """Write everything that was added."""
        with self._lock:
            rows = list(self._rows)
        self._replace(rows)

    def write_shuffled(self, seed: int) -> None:
        """Write it with outcomes that belong to other rows, as after a join that went wrong."""
        with self._lock:
            rows = list(self._rows)
        places = np.random.default_rng(seed).permutation(len(rows))
        mixed = [rows[place][_OUTCOME] for place in places]
        self._replace({**row, _OUTCOME: one} for row, one in zip(rows, mixed, strict=True))

    def _replace(self, rows: Iterable[Mapping[str, Any]]) -> None:
        text = io.StringIO(newline="")
        rows = list(rows)
        writer = csv.DictWriter(text, list(rows[0]) if rows else [_TIME, _OUTCOME])
        writer.writeheader()
        writer.writerows(rows)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_name(f".{self._path.name}.new")
        new.write_text(text.getvalue())
        new.replace(self._path)
