"""The key of each subject, in a SQLite file of their own: whoever removes a key erases a subject.

Keys stand there wrapped by the secret, so that the file alone opens nothing. What is deleted is
overwritten (`secure_delete`), and the write-ahead log cut to nothing.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve_app.core.durable import transaction
from serve_app.errors import InvalidInput, RecordsFailed
from serve_app.security.subjects import SubjectSecret, fresh_key
from serve_app.storage.sqlite_file import connect_to_write

_AT_ONCE = 500
_TABLES = """
CREATE TABLE IF NOT EXISTS subject_keys (
    subject TEXT PRIMARY KEY, wrapped BLOB NOT NULL, created_at_s REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS erased_subjects (
    subject TEXT PRIMARY KEY, erased_at_s REAL NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """The key of a subject; nothing that came until `erased_at_s` is encrypted under it."""

    key: bytes
    erased_at_s: float | None = None


class SubjectKeys:
    """The keys in one file, which any process may use; none is held in memory.

    Every method raises RecordsFailed where the file cannot be used, and InvalidInput where its
    keys were wrapped by another secret.
    """

    def __init__(self, path: Path, secret: SubjectSecret) -> None:
        self._path = path
        self._secret = secret

    def known(self, subjects: Collection[str]) -> dict[str, bytes]:
        """The keys of those subjects that have one."""
        if not self._path.exists():
            return {}
        with self._opened() as connection:
            return self._keys(connection, subjects)

    def for_writing(self, subjects: Collection[str], at_s: float) -> dict[str, SubjectKey]:
        """The keys of all subjects; whoever has none yet gets one, which is on the disk then."""
        if not subjects:
            return {}
        with self._opened() as connection, transaction(connection):
            keys = self._keys(connection, subjects)
            fresh = {one: fresh_key() for one in subjects if one not in keys}
            connection.executemany(
                "INSERT INTO subject_keys VALUES (?, ?, ?)",
                [(one, self._secret.wrapped(key, one), at_s) for one, key in fresh.items()],
            )
            keys |= fresh
            erased = dict(_selected(connection, "erased_at_s", "erased_subjects", subjects))
        return {one: SubjectKey(key, erased.get(one)) for one, key in keys.items()}

    def erase(self, subject: str, at_s: float) -> bool:
        """Destroy the key of a subject; whether there was one. What came before is gone for good.

        What is still on its way and came before `at_s` (seconds since 1970) is not kept.
        """
        with self._opened() as connection:
            with transaction(connection):
                gone = connection.execute("DELETE FROM subject_keys WHERE subject = ?", (subject,))
                connection.execute(
                    "INSERT OR REPLACE INTO erased_subjects VALUES (?, ?)", (subject, at_s)
                )
                had_key = gone.rowcount > 0
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return had_key

    def erased_at_s(self, subject: str) -> float | None:
        """When a subject was erased last, in seconds since 1970; none where it never was."""
        if not self._path.exists():
            return None
        with self._opened() as connection:
            return dict(_selected(connection, "erased_at_s", "erased_subjects", [subject])).get(
                subject
            )

    def check(self) -> None:
        """See that the file can be used, and that its keys are those of this secret."""
        with self._opened() as connection:
            one = connection.execute("SELECT subject, wrapped FROM subject_keys LIMIT 1").fetchone()
            if one is not None:
                self._unwrapped(*one)

    def _keys(self, connection: sqlite3.Connection, subjects: Collection[str]) -> dict[str, bytes]:
        rows = _selected(connection, "wrapped", "subject_keys", subjects)
        return {subject: self._unwrapped(subject, wrapped) for subject, wrapped in rows}

    def _unwrapped(self, subject: str, wrapped: bytes) -> bytes:
        try:
            return self._secret.unwrapped(wrapped, subject)
        except InvalidInput as error:
            msg = (
                f"the keys of subjects in {self._path} are not those of this secret: give the "
                "secret that was there when they were made, or another file to begin anew"
            )
            raise InvalidInput(msg) from error

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            if not self._path.exists():
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            with closing(connect_to_write(self._path)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA secure_delete=ON")
                connection.executescript(_TABLES)
                yield connection
        except (sqlite3.Error, OSError) as error:
            msg = f"the keys of subjects in {self._path} cannot be used: {error}"
            raise RecordsFailed(msg, path=str(self._path)) from error


def _selected(
    connection: sqlite3.Connection, column: str, table: str, subjects: Collection[str]
) -> list[tuple[str, Any]]:
    every, rows = list(subjects), list[tuple[str, Any]]()
    for start in range(0, len(every), _AT_ONCE):
        some = every[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        query = f"SELECT subject, {column} FROM {table} WHERE subject IN ({marks})"  # noqa: S608 - constants and marks
        rows += connection.execute(query, some)
    return rows
