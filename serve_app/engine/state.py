"""Keeps snapshots in SQLite, so that they survive control, gateways and the machine."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serve_app.engine.sqlite import SqliteFile
from serve_app.errors import Conflict

KEPT = 200
_SCHEMA = """
CREATE TABLE snapshots (
    version     INTEGER PRIMARY KEY,
    declaration TEXT NOT NULL,
    body        TEXT NOT NULL
)
"""


class SqliteState:
    """Implements the `StateStore` port with one SQLite file; any process may read and write."""

    def __init__(self, folder: str) -> None:
        self._file = SqliteFile(Path(folder) / "snapshots.sqlite", _SCHEMA)

    def save(self, version: int, declaration: str, body: Mapping[str, Any]) -> None:
        """Keep a snapshot, and forget those more than `KEPT` versions older.

        Raises:
            Conflict: somebody else has written that version already.
            RegistryFailed: the file cannot be written.
        """
        row = (version, declaration, json.dumps(body))
        self._file.create()
        with self._file.connected() as connection:
            try:
                connection.execute("INSERT INTO snapshots VALUES (?, ?, ?)", row)
            except sqlite3.IntegrityError:
                msg = f"snapshot {version} has been written by somebody else"
                raise Conflict(msg, version=version) from None
            connection.execute("DELETE FROM snapshots WHERE version <= ?", (version - KEPT,))

    def latest(self) -> Mapping[str, Any] | None:
        """The newest snapshot's body, or none.

        Raises:
            RegistryFailed: the file cannot be read.
        """
        if not self._file.exists():
            return None
        with self._file.connected() as connection:
            row = connection.execute(
                "SELECT body FROM snapshots ORDER BY version DESC LIMIT 1"
            ).fetchone()
        if row is None:
            return None
        body: dict[str, Any] = json.loads(row[0])
        return body
