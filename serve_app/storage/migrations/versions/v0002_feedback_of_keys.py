"""Feedback by keys and by rows, its log, the predictions that it is about, and counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# What is there names predictions as wholes, and its times are those of its receipt.
_FILL = """
UPDATE feedback SET
    identity = CASE WHEN prediction_id IS NULL THEN NULL ELSE 'id::' || prediction_id END,
    truth_at_s = CASE WHEN truth IS NULL THEN NULL ELSE received_at_s END,
    reward_at_s = CASE WHEN reward IS NULL THEN NULL ELSE received_at_s END,
    first_at_s = received_at_s,
    before_s = received_at_s,
    state = CASE WHEN prediction_id IS NULL THEN 'unmatched' ELSE 'pending' END,
    due_at_s = CASE WHEN prediction_id IS NULL THEN NULL ELSE received_at_s END,
    why = CASE WHEN prediction_id IS NULL THEN 'it names no prediction' ELSE '' END,
    revision = 0
"""
_LOG = """
INSERT INTO feedback_log
    (number, outcome, truth, reward, label_at_s, variants, request_id, received_at_s)
SELECT number, 'stored', truth, reward, NULL, variants, request_id, received_at_s
FROM feedback ORDER BY number
"""
_COUNT = """
INSERT INTO feedback_counts (endpoint, what, count)
SELECT endpoint, 'stored', COUNT(*) FROM feedback GROUP BY endpoint
"""


def upgrade() -> None:
    """Widen the table of feedback and add those beside it; what is there stays as it is."""
    _add_columns()
    op.execute(_FILL)
    _tighten()
    op.create_index("feedback_due", "feedback", ["endpoint", "state", "due_at_s"])
    _make_log()
    _make_matches()
    op.create_table(
        "feedback_counts",
        sa.Column("endpoint", sa.Text, primary_key=True),
        sa.Column("what", sa.Text, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.execute(_LOG)
    op.execute(_COUNT)


def _add_columns() -> None:
    for name, kind in (
        ("identity", sa.Text()),
        ("key", sa.Text()),
        ("row", sa.Integer()),
        ("truth_at_s", sa.Double()),
        ("reward_at_s", sa.Double()),
        ("first_at_s", sa.Double()),
        ("before_s", sa.Double()),
        ("state", sa.Text()),
        ("due_at_s", sa.Double()),
        ("why", sa.Text()),
        ("revision", sa.Integer()),
    ):
        op.add_column("feedback", sa.Column(name, kind))


def _tighten() -> None:
    # SQLite changes no constraint: there the table is copied.
    with op.batch_alter_table("feedback", table_kwargs={"sqlite_autoincrement": True}) as batch:
        for name, kind in (
            ("first_at_s", sa.Double()),
            ("before_s", sa.Double()),
            ("state", sa.Text()),
            ("why", sa.Text()),
            ("revision", sa.Integer()),
        ):
            batch.alter_column(name, existing_type=kind, nullable=False)
        batch.drop_constraint("feedback_once", type_="unique")
        batch.create_unique_constraint("feedback_by_prediction", ["endpoint", "identity"])


def _make_log() -> None:
    op.create_table(
        "feedback_log",
        sa.Column("id", _Number, primary_key=True),
        sa.Column("number", _Number, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("truth", sa.Text),
        sa.Column("reward", sa.Double),
        sa.Column("label_at_s", sa.Double),
        sa.Column("variants", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("received_at_s", sa.Double, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("feedback_log_by_number", "feedback_log", ["number", "id"])


def _make_matches() -> None:
    op.create_table(
        "feedback_matches",
        sa.Column("number", _Number, primary_key=True, autoincrement=False),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("prediction_id", sa.Text, nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("predicted_at_s", sa.Double, nullable=False),
        sa.Column("variants", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("probabilities", sa.Text),
        sa.Column("propensity", sa.Double),
        sa.Column("assignment", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger),
        sa.Column("segments", sa.Text, nullable=False),
        sa.Column("late", sa.Integer, nullable=False),
    )
    op.create_index("feedback_matches_by_time", "feedback_matches", ["endpoint", "predicted_at_s"])
