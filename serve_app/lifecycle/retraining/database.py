"""The file of the ledger of retraining: SQLite on a local disk, written by whole transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from serve_app.core.durable import BUSY_S, NotWritten, causes_known, transaction
from serve_app.errors import ConfigError
from serve_app.lifecycle.retraining.tables import SCHEMA, VERSION

FILE = "retraining.db"


class Database:
    """The database of one folder, which is made with its first use.

    A transaction is on the disk once it returns, also where the power fails.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One connection that reads.

        Raises:
            ConfigError: the file is of a later release, or no ledger.
        """
        with closing(self._connected()) as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, which has the right to write from its beginning.

        Raises:
            ConfigError: the file is of a later release, or no ledger.
        """
        with closing(self._connected()) as db, transaction(db):
            yield db

    def _connected(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            db = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise ConfigError(f"{self.path} cannot be opened: {error}") from error
        try:
            db.row_factory = sqlite3.Row
            with causes_known(db):
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = FULL")
                _prepare(db, self.path)
        except NotWritten:
            db.close()
            raise
        except sqlite3.DatabaseError as error:
            db.close()
            msg = f"{self.path} is no ledger, or cannot be written: {error}; move it away"
            raise ConfigError(msg) from error
        except BaseException:
            db.close()
            raise
        return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file; one of a later release is left alone."""
    version = _version(db)
    if version > VERSION:
        msg = f"{path} was written by a later serve-app (schema {version}); update this one"
        raise ConfigError(msg)
    if version == VERSION:
        return
    with transaction(db):
        if _version(db) == 0:
            for statement in SCHEMA:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
