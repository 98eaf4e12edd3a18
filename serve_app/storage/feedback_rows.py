"""Feedback as rows of a table: each prediction once, the oldest leave first."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, case, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from serve_app.core.feedback import Feedback, Outcome, Received
from serve_app.storage.database import open_database
from serve_app.storage.place import Place
from serve_app.storage.tables import feedback as table
from serve_app.storage.takeover import ROW_BYTES

KEPT = 1_000_000
KEPT_BYTES = 1024**3
"""So many are kept, and about so many bytes of them."""
FORGOTTEN_AT_ONCE = 100
_FIELDS = [column for column in table.c if column.name != "written_bytes"]


class FeedbackRows:
    """Writes and reads the table of feedback; `clock` gives seconds since 1970."""

    def __init__(self, place: Place, clock: Callable[[], float]) -> None:
        self._database = open_database(place, clock)

    def record(self, feedback: Feedback, at_s: float) -> Outcome:
        """Add feedback, or complete what is there of the same prediction.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        return self._database.write(lambda connection: _record(connection, feedback, at_s))

    def counts(self, endpoint: str | None) -> list[Received]:
        """How much there is, by endpoint and variants.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        counts = select(
            table.c.endpoint,
            table.c.variants,
            func.count(),
            func.count(table.c.truth),
            func.count(table.c.reward),
            func.avg(table.c.reward),
        ).group_by(table.c.endpoint, table.c.variants)
        if endpoint is not None:
            counts = counts.where(table.c.endpoint == endpoint)
        rows = self._database.read(table, lambda c: c.execute(counts).all()) or []
        return [
            Received(name, tuple(json.loads(variants)), total, truths, rewards, reward)
            for name, variants, total, truths, rewards, reward in rows
        ]

    def page(self, endpoint: str | None, after: int, limit: int) -> Sequence[Row[Any]]:
        """Up to so many rows that come after a number.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        rows = select(*_FIELDS).where(table.c.number > after).order_by(table.c.number).limit(limit)
        if endpoint is not None:
            rows = rows.where(table.c.endpoint == endpoint)
        return self._database.read(table, lambda c: c.execute(rows).all()) or []


def _record(connection: Connection, feedback: Feedback, at_s: float) -> Outcome:
    if not _is_known(connection, feedback):
        try:
            # Of several who add the same one at once, the others complete it.
            with connection.begin_nested():
                number = _add(connection, feedback, at_s)
        except IntegrityError:
            return _complete(connection, feedback)
        _forget(connection, number)
        return "stored"
    return _complete(connection, feedback)


def _same_prediction(feedback: Feedback) -> Any:
    return and_(
        table.c.endpoint == feedback.endpoint, table.c.prediction_id == feedback.prediction_id
    )


def _is_known(connection: Connection, feedback: Feedback) -> bool:
    if feedback.prediction_id is None:
        return False
    known = connection.execute(select(table.c.number).where(_same_prediction(feedback)))
    return known.first() is not None


def _add(connection: Connection, feedback: Feedback, at_s: float) -> int:
    variants = json.dumps(feedback.variants)
    size = ROW_BYTES + len(variants) + len(feedback.truth_json or "")
    newest = select(table.c.written_bytes).order_by(table.c.number.desc()).limit(1)
    written = connection.execute(newest).scalar() or 0
    row = {
        "endpoint": feedback.endpoint,
        "prediction_id": feedback.prediction_id,
        "variants": variants,
        "truth": feedback.truth_json,
        "reward": feedback.reward,
        "request_id": feedback.request_id,
        "received_at_s": at_s,
        "written_bytes": written + size,
    }
    number: int = connection.execute(
        insert(table).values(row).returning(table.c.number)
    ).scalar_one()
    return number


def _complete(connection: Connection, feedback: Feedback) -> Outcome:
    truth, reward = feedback.truth_json, feedback.reward
    missing = []
    if truth is not None:
        missing.append(table.c.truth.is_(None))
    if reward is not None:
        missing.append(table.c.reward.is_(None))
    if not missing:
        return "known"
    completed = connection.execute(
        update(table)
        .where(_same_prediction(feedback), or_(*missing))
        .values(
            truth=func.coalesce(table.c.truth, truth),
            reward=func.coalesce(table.c.reward, reward),
            variants=case(
                (table.c.variants == "[]", json.dumps(feedback.variants)), else_=table.c.variants
            ),
        )
    )
    if completed.rowcount != 1:
        return "known"
    newest = select(func.max(table.c.number)).scalar_subquery()
    connection.execute(
        update(table)
        .where(table.c.number == newest)
        .values(written_bytes=table.c.written_bytes + len(truth or ""))
    )
    return "completed"


def _forget(connection: Connection, number: int) -> None:
    """Let the oldest go, once there are too many or they are too long together."""
    connection.execute(delete(table).where(table.c.number <= number - KEPT))
    oldest = select(func.min(table.c.number)).scalar_subquery()
    newest = select(func.max(table.c.number)).scalar_subquery()
    written = select(table.c.written_bytes)
    while True:
        first = connection.execute(written.where(table.c.number == oldest)).scalar() or 0
        last = connection.execute(written.where(table.c.number == newest)).scalar() or 0
        if last - first <= KEPT_BYTES:
            return
        connection.execute(delete(table).where(table.c.number < oldest + FORGOTTEN_AT_ONCE))
