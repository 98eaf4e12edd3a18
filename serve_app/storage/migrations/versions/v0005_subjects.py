"""Whom labelled rows are about, so that they can be erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add a column; what was matched before is about nobody that is known."""
    op.add_column("feedback_matches", sa.Column("subject", sa.Text))
    op.create_index("feedback_matches_by_subject", "feedback_matches", ["subject"])
