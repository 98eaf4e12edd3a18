"""Keeps snapshots, so that they survive control, gateways and the machine."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serve_app.errors import RegistryFailed
from serve_app.storage.last_good import LastGood, StoredSnapshot
from serve_app.storage.place import place_of
from serve_app.storage.sqlite_file import is_damage, newest_snapshot
from serve_app.storage.takeover import former_file

if TYPE_CHECKING:
    from serve_app.storage.snapshot_rows import SnapshotRows

logger = logging.getLogger("serve_app.storage")


class SnapshotStore:
    """Implements the `StateStore` port on a folder or a URL; any process may read and write.

    On SQLite the last good snapshot is kept in a small file beside the database too, and
    reading needs no SQLAlchemy. `clock` gives seconds since 1970.

    Raises:
        ConfigError: the URL is of no kind that is known.
    """

    def __init__(self, state: str, *, clock: Callable[[], float] = time.time) -> None:
        self._place = place_of(state)
        self._clock = clock
        file = self._place.file
        self._last_good = None if file is None else LastGood.beside(file)
        self._remembered: StoredSnapshot | None = None

    @cached_property
    def _rows(self) -> SnapshotRows:
        # SQLAlchemy is slow to import, and gateways that read SQLite do without.
        from serve_app.storage.snapshot_rows import SnapshotRows  # noqa: PLC0415

        return SnapshotRows(self._place, self._clock)

    def save(self, version: int, declaration: str, body: Mapping[str, Any]) -> None:
        """Keep a snapshot, and forget those that many versions have followed.

        Raises:
            Conflict: somebody else has written that version already.
            RegistryFailed: the database cannot be written.
        """
        snapshot = StoredSnapshot(version, declaration, json.dumps(body))
        self._rows.insert(snapshot)
        self._remembered = snapshot
        if self._last_good is None:
            return
        try:
            self._last_good.save(snapshot)
        except OSError as error:
            logger.warning(
                "the last good snapshot is kept in the database alone",
                extra={"file": str(self._last_good.path), "why": str(error)},
            )

    def latest(self) -> Mapping[str, Any] | None:
        """The newest snapshot's body, from wherever it can be read, or none.

        A database that is damaged counts as empty: the next `save` begins a fresh one.

        Raises:
            RegistryFailed: the database cannot be read, and there is no snapshot elsewhere.
        """
        newest: tuple[str, StoredSnapshot, dict[str, Any]] | None = None
        failure: RegistryFailed | None = None
        for source, read in self._sources():
            try:
                snapshot = read()
            except RegistryFailed as error:
                failure = failure or error
                logger.error("a snapshot cannot be read", extra={"why": error.message})
                continue
            body = None if snapshot is None else _parsed(source, snapshot)
            if snapshot is None or body is None:
                continue
            if newest is None or snapshot.version > newest[1].version:
                newest = (source, snapshot, body)
        if newest is None:
            if failure is not None:
                raise failure
            return None
        source, snapshot, body = newest
        self._remembered = snapshot
        logger.info(
            "the newest snapshot was read", extra={"snapshot": snapshot.version, "source": source}
        )
        return body

    def _sources(self) -> Iterator[tuple[str, Callable[[], StoredSnapshot | None]]]:
        """Where a snapshot may be, the best place first."""
        file = self._place.file
        if file is None:
            yield self._place.shown, self._rows.newest
        else:
            yield str(file), lambda: _in_file(file)
            former = former_file(file, "snapshots")
            if former is not None:
                yield str(former), lambda: _in_file(former)
        if self._last_good is not None:
            yield str(self._last_good.path), self._last_good.read
        yield "the memory of this process", lambda: self._remembered


def _in_file(file: Path) -> StoredSnapshot | None:
    if not file.exists():
        return None
    try:
        row = newest_snapshot(file)
    except sqlite3.Error as error:
        if is_damage(error):
            logger.error("the state store is damaged", extra={"file": str(file)})
            return None
        msg = f"the state store {file} cannot be used: {error}"
        raise RegistryFailed(msg, path=str(file)) from error
    return None if row is None else StoredSnapshot(*row)


def _parsed(source: str, snapshot: StoredSnapshot) -> dict[str, Any] | None:
    try:
        body: dict[str, Any] = json.loads(snapshot.body)
    except ValueError as error:
        logger.error(
            "a stored snapshot is damaged",
            extra={"snapshot": snapshot.version, "source": source, "why": str(error)},
        )
        return None
    return body
