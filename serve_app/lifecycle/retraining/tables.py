"""The tables of the ledger of retraining."""

from __future__ import annotations

VERSION = 1
"""What `PRAGMA user_version` says of a ledger with these tables."""

SCHEMA = (
    """
    CREATE TABLE lease (
        model TEXT PRIMARY KEY, owner TEXT NOT NULL, epoch INTEGER NOT NULL,
        expires_s REAL NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE trigger_row (
        id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, kind TEXT NOT NULL,
        reason TEXT NOT NULL, evidence TEXT NOT NULL, dedupe_key TEXT NOT NULL,
        at_s REAL NOT NULL, who TEXT NOT NULL, outcome TEXT NOT NULL, guard TEXT,
        words TEXT NOT NULL, run TEXT, UNIQUE (model, dedupe_key)
    ) STRICT
    """,
    """
    CREATE TABLE run (
        id TEXT PRIMARY KEY, model TEXT NOT NULL, pipeline TEXT NOT NULL, body TEXT NOT NULL,
        trigger_id INTEGER NOT NULL REFERENCES trigger_row (id), state TEXT NOT NULL,
        version INTEGER NOT NULL, epoch INTEGER NOT NULL, created_s REAL NOT NULL,
        entered_s REAL NOT NULL, is_over INTEGER NOT NULL DEFAULT 0, champion INTEGER,
        challenger INTEGER, cancel TEXT, error TEXT, facts TEXT NOT NULL DEFAULT '{}'
    ) STRICT
    """,
    # The database itself holds that a model has one run at a time.
    "CREATE UNIQUE INDEX one_run ON run (model) WHERE is_over = 0",
    """
    CREATE TABLE effect (
        run TEXT NOT NULL REFERENCES run (id), name TEXT NOT NULL, epoch INTEGER NOT NULL,
        attempts INTEGER NOT NULL, intended_s REAL NOT NULL, result TEXT, settled_s REAL,
        PRIMARY KEY (run, name)
    ) STRICT
    """,
    """
    CREATE TABLE event (
        id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, run TEXT, at_s REAL NOT NULL,
        who TEXT NOT NULL, what TEXT NOT NULL, why TEXT NOT NULL, state_before TEXT,
        state_after TEXT
    ) STRICT
    """,
    """
    CREATE TABLE decision (
        run TEXT PRIMARY KEY REFERENCES run (id), approved INTEGER NOT NULL, digest TEXT NOT NULL,
        who TEXT NOT NULL, why TEXT NOT NULL, at_s REAL NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE freeze (
        model TEXT PRIMARY KEY, who TEXT NOT NULL, why TEXT NOT NULL, at_s REAL NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE rollback (
        id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, version INTEGER NOT NULL,
        expected INTEGER, who TEXT NOT NULL, why TEXT NOT NULL, at_s REAL NOT NULL,
        result TEXT
    ) STRICT
    """,
)
