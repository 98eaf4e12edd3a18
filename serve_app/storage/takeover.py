"""What former versions kept in files of their own comes into the one database, once."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from serve_app.storage.last_good import LastGood
from serve_app.storage.sqlite_file import connect_to_read, has_table, is_damage, renamed

FORMER = {"snapshots": "snapshots.sqlite", "feedback": "feedback.sqlite"}
"""The former file of each table, in the same folder. Its columns were the same."""
ROW_BYTES = 100
"""About what a row of feedback takes beside its truth."""
_SNAPSHOTS = "SELECT version, declaration, body FROM snapshots ORDER BY version"
_ADD_SNAPSHOT = "INSERT OR IGNORE INTO snapshots (version, declaration, body) VALUES (?, ?, ?)"
_FEEDBACK = """
SELECT number, endpoint, prediction_id, variants, truth, reward, request_id, received_at_s,
SUM(LENGTH(variants) + LENGTH(COALESCE(truth, '')) + :row_bytes) OVER (ORDER BY number)
FROM feedback ORDER BY number
"""
_ADD_FEEDBACK = """
INSERT OR IGNORE INTO feedback (number, endpoint, prediction_id, variants, truth, reward,
request_id, received_at_s, written_bytes, identity, truth_at_s, reward_at_s, first_at_s, before_s,
state, due_at_s, why, revision)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'id::' || ?3,
CASE WHEN ?5 IS NULL THEN NULL ELSE ?8 END, CASE WHEN ?6 IS NULL THEN NULL ELSE ?8 END, ?8, ?8,
CASE WHEN ?3 IS NULL THEN 'unmatched' ELSE 'pending' END,
CASE WHEN ?3 IS NULL THEN NULL ELSE ?8 END,
CASE WHEN ?3 IS NULL THEN 'it names no prediction' ELSE '' END, 0
"""
_LOG_FEEDBACK = """
INSERT INTO feedback_log
(number, outcome, truth, reward, label_at_s, variants, request_id, received_at_s)
SELECT number, 'stored', truth, reward, NULL, variants, request_id, received_at_s
FROM feedback ORDER BY number
"""
_COUNT_FEEDBACK = """
INSERT INTO feedback_counts (endpoint, what, count)
SELECT endpoint, 'stored', COUNT(*) FROM feedback GROUP BY endpoint
"""
_COPY = {"snapshots": (_SNAPSHOTS, _ADD_SNAPSHOT), "feedback": (_FEEDBACK, _ADD_FEEDBACK)}
logger = logging.getLogger("serve_app.storage")


def former_file(database: Path, table: str) -> Path | None:
    """The file in which a table was kept formerly, where there is one."""
    name = FORMER.get(table)
    file = None if name is None else database.with_name(name)
    return file if file is not None and file.exists() else None


def fill(connection: sqlite3.Connection, database: Path) -> None:
    """Fill fresh tables, inside the transaction that made them.

    They get what former versions kept in the same folder, and the last good snapshot.

    Raises:
        sqlite3.Error: a former file cannot be read now; one that is damaged is left out.
    """
    for table in FORMER:
        file = former_file(database, table)
        if file is not None:
            _copy(connection, file, table)
    connection.execute(_LOG_FEEDBACK)
    connection.execute(_COUNT_FEEDBACK)
    last = LastGood.beside(database).read()
    if last is not None:
        connection.execute(_ADD_SNAPSHOT, (last.version, last.declaration, last.body))


def _copy(connection: sqlite3.Connection, file: Path, table: str) -> None:
    select, insert = _COPY[table]
    before = connection.total_changes
    try:
        with closing(connect_to_read(file)) as former:
            if has_table(former, table):
                connection.executemany(insert, former.execute(select, {"row_bytes": ROW_BYTES}))
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        logger.error("a file of a former version is damaged", extra={"file": str(file)})
    rows = connection.total_changes - before
    logger.info("a former file was taken over", extra={"file": str(file), "rows": rows})


def retire(database: Path) -> None:
    """Rename former files once their content stands in the database.

    Raises:
        OSError: they cannot be renamed.
    """
    for table in FORMER:
        file = former_file(database, table)
        if file is not None:
            logger.info("a former file was renamed", extra={"file": str(renamed(file, "former"))})
