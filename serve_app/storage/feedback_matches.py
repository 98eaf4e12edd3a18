"""Feedback and the predictions that it is about, in the database."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, Select, delete, func, select, tuple_

from serve_app.core.labelled import (
    Coverage,
    LabelledRow,
    Match,
    Miss,
    PendingFeedback,
    PredictedRow,
)
from serve_app.storage import feedback_retention as retention
from serve_app.storage.database import Database
from serve_app.storage.feedback_bulk import among, insert_all, parts, update_all
from serve_app.storage.feedback_labels import truth_of
from serve_app.storage.feedback_standing import owner_in
from serve_app.storage.tables import feedback as table
from serve_app.storage.tables import feedback_counts as counts
from serve_app.storage.tables import feedback_matches as matches

_ROW = matches.c.row
_MATCHED: list[Any] = [column for column in matches.c if column is not matches.c.subject]
_PENDING = select(
    table.c.number, table.c.revision, table.c.prediction_id, table.c.key, table.c.row,
    table.c.truth, table.c.reward, table.c.before_s, table.c.first_at_s, table.c.received_at_s,
    table.c.identity,
)  # fmt: skip


class FeedbackMatches:
    """Says what is still looked for, and keeps what was matched."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(self, endpoint: str, limit: int, due_s: float) -> list[PendingFeedback]:
        """Up to so much feedback that is to be looked for now, what waits longest first."""
        due = (
            _PENDING.where(
                table.c.endpoint == endpoint,
                table.c.state == "pending",
                table.c.due_at_s <= due_s,
            )
            .order_by(table.c.due_at_s, table.c.number)
            .limit(limit)
        )
        rows = self._database.read(matches, lambda c: c.execute(due).all()) or []
        return [_pending(row) for row in rows]

    def decide(self, decisions: Sequence[Match | Miss]) -> int:
        """Keep what was matched and missed, and say how much of it; what changed meanwhile waits.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        if not decisions:
            return 0

        def write(connection: Connection) -> int:
            retention.one_at_a_time(connection)
            return _decide(connection, decisions)

        return self._database.write(write)

    def labelled(
        self, endpoint: str, since_s: float, until_s: float, page: int
    ) -> Iterator[LabelledRow]:
        """The labelled rows of predictions of some time, the oldest first, each once.

        Where several items are about a row, the newest truth and the newest reward stand.
        """
        after = (since_s, "", -1)
        while True:
            rows = self._page(endpoint, after, until_s, page)
            groups = _by_row(rows)
            if len(rows) < page:
                yield from (_labelled(group) for group in groups)
                return
            if len(groups) == 1:
                page *= 2
                continue
            # What is about the last row may go on in the next page.
            yield from (_labelled(group) for group in groups[:-1])
            first = groups[-1][0]
            after = (first.predicted_at_s, first.prediction_id, first.row)

    def _page(
        self, endpoint: str, start: tuple[float, str, int], until_s: float, limit: int
    ) -> Sequence[Row[Any]]:
        place = tuple_(matches.c.predicted_at_s, matches.c.prediction_id, _ROW)
        rows: Select[Any] = (
            select(
                *_MATCHED, table.c.truth, table.c.truth_at_s, table.c.reward, table.c.reward_at_s,
                table.c.first_at_s, table.c.key, table.c.row.label("about"),
                table.c.prediction_id.label("named"),
            )
            .join(table, table.c.number == matches.c.number)
            .where(matches.c.endpoint == endpoint, matches.c.predicted_at_s < until_s)
            .where(place >= start)
            .order_by(matches.c.predicted_at_s, matches.c.prediction_id, _ROW, matches.c.number)
            .limit(limit)
        )  # fmt: skip
        return self._database.read(matches, lambda c: c.execute(rows).all()) or []

    def arrivals(self, endpoint: str, limit: int) -> dict[tuple[str, ...], list[float]]:
        """How late labels came by variants, in seconds: those that are newest here."""
        rows = (
            select(matches.c.variants, table.c.received_at_s - matches.c.predicted_at_s)
            .join(table, table.c.number == matches.c.number)
            .where(matches.c.endpoint == endpoint, table.c.truth.is_not(None))
            .order_by(matches.c.number.desc())
            .limit(limit)
        )
        newest = self._database.read(matches, lambda c: c.execute(rows).all()) or []
        by_variants: dict[str, list[float]] = {}
        for variants, delay_s in newest:
            by_variants.setdefault(variants, []).append(max(0.0, delay_s))
        return {tuple(json.loads(variants)): delays for variants, delays in by_variants.items()}

    def labelled_count(self, endpoint: str, since_s: float, until_s: float) -> int:
        """How many rows of the predictions of some time have a truth."""
        rows = (
            select(matches.c.prediction_id, _ROW)
            .join(table, table.c.number == matches.c.number)
            .where(
                matches.c.endpoint == endpoint,
                matches.c.predicted_at_s >= since_s,
                matches.c.predicted_at_s < until_s,
                table.c.truth.is_not(None),
            )
            .distinct()
            .subquery()
        )
        counted = select(func.count()).select_from(rows)
        return self._database.read(matches, lambda c: c.execute(counted).scalar()) or 0

    def coverage(
        self,
        endpoint: str,
        times_s: tuple[float, float],
        predicted: Mapping[tuple[str, ...], int],
    ) -> tuple[Coverage, ...]:
        """Label coverage and delays by variants, of predictions of some time."""
        since_s, until_s = times_s
        rows = (
            select(
                matches.c.variants,
                func.min(table.c.first_at_s) - matches.c.predicted_at_s,
                func.min(matches.c.late),
            )
            .join(table, table.c.number == matches.c.number)
            .where(
                matches.c.endpoint == endpoint,
                matches.c.predicted_at_s >= since_s,
                matches.c.predicted_at_s < until_s,
            )
            .group_by(matches.c.variants, matches.c.prediction_id, _ROW, matches.c.predicted_at_s)
        )

        def read(connection: Connection) -> dict[str, tuple[array[float], int]]:
            by_variants: dict[str, tuple[array[float], int]] = {}
            for variants, delay_s, late in connection.execute(rows):
                delays, all_late = by_variants.get(variants, (array("d"), 0))
                delays.append(max(0.0, delay_s))
                by_variants[variants] = delays, all_late + late
            return by_variants

        labelled = {
            tuple(json.loads(variants)): one
            for variants, one in (self._database.read(matches, read) or {}).items()
        }
        names = sorted({*labelled, *predicted})
        return tuple(
            _coverage(name, predicted.get(name, 0), *labelled.get(name, (array("d"), 0)))
            for name in names
        )

    def counts(self, endpoint: str) -> dict[str, int]:
        """How often what became of feedback, and how much is in which state now."""
        counted = select(counts.c.what, counts.c["count"].label("count_of")).where(
            counts.c.endpoint == endpoint
        )
        states = (
            select(table.c.state, func.count().label("count_of"))
            .where(table.c.endpoint == endpoint)
            .group_by(table.c.state)
        )
        late = select(func.count(matches.c.number.distinct())).where(
            matches.c.endpoint == endpoint, matches.c.late == 1
        )

        def read(connection: Connection) -> dict[str, int]:
            numbers = {row.what: row.count_of for row in connection.execute(counted)}
            numbers |= {row.state: row.count_of for row in connection.execute(states)}
            return {**numbers, "late": connection.execute(late).scalar() or 0}

        return self._database.read(counts, read) or {}


def _pending(row: Any) -> PendingFeedback:
    return PendingFeedback(
        row.number, row.revision, row.prediction_id, row.key, row.row, row.truth, row.reward,
        row.before_s, row.first_at_s, row.received_at_s, owner_in(row.identity),
    )  # fmt: skip


def _decide(connection: Connection, decisions: Sequence[Match | Miss]) -> int:
    revisions: dict[int, tuple[int, str]] = {}
    numbers = [one.feedback.number for one in decisions]
    for some in parts(numbers):
        rows = select(table.c.number, table.c.revision, table.c.endpoint).where(
            among(connection, table.c.number, some), table.c.state == "pending"
        )
        revisions |= {row.number: (row.revision, row.endpoint) for row in connection.execute(rows)}
    current = [
        one
        for one in decisions
        if revisions.get(one.feedback.number, (None, ""))[0] == one.feedback.revision
    ]
    if not current:
        return 0
    update_all(connection, table, [_state(one) for one in current], "number")
    for some in parts([one.feedback.number for one in current]):
        connection.execute(delete(matches).where(among(connection, matches.c.number, some)))
    rows_of = [
        _match_row(one, place, revisions[one.feedback.number][1])
        for one in current
        if isinstance(one, Match)
        for place in range(len(one.rows))
    ]
    insert_all(connection, matches, rows_of)
    given_up = Counter(
        (revisions[one.feedback.number][1], "given up")
        for one in current
        if isinstance(one, Miss) and one.again_at_s is None
    )
    retention.count(connection, given_up)
    return len(current)


def _state(one: Match | Miss) -> dict[str, Any]:
    if isinstance(one, Match):
        state, due_at_s, why = "matched", None, ""
    else:
        state = "unmatched" if one.again_at_s is None else "pending"
        due_at_s, why = one.again_at_s, one.why
    return {"number": one.feedback.number, "state": state, "due_at_s": due_at_s, "why": why}


def _match_row(match: Match, place: int, endpoint: str) -> dict[str, Any]:
    row = match.rows[place]
    shares = row.probabilities
    return {
        "number": match.feedback.number,
        "place": place,
        "endpoint": endpoint,
        "prediction_id": row.prediction_id,
        "row": row.row,
        "predicted_at_s": row.at_s,
        "variants": json.dumps(row.variants),
        "value": json.dumps(row.value),
        "probabilities": None if shares is None else json.dumps(shares),
        "propensity": row.propensity,
        "assignment": json.dumps(dict(row.assignment)),
        "epoch": row.epoch,
        "segments": json.dumps(dict(row.segments)),
        "late": int(match.late),
        "subject": row.subject,
    }


def _by_row(rows: Sequence[Row[Any]]) -> list[list[Row[Any]]]:
    """Rows that follow each other and are about the same row of a request, together."""
    groups: list[list[Row[Any]]] = []
    last = None
    for row in rows:
        name = (row.predicted_at_s, row.prediction_id, row.row)
        if name != last:
            groups.append([])
            last = name
        groups[-1].append(row)
    return groups


def _labelled(group: Sequence[Row[Any]]) -> LabelledRow:
    first = group[0]
    truths = [
        (row.truth_at_s, row.number, truth_of(row.truth, row.row, whole=_is_whole(row)))
        for row in group
        if row.truth is not None
    ]
    known = [one for one in truths if one[2] is not None]
    rewards = [(r.reward_at_s, r.number, r.reward) for r in group if r.reward is not None]
    return LabelledRow(
        PredictedRow(
            first.prediction_id,
            first.row,
            first.predicted_at_s,
            tuple(json.loads(first.variants)),
            json.loads(first.value),
            None if first.probabilities is None else tuple(json.loads(first.probabilities)),
            next((row.key for row in group if row.key is not None), None),
            first.propensity,
            json.loads(first.assignment),
            first.epoch,
            json.loads(first.segments),
        ),
        max(known, key=lambda one: one[:2])[2] if known else None,
        max(rewards)[2] if rewards else None,
        max(0.0, min(row.first_at_s for row in group) - first.predicted_at_s),
        bool(min(row.late for row in group)),
    )


def _is_whole(row: Row[Any]) -> bool:
    """Whether feedback is about a whole request, and not about one row of it."""
    return row.named is not None and row.about is None


def _coverage(
    variants: tuple[str, ...], predicted: int, delays: array[float], late: int
) -> Coverage:
    numbers = np.asarray(delays)
    median, p90 = (None, None) if not len(numbers) else map(float, np.quantile(numbers, (0.5, 0.9)))
    coverage = len(numbers) / predicted if predicted else None
    return Coverage(variants, predicted, len(numbers), late, coverage, median, p90)
