"""The tables as they are after all migrations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
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
    Column("prediction_id", AnyText),
    Column("variants", Text, nullable=False),
    Column("truth", Text),
    Column("reward", Double),
    Column("request_id", AnyText, nullable=False),
    Column("received_at_s", Double, nullable=False),
    Column("written_bytes", BigInteger, nullable=False),
    UniqueConstraint("endpoint", "prediction_id", name="feedback_once"),
    sqlite_autoincrement=True,
)
"""`written_bytes` is how much was ever written up to this row: what two rows differ by lies
between them, so that nobody has to add up a million rows."""

events = Table(
    "events",
    metadata,
    Column("id", Number, primary_key=True),
    Column("at_s", Double, nullable=False),
    Column("who", AnyText, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", AnyText, nullable=False),
    Column("why", AnyText, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Index("events_by_kind", "kind", "id"),
    Index("events_by_subject", "subject", "id"),
    sqlite_autoincrement=True,
)
