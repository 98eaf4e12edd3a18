"""The tables as they are after all migrations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class AnyText(TypeDecorator[str]):
    """Text that may hold the character 0, which PostgreSQL does not keep; it is shown as ␀."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """What the database is given."""
        if isinstance(value, str) and dialect.name == "postgresql":
            return value.replace("\0", "␀")
        return value


Number = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up only what is declared as INTEGER; it has 64 bits there."""
metadata = MetaData()

snapshots = Table(
    "snapshots",
    metadata,
    Column("version", Number, primary_key=True, autoincrement=False),
    Column("declaration", Text, nullable=False),
    Column("body", Text, nullable=False),
)

feedback = Table(
    "feedback",
    metadata,
    Column("number", Number, primary_key=True),
    Column("endpoint", AnyText, nullable=False),
    Column("identity", AnyText),
    Column("prediction_id", AnyText),
    Column("key", AnyText),
    Column("row", Integer),
    Column("variants", Text, nullable=False),
    Column("truth", Text),
    Column("truth_at_s", Double),
    Column("reward", Double),
    Column("reward_at_s", Double),
    Column("request_id", AnyText, nullable=False),
    Column("received_at_s", Double, nullable=False),
    Column("first_at_s", Double, nullable=False),
    Column("before_s", Double, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at_s", Double),
    Column("why", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("written_bytes", BigInteger, nullable=False),
    UniqueConstraint("endpoint", "identity", name="feedback_by_prediction"),
    Index("feedback_due", "endpoint", "state", "due_at_s"),
    sqlite_autoincrement=True,
)
"""What stands of each prediction: `identity` is what its feedback has in common.

`written_bytes` is how much was ever written up to this row: what two rows differ by lies
between them, so that nobody has to add up a million rows."""

feedback_log = Table(
    "feedback_log",
    metadata,
    Column("id", Number, primary_key=True),
    Column("number", Number, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("truth", Text),
    Column("reward", Double),
    Column("label_at_s", Double),
    Column("variants", Text, nullable=False),
    Column("request_id", AnyText, nullable=False),
    Column("received_at_s", Double, nullable=False),
    Index("feedback_log_by_number", "number", "id"),
    sqlite_autoincrement=True,
)
"""Every item as it came, but for what only said again what stood; numbers are those of `feedback`.
"""

feedback_matches = Table(
    "feedback_matches",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("endpoint", AnyText, nullable=False),
    Column("prediction_id", AnyText, nullable=False),
    Column("row", Integer, nullable=False),
    Column("predicted_at_s", Double, nullable=False),
    Column("variants", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("probabilities", Text),
    Column("propensity", Double),
    Column("assignment", Text, nullable=False),
    Column("epoch", BigInteger),
    Column("segments", Text, nullable=False),
    Column("late", Integer, nullable=False),
    Column("subject", Text),
    Index("feedback_matches_by_time", "endpoint", "predicted_at_s"),
    Index("feedback_matches_by_subject", "subject"),
)
"""The labelled rows of the predictions that feedback is about; `place` counts them from 0."""

feedback_counts = Table(
    "feedback_counts",
    metadata,
    Column("endpoint", AnyText, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

windows = Table(
    "windows",
    metadata,
    Column("endpoint", AnyText, primary_key=True),
    Column("variant", AnyText, primary_key=True),
    Column("profile", Text, primary_key=True),
    Column("length_s", Integer, primary_key=True, autoincrement=False),
    Column("start_s", BigInteger, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)
"""Counts of rows by the cells of a profile, of stretches of time."""

monitor_state = Table(
    "monitor_state",
    metadata,
    Column("name", Text, primary_key=True),
    Column("body", Text, nullable=False),
)
"""What else the monitor has to know again, as JSON, by what it is."""

events = Table(
    "events",
    metadata,
    Column("id", Number, primary_key=True),
    Column("at_s", Double, nullable=False),
    Column("who", AnyText, nullable=False),
    Column("kind", AnyText, nullable=False),
    Column("subject", AnyText, nullable=False),
    Column("why", AnyText, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Index("events_by_kind", "kind", "id"),
    Index("events_by_subject", "subject", "id"),
    sqlite_autoincrement=True,
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("principal", AnyText, nullable=False),
    Column("body", Text, nullable=False),
    Column("changed_at_s", Double, nullable=False),
)
"""What is kept of API keys, as JSON: digests, and no key. None is ever removed."""
