"""How much feedback is kept: the oldest leaves, and what left is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select, text

from serve_app.storage.feedback_bulk import among, parts
from serve_app.storage.tables import AnyText
from serve_app.storage.tables import feedback as table
from serve_app.storage.tables import feedback_log as log
from serve_app.storage.tables import feedback_matches as matches

KEPT = 1_000_000
KEPT_BYTES = 1024**3
"""So many predictions are kept, and about so many bytes of them and of the log."""
KEPT_OF_ONE = 100
"""So many items of one prediction are in the log."""
FORGOTTEN_AT_ONCE = 100
_WRITER_KEY = 0x5E27EA9A
"""Whoever writes feedback to a server holds this advisory lock, as SQLite's writers hold one."""
_COUNT = text(
    "INSERT INTO feedback_counts (endpoint, what, count) VALUES (:endpoint, :what, :count) "
    "ON CONFLICT (endpoint, what) DO UPDATE SET count = feedback_counts.count + excluded.count"
).bindparams(bindparam("endpoint", type_=AnyText()))


def one_at_a_time(connection: Connection) -> None:
    """Wait until no other transaction writes feedback; SQLite lets one write at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_KEY})")


def count(connection: Connection, counts: Mapping[tuple[str, str], int]) -> None:
    """Add to the counts, by endpoint and what is counted."""
    rows = [
        {"endpoint": endpoint, "what": what, "count": number}
        for (endpoint, what), number in sorted(counts.items())
        if number
    ]
    if rows:
        connection.execute(_COUNT, rows)


def forget(connection: Connection, newest: int) -> None:
    """Let the oldest go, once there are too many or they are too long together."""
    number = func.min(table.c.number)
    oldest = connection.execute(select(number)).scalar()
    if oldest is None:
        return
    last = _written(connection, newest)
    before = min(max(oldest, newest - KEPT + 1), newest)
    while before < newest and last - _written(connection, before) > KEPT_BYTES:
        after = connection.execute(
            select(number).where(table.c.number >= before + FORGOTTEN_AT_ONCE)
        ).scalar()
        before = newest if after is None else after
    if before <= oldest:
        return
    lost = select(table.c.endpoint, func.count()).where(table.c.number < before)
    counts = Counter(
        {
            (endpoint, "forgotten"): rows
            for endpoint, rows in connection.execute(lost.group_by(table.c.endpoint))
        }
    )
    for one in (matches, log, table):
        connection.execute(delete(one).where(one.c.number < before))
    count(connection, counts)


def shorten_logs(connection: Connection, numbers: Sequence[int]) -> None:
    """Let the oldest items of predictions go of which the log has very many."""
    counts: Counter[tuple[str, str]] = Counter()
    for some in parts(numbers):
        long = (
            select(log.c.number, table.c.endpoint)
            .join(table, table.c.number == log.c.number)
            .where(among(connection, log.c.number, some))
            .group_by(log.c.number, table.c.endpoint)
            .having(func.count() > KEPT_OF_ONE)
        )
        for row in connection.execute(long).all():
            newest = (
                select(log.c.id)
                .where(log.c.number == row.number)
                .order_by(log.c.id.desc())
                .limit(KEPT_OF_ONE)
            )
            gone = connection.execute(
                delete(log).where(log.c.number == row.number, log.c.id.not_in(newest))
            )
            counts[row.endpoint, "forgotten amendments"] += gone.rowcount
    count(connection, counts)


def _written(connection: Connection, number: int) -> int:
    """How much was ever written up to the first row from a number on."""
    first = (
        select(table.c.written_bytes)
        .where(table.c.number >= number)
        .order_by(table.c.number)
        .limit(1)
    )
    return connection.execute(first).scalar() or 0
