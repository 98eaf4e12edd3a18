"""Keeps snapshots in SQLite, so that they survive control, gateways and the machine."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from serve_app.errors import Conflict, RegistryFailed

KEPT = 200
_SCHEMA = """
CREATE TABLE snapshots (
    version     INTEGER PRIMARY KEY,
    declaration TEXT NOT NULL,
    body        TEXT NOT NULL
)
"""


class SqliteState:
    """Implements the `StateStore` port with one SQLite file in write-ahead mode.

    Each call opens its own connection: calls are rare, and any process or thread may make
    them while another one writes.
    """

    def __init__(self, folder: str) -> None:
        self._path = Path(folder) / "snapshots.sqlite"

    def save(self, version: int, declaration: str, body: Mapping[str, Any]) -> None:
        """Keep a snapshot, and forget those more than `KEPT` versions older.

        Raises:
            Conflict: somebody else has written that version already.
            RegistryFailed: the file cannot be written.
        """
        row = (version, declaration, json.dumps(body))
        self._create()
        with self._connected() as connection:
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
        if not self._path.exists():
            return None
        with self._connected() as connection:
            row = connection.execute(
                "SELECT body FROM snapshots ORDER BY version DESC LIMIT 1"
            ).fetchone()
        if row is None:
            return None
        body: dict[str, Any] = json.loads(row[0])
        return body

    def _create(self) -> None:
        """Make the file, whole or not at all, unless it is there."""
        if self._path.exists():
            return
        made = self._path.with_name(f".{self._path.name}.{uuid.uuid4().hex}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Elsewhere first: SQLite waits for no lock when it changes to write-ahead mode,
            # so that of two who open a new file together one would fail.
            with closing(sqlite3.connect(made)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute(_SCHEMA)
            with suppress(FileExistsError):
                self._path.hardlink_to(made)
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from error
        finally:
            with suppress(OSError):
                made.unlink()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self._path, timeout=5.0)
        except sqlite3.Error as error:
            raise self._failed(error) from error
        try:
            with connection:
                yield connection
        except sqlite3.Error as error:
            raise self._failed(error) from error
        finally:
            connection.close()

    def _failed(self, error: Exception) -> RegistryFailed:
        msg = f"the state store {self._path} cannot be used: {error}"
        return RegistryFailed(msg, path=str(self._path))
