"""The tables of the ledger of jobs, and its longer queries."""

from __future__ import annotations

_JOBS = (
    """
    CREATE TABLE job (
        id TEXT PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        content_key TEXT NOT NULL,
        body TEXT NOT NULL,
        state TEXT NOT NULL,
        message TEXT NOT NULL,
        submitted_at_s REAL NOT NULL,
        changed_at_s REAL NOT NULL
    )
    """,
    """
    CREATE TABLE shard (
        job TEXT NOT NULL REFERENCES job (id),
        number INTEGER NOT NULL,
        file INTEGER NOT NULL,
        first_row INTEGER NOT NULL,
        row_count INTEGER NOT NULL,
        start INTEGER NOT NULL,
        stop INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'PENDING',
        attempts INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        rows_ok INTEGER NOT NULL DEFAULT 0,
        rows_bad INTEGER NOT NULL DEFAULT 0,
        committed TEXT NOT NULL DEFAULT '',
        error TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (job, number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE attempt (
        job TEXT NOT NULL,
        shard INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        began_at_s REAL NOT NULL,
        ended_at_s REAL,
        outcome TEXT NOT NULL,
        error TEXT NOT NULL,
        PRIMARY KEY (job, shard, attempt)
    ) WITHOUT ROWID
    """,
)
_NAMES = (
    """
    CREATE TABLE named (
        system TEXT NOT NULL,
        name TEXT NOT NULL,
        job TEXT NOT NULL REFERENCES job (id),
        request TEXT NOT NULL,
        given_at_s REAL NOT NULL,
        PRIMARY KEY (system, name)
    ) WITHOUT ROWID
    """,
)
_PLACES = (
    "CREATE INDEX job_out ON job (json_extract(body, '$.out'))",
    "CREATE INDEX job_state ON job (state)",
    "CREATE INDEX job_submitted ON job (submitted_at_s)",
)
STEPS = (_JOBS, _NAMES, _PLACES)
"""What each release added to the one before."""
UNFINISHED = "SELECT COUNT(*) FROM job WHERE state NOT IN (SELECT value FROM json_each(?))"
OWNER = "SELECT id FROM job WHERE json_extract(body, '$.out') = ? ORDER BY submitted_at_s LIMIT 1"
"""As the index `job_out` has it, word for word: else every job would be read."""
TOTALS = """
SELECT COUNT(*), COALESCE(SUM(state = 'DONE'), 0), COALESCE(SUM(state = 'POISONED'), 0),
       COALESCE(SUM(row_count), 0),
       COALESCE(SUM(CASE WHEN state = 'DONE' THEN row_count ELSE 0 END), 0),
       COALESCE(SUM(rows_ok), 0), COALESCE(SUM(rows_bad), 0), COALESCE(SUM(attempts), 0)
FROM shard WHERE job = ?
"""
LATELY = """
SELECT SUM(shard.row_count), MIN(attempt.began_at_s) FROM attempt
JOIN shard ON shard.job = attempt.job AND shard.number = attempt.shard
WHERE attempt.job = ? AND attempt.outcome = 'COMMITTED' AND attempt.ended_at_s >= ?
"""
