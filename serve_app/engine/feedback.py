"""Keeps feedback in SQLite until something joins it with what was predicted."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from serve_app.core.feedback import Feedback, Outcome, Received
from serve_app.engine.sqlite import SqliteFile

KEPT = 1_000_000
KEPT_BYTES = 1024**3
"""So many are kept, and about so many bytes of them; the oldest leave first."""
_FORGOTTEN = 100
_PAGE = 1000
_SCHEMA = """
CREATE TABLE feedback (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint      TEXT NOT NULL,
    prediction_id TEXT,
    variants      TEXT NOT NULL,
    truth         TEXT,
    reward        REAL,
    request_id    TEXT NOT NULL,
    received_at_s REAL NOT NULL,
    UNIQUE (endpoint, prediction_id)
);
"""
_ADD = """
INSERT INTO feedback (endpoint, prediction_id, variants, truth, reward, request_id, received_at_s)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (endpoint, prediction_id) DO NOTHING
"""
_COMPLETE = """
UPDATE feedback SET truth = COALESCE(truth, ?), reward = COALESCE(reward, ?),
variants = CASE WHEN variants = '[]' THEN ? ELSE variants END
WHERE endpoint = ? AND prediction_id = ?
AND ((truth IS NULL AND ? IS NOT NULL) OR (reward IS NULL AND ? IS NOT NULL))
"""
_RECEIVED = """
SELECT endpoint, variants, COUNT(*), COUNT(truth), COUNT(reward), AVG(reward)
FROM feedback WHERE ?1 IS NULL OR endpoint = ?1
GROUP BY endpoint, variants
"""
_ALL = """
SELECT number, endpoint, prediction_id, variants, truth, reward, request_id, received_at_s
FROM feedback WHERE (?1 IS NULL OR endpoint = ?1) AND number > ?2 ORDER BY number LIMIT ?3
"""
_FORGET = """
DELETE FROM feedback WHERE number <= (SELECT MIN(number) FROM feedback) + ?
"""


class SqliteFeedback:
    """All feedback of a cluster in one file; what is said first of a prediction stands."""

    def __init__(self, folder: str) -> None:
        self._file = SqliteFile(Path(folder) / "feedback.sqlite", _SCHEMA)

    def record(self, feedback: Feedback, at_s: float) -> Outcome:
        """Keep feedback, received at a time in seconds since 1970.

        A truth that comes after a reward, or the other way round, completes what is there; saying
        the same twice changes nothing.

        Raises:
            RegistryFailed: the file cannot be written.
        """
        truth = feedback.truth_json
        who = (feedback.endpoint, feedback.prediction_id)
        variants = json.dumps(feedback.variants)
        row = (*who, variants, truth, feedback.reward, feedback.request_id, at_s)
        said = (truth, feedback.reward)
        self._file.create()
        with self._file.connected() as connection:
            added = connection.execute(_ADD, row)
            if added.rowcount == 1:
                oldest = (added.lastrowid or 0) - KEPT
                connection.execute("DELETE FROM feedback WHERE number <= ?", (oldest,))
                while _used_bytes(connection) > KEPT_BYTES:
                    connection.execute(_FORGET, (_FORGOTTEN,))
                return "stored"
            completed = connection.execute(_COMPLETE, (*said, variants, *who, *said))
            return "completed" if completed.rowcount == 1 else "known"

    def received(self, endpoint: str | None = None) -> list[Received]:
        """How much there is, by endpoint and variants.

        Raises:
            RegistryFailed: the file cannot be read.
        """
        if not self._file.exists():
            return []
        with self._file.connected() as connection:
            found = [
                Received(name, tuple(json.loads(variants)), *counts)
                for name, variants, *counts in connection.execute(_RECEIVED, (endpoint,))
            ]
        return sorted(found, key=lambda one: (one.endpoint, one.variants))

    def all(self, endpoint: str | None = None) -> Iterator[dict[str, Any]]:
        """Everything that was received, the oldest first.

        Raises:
            RegistryFailed: the file cannot be read.
        """
        for name, identity, variants, truth, reward, request_id, at_s in self._rows(endpoint):
            yield {
                "endpoint": name,
                "prediction_id": identity,
                "variants": json.loads(variants),
                "truth": None if truth is None else json.loads(truth),
                "reward": reward,
                "request_id": request_id,
                "received_at_s": at_s,
            }

    def _rows(self, endpoint: str | None) -> Iterator[Any]:
        """All rows, a page at a time: whoever reads slowly must not keep the log from shrinking."""
        last = 0
        while self._file.exists():
            with self._file.connected() as connection:
                page = connection.execute(_ALL, (endpoint, last, _PAGE)).fetchall()
            for number, *row in page:
                yield row
                last = number
            if len(page) < _PAGE:
                return


def _used_bytes(connection: sqlite3.Connection) -> int:
    """How much of the file holds something."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    used: int = (pages - free) * size
    return used
