"""One SQLite file in write-ahead mode, which several processes may use at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from serve_app.errors import RegistryFailed
from serve_app.registry.exclusive import place, temporary_beside


class SqliteFile:
    """A file that is made with its schema when it is first written.

    Each use opens its own connection: any process or thread may read while another one writes.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema

    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self._path.exists()

    def create(self) -> None:
        """Make the file, whole or not at all, unless it is there.

        Raises:
            RegistryFailed: it cannot be made.
        """
        if self._path.exists():
            return
        made = temporary_beside(self._path)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Elsewhere first: SQLite waits for no lock when it changes to write-ahead mode,
            # so that of two who open a new file together one would fail.
            with closing(sqlite3.connect(made)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.executescript(self._schema)
            place(made, self._path)
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from error
        finally:
            with suppress(OSError):
                made.unlink()

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes stand once the block ends without an error.

        Raises:
            RegistryFailed: the file cannot be used.
        """
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
