"""Keeps feedback in SQLite until something joins it with what was predicted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from serve_app.core.feedback import Feedback, Outcome, Received
from serve_app.engine.sqlite import SqliteFile

KEPT = 1_000_000
"""So many are kept; the oldest leave first."""
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
UPDATE feedback SET truth = COALESCE(truth, ?), reward = COALESCE(reward, ?)
WHERE endpoint = ? AND prediction_id = ?
AND ((truth IS NULL AND ? IS NOT NULL) OR (reward IS NULL AND ? IS NOT NULL))
"""
_RECEIVED = """
SELECT endpoint, variants, COUNT(*), COUNT(truth), COUNT(reward), AVG(reward)
FROM feedback WHERE ?1 IS NULL OR endpoint = ?1
GROUP BY endpoint, variants
"""
_ALL = """
SELECT endpoint, prediction_id, variants, truth, reward, request_id, received_at_s
FROM feedback WHERE ?1 IS NULL OR endpoint = ?1 ORDER BY number
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
        truth = None if feedback.truth is None else json.dumps(feedback.truth)
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
                return "stored"
            completed = connection.execute(_COMPLETE, (*said, *who, *said))
            return "completed" if completed.rowcount == 1 else "known"

    def received(self, endpoint: str | None = None) -> list[Received]:
        """How much there is, by endpoint and variants.

        Raises:
            RegistryFailed: the file cannot be read.
        """
        found = [
            Received(name, tuple(json.loads(variants)), *counts)
            for name, variants, *counts in self._read(_RECEIVED, endpoint)
        ]
        return sorted(found, key=lambda one: (one.endpoint, one.variants))

    def all(self, endpoint: str | None = None) -> Iterator[dict[str, Any]]:
        """Everything that was received, the oldest first.

        Raises:
            RegistryFailed: the file cannot be read.
        """
        for name, identity, variants, truth, reward, request_id, at_s in self._read(_ALL, endpoint):
            yield {
                "endpoint": name,
                "prediction_id": identity,
                "variants": json.loads(variants),
                "truth": None if truth is None else json.loads(truth),
                "reward": reward,
                "request_id": request_id,
                "received_at_s": at_s,
            }

    def _read(self, query: str, endpoint: str | None) -> Iterator[Any]:
        if not self._file.exists():
            return
        with self._file.connected() as connection:
            yield from connection.execute(query, (endpoint,))
