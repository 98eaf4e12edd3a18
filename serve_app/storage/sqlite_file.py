"""A SQLite file: opening it on sick disks, and setting it aside when it is damaged."""

from __future__ import annotations

import datetime as dt
import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

BUSY_S = 10.0
"""How long a writer waits for another one."""
_COMPANIONS = ("", "-wal", "-shm")
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
logger = logging.getLogger("serve_app.storage")


def connect_to_write(path: Path) -> sqlite3.Connection:
    """Open a file for changes, or make it. Transactions are begun by whoever uses it."""
    return sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a file for reading alone, also where nothing can be written.

    A reader in write-ahead mode needs two files beside the database. Where a full or
    read-only disk refuses them, the database is read as it is without.

    Raises:
        sqlite3.Error: it cannot be read at all.
    """
    try:
        return _opened(path, "mode=ro")
    except sqlite3.OperationalError as error:
        if is_damage(error) or _primary(error) == sqlite3.SQLITE_BUSY:
            raise
        return _opened(path, "mode=ro&immutable=1")


def _opened(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def newest_snapshot(path: Path) -> tuple[int, str, str] | None:
    """Version, declaration and body of the newest snapshot in a file, or none.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    with closing(connect_to_read(path)) as connection:
        if not has_table(connection, "snapshots"):
            return None
        row: tuple[int, str, str] | None = connection.execute(
            "SELECT version, declaration, body FROM snapshots ORDER BY version DESC LIMIT 1"
        ).fetchone()
    return row


def has_table(connection: sqlite3.Connection, name: str) -> bool:
    """Whether a database has a table."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (name,)).fetchone() is not None


def is_damage(error: BaseException | None) -> bool:
    """Whether an error means that a file is no whole database."""
    return isinstance(error, sqlite3.Error) and _primary(error) in _DAMAGE


def _primary(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one process at a time make, take over or replace the files of a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # Some file systems know no locks.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_whole(path: Path) -> bool:
    """Look through a whole file: whether it is a sound database, or none yet."""
    try:
        with closing(connect_to_write(path)) as connection:
            verdict: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return not is_damage(error)
    return verdict == "ok"


def renamed(path: Path, suffix: str) -> Path:
    """Give a file and what SQLite keeps beside it another name, and say which.

    Raises:
        OSError: they cannot be renamed.
    """
    target = path.with_name(f"{path.name}.{suffix}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.{suffix}-{number}")
    for companion in _COMPANIONS:
        with suppress(FileNotFoundError):
            path.with_name(path.name + companion).rename(target.with_name(target.name + companion))
    return target


def set_aside(path: Path, at_s: float) -> None:
    """Rename a damaged file, so that a fresh one can be begun; `at_s` is the time since 1970.

    What looks damaged and is not, or was replaced by somebody else meanwhile, stays.

    Raises:
        OSError: it cannot be renamed.
    """
    with alone(path.parent):
        if not path.exists() or is_whole(path):
            return
        stamp = dt.datetime.fromtimestamp(at_s, dt.UTC).strftime("%Y%m%dT%H%M%SZ")
        kept = renamed(path, f"damaged-{stamp}")
    logger.error(
        "the state store is damaged and was set aside; a fresh one is begun, and "
        "`sqlite3 <file> .recover` shows what can be saved of it",
        extra={"file": str(path), "set_aside_as": str(kept)},
    )
