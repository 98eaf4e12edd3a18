"""Snapshots as rows of a table."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from serve_app.errors import Conflict
from serve_app.storage.database import open_database
from serve_app.storage.last_good import StoredSnapshot
from serve_app.storage.place import DatabaseLocation
from serve_app.storage.tables import snapshots

KEPT = 200
"""So many versions are kept."""


class SnapshotRows:
    """Writes and reads the table of snapshots; `clock` gives seconds since 1970."""

    def __init__(self, place: DatabaseLocation, clock: Callable[[], float]) -> None:
        self._database = open_database(place, clock)

    def insert(self, snapshot: StoredSnapshot) -> None:
        """Add a snapshot, and forget those more than `KEPT` versions older.

        Raises:
            Conflict: somebody else has written that version already.
            RegistryFailed: the database cannot be written.
        """
        version = snapshot.version

        def add(connection: Connection) -> None:
            row = {
                "version": version,
                "declaration": snapshot.declaration,
                "body": snapshot.body,
            }
            try:
                connection.execute(insert(snapshots).values(row))
            except IntegrityError:
                msg = f"snapshot {version} has been written by somebody else"
                raise Conflict(msg, version=version) from None
            connection.execute(delete(snapshots).where(snapshots.c.version <= version - KEPT))

        self._database.write(add)

    def newest(self) -> StoredSnapshot | None:
        """The newest snapshot, or none.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        newest_first = select(snapshots).order_by(snapshots.c.version.desc()).limit(1)
        row = self._database.read(
            snapshots, lambda connection: connection.execute(newest_first).one_or_none()
        )
        return None if row is None else StoredSnapshot(row.version, row.declaration, row.body)
