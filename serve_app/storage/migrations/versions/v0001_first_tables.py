"""Snapshots, feedback and events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "snapshots",
        sa.Column("version", _Number, primary_key=True, autoincrement=False),
        sa.Column("declaration", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "feedback",
        sa.Column("number", _Number, primary_key=True),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("prediction_id", sa.Text),
        sa.Column("variants", sa.Text, nullable=False),
        sa.Column("truth", sa.Text),
        sa.Column("reward", sa.Double),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("received_at_s", sa.Double, nullable=False),
        sa.Column("written_bytes", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("endpoint", "prediction_id", name="feedback_once"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "events",
        sa.Column("id", _Number, primary_key=True),
        sa.Column("at_s", sa.Double, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_kind", "events", ["kind", "id"])
    op.create_index("events_by_subject", "events", ["subject", "id"])
