"""One way to read and write tables, in a SQLite file or on a PostgreSQL server."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine, NullPool, Table, create_engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from serve_app.errors import ConfigError, RegistryFailed, ServeError
from serve_app.storage import revision, takeover
from serve_app.storage.place import DatabaseLocation
from serve_app.storage.sqlite_file import (
    alone,
    connect_to_read,
    connect_to_write,
    is_damage,
    set_aside,
)

T = TypeVar("T")
_CONNECT_S = 5
STATEMENT_S = 20
"""How long a server may take for one statement, waiting for locks included."""
_LOCK_KEY = 0x5E27EA99
"""Whoever makes tables on a server holds this advisory lock."""


class Database(Protocol):
    """Runs operations on a connection, each in a transaction of its own."""

    def read(self, table: Table, operation: Callable[[Connection], T]) -> T | None:
        """Run an operation that changes nothing; none where that table is not there yet.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        ...

    def write(self, operation: Callable[[Connection], T]) -> T:
        """Run an operation whose changes stand once it ends without an error.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        ...


def open_database(place: DatabaseLocation, clock: Callable[[], float]) -> Database:
    """The database at a place; nothing is opened or made before it is used.

    `clock` gives seconds since 1970.

    Raises:
        ConfigError: the URL is none, or what speaks with its server is not installed.
    """
    if place.file is not None:
        return SqliteDatabase(place.file, clock)
    return PostgresDatabase(place)


class SqliteDatabase:
    """A file in write-ahead mode, which any process or thread may use at once."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._engine = _sqlite_engine(partial(connect_to_write, path), "BEGIN IMMEDIATE")
        self._prepared: tuple[int, int] | None = None

    def read(self, table: Table, operation: Callable[[Connection], T]) -> T | None:
        """Read the file, or the one of a former version while that is all there is."""
        former = takeover.former_file(self._path, table.name)
        for path in (self._path, former):
            if path is None or not path.exists():
                continue
            engine = _sqlite_engine(partial(connect_to_read, path), "BEGIN")
            with _failures_named(str(path)), engine.begin() as connection:
                if inspect(connection).has_table(table.name):
                    return operation(connection)
        return None

    def write(self, operation: Callable[[Connection], T]) -> T:
        """Write the file; one that is damaged is set aside first, and a fresh one begun."""
        with _failures_named(str(self._path)):
            try:
                return self._written(operation)
            except (DBAPIError, sqlite3.Error) as error:
                if not is_damage(error.orig if isinstance(error, DBAPIError) else error):
                    raise
            self._prepared = None
            set_aside(self._path, self._clock())
            return self._written(operation)

    def _written(self, operation: Callable[[Connection], T]) -> T:
        # A file that somebody replaced or removed is another one.
        if self._prepared is None or self._prepared != _identity(self._path):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with alone(self._path.parent):
                self._prepare()
            self._prepared = _identity(self._path)
        with self._engine.begin() as connection:
            return operation(connection)

    def _prepare(self) -> None:
        """Make what is missing: all of it or, when the process dies on the way, nothing."""
        with self._engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None  # noqa: S101 - an open connection has one
            raw.execute("PRAGMA journal_mode=WAL")
            with connection.begin():
                former = revision.revision_of(connection)
                if former != revision.KNOWN[-1]:
                    revision.upgrade(connection)
                if former is None:
                    takeover.fill(raw, self._path)
        takeover.retire(self._path)


class PostgresDatabase:
    """A database on a server, by a few connections that are looked at before they are used."""

    def __init__(self, place: DatabaseLocation) -> None:
        self._shown = place.shown
        self._engine = _postgres_engine(place)
        self._prepared = False
        # Connections are closed with whoever used them.
        weakref.finalize(self, self._engine.dispose)

    def read(self, table: Table, operation: Callable[[Connection], T]) -> T | None:
        """Read what is committed."""
        with _failures_named(self._shown), self._engine.begin() as connection:
            _limit(connection)
            if not inspect(connection).has_table(table.name):
                return None
            return operation(connection)

    def write(self, operation: Callable[[Connection], T]) -> T:
        """Write in one transaction, and make the tables first where they are missing."""
        with _failures_named(self._shown):
            if not self._prepared:
                self._prepare()
                self._prepared = True
            with self._engine.begin() as connection:
                _limit(connection)
                return operation(connection)

    def _prepare(self) -> None:
        with self._engine.begin() as connection:
            if revision.revision_of(connection) == revision.KNOWN[-1]:
                return
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
            revision.upgrade(connection)


def _sqlite_engine(connect: Callable[[], object], begin: str) -> Engine:
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # The driver begins late: at the first change, when somebody else may have been quicker.
        connection.exec_driver_sql(begin)

    return engine


def _postgres_engine(place: DatabaseLocation) -> Engine:
    try:
        url = make_url(place.url)
    except (SQLAlchemyError, ValueError):
        url = None
    if url is None or "@" in (url.host or ""):
        msg = (
            f"the URL of the state store {place.shown} cannot be read; it looks like "
            "postgresql+psycopg://user:password@host:5432/database, with %40 for @ in a password"
        )
        raise ConfigError(msg)
    try:
        return create_engine(
            url,
            pool_size=2,
            max_overflow=8,
            pool_timeout=_CONNECT_S,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"connect_timeout": _CONNECT_S, "application_name": "serve-app"},
        )
    except ImportError:
        msg = (
            f"the state store {place.shown} needs psycopg, which is not installed: "
            "pip install 'serve-app[postgres]'"
        )
        raise ConfigError(msg) from None


def _limit(connection: Connection) -> None:
    """Wait for no lock and no answer for ever."""
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{STATEMENT_S}s'")


@contextmanager
def _failures_named(shown: str) -> Iterator[None]:
    """Say of every failure which store it was; what a statement held is told to nobody."""
    try:
        yield
    except RegistryFailed as error:
        raise _failed(shown, error.message) from None
    except ServeError:
        raise
    except DBAPIError as error:
        raise _failed(shown, " ".join(str(error.orig).split())) from error
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise _failed(shown, str(error)) from error


def _failed(shown: str, why: str) -> RegistryFailed:
    msg = f"the state store {shown} cannot be used: {why}"
    return RegistryFailed(msg, path=shown)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
