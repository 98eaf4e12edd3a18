"""What is on the disk once a call returns: files, folders, and transactions of SQLite."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from serve_app.errors import ServerFault

BUSY_S = 30.0
"""How long a connection waits for another one that writes."""


class NotWritten(ServerFault, sqlite3.OperationalError):
    """A SQLite file is whole, and cannot be written for now. What it held, it holds."""


class NoRoom(NotWritten):
    """A SQLite file cannot grow: its disk is full."""


class Busy(NotWritten):
    """Another process writes a SQLite file, and does not end."""


def connect(file: Path) -> sqlite3.Connection:
    """Open a SQLite file whose commits are on the disk when they return; raises sqlite3.Error."""
    connection = sqlite3.connect(file, timeout=BUSY_S, isolation_level=None)
    try:
        with causes_known(connection):
            connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction, which has the right to write from its beginning, whole or not at all.

    Raises:
        NotWritten: the disk is full, or another process writes; nothing has changed.
    """
    with causes_known(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            # Where a disk is full, SQLite may have gone back by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


@contextmanager
def connected(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a SQLite file, as `connect` opens it, which is closed at the end."""
    with closing(connect(file)) as connection:
        yield connection


def keep_log(file: Path, owner: object) -> None:
    """Keep a SQLite file's write-ahead log while `owner` lives.

    The last connection that closes brings the log into the file and removes it, which takes longer
    than a transaction: short connections one after the other would each do so.
    """
    connection = sqlite3.connect(file, timeout=BUSY_S, check_same_thread=False)
    weakref.finalize(owner, connection.close)
    connection.execute("PRAGMA user_version").fetchone()


@contextmanager
def changing(file: Path) -> Iterator[sqlite3.Connection]:
    """The same within one `transaction`."""
    with connected(file) as connection, transaction(connection):
        yield connection


def brought_up_to(connection: sqlite3.Connection, steps: Sequence[Sequence[str]]) -> int:
    """Take the steps, each some statements, that a file has not taken; gives its number of steps.

    That is larger than there are steps where a later release wrote the file.
    """
    with causes_known(connection):
        connection.execute("PRAGMA journal_mode = WAL")
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for step in steps[version:]:
            for statement in step:
                connection.execute(statement)
        if version < len(steps):
            connection.execute(f"PRAGMA user_version = {len(steps)}")
    return max(int(version), len(steps))


@contextmanager
def causes_known(connection: sqlite3.Connection) -> Iterator[None]:
    """Say which file it is where a disk is full, or another process does not let go of it.

    Raises:
        NotWritten: either is so.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        # Extended codes have the plain one in their lowest byte; errors of ours have none.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code not in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY}:
            raise
        (_, _, file), *_ = connection.execute("PRAGMA database_list")
        if code == sqlite3.SQLITE_FULL:
            msg = f"{file} cannot be written, the disk is full; make room there, and do it again"
            raise NoRoom(msg) from error
        msg = f"another process has been writing {file} for {BUSY_S:.0f} s; try again once it ended"
        raise Busy(msg) from error
