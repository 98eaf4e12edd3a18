"""Feedback as rows of a table: each prediction once, everything that came in a log beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select, update

from serve_app.core.feedback import Feedback, Outcome
from serve_app.storage import feedback_retention as retention
from serve_app.storage import feedback_standing as standing
from serve_app.storage.database import Database
from serve_app.storage.feedback_bulk import among, insert_all, parts, update_all
from serve_app.storage.feedback_standing import Standing, Value
from serve_app.storage.tables import feedback as table
from serve_app.storage.tables import feedback_log as log
from serve_app.storage.takeover import ROW_BYTES

NAMES_NONE = "it names no prediction"
_KEPT_COLUMNS = (
    table.c.number, table.c.endpoint, table.c.identity, table.c.key, table.c.variants,
    table.c.truth, table.c.truth_at_s, table.c.reward, table.c.reward_at_s,
    table.c.first_at_s, table.c.before_s, table.c.state, table.c.due_at_s, table.c.why,
    table.c.revision,
)  # fmt: skip
_Name = tuple[str, str]
"""An endpoint, and the identity of a prediction of it."""
_Seen = tuple[float | str, str | None, float | None]
"""When an item became known or which request brought it, its truth and its reward."""


@dataclass(slots=True)
class _Entry:
    """One prediction while a list is taken: what stands, and what is to be written of it."""

    standing: Standing
    state: str
    due_at_s: float | None
    why: str = ""
    revision: int = 0
    number: int | None = None
    first: Feedback | None = None
    changed: bool = False
    log: list[dict[str, Any]] = field(default_factory=list)
    earlier: set[_Seen] = field(default_factory=set)


class FeedbackWriter:
    """Adds items to the table of feedback and to its log, a list at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_all(self, items: Sequence[Feedback], at_s: float) -> list[Outcome]:
        """Keep all items or none of them, in their order, and say what became of each.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        if not items:
            return []

        def record(connection: Connection) -> list[Outcome]:
            retention.one_at_a_time(connection)
            return _List(connection, at_s).take(items)

        return self._database.write(record)


class _List:
    """The items of one list, inside the transaction that keeps them."""

    def __init__(self, connection: Connection, at_s: float) -> None:
        self._connection = connection
        self._at_s = at_s
        self._entries: dict[_Name, _Entry] = {}
        self._nameless: list[_Entry] = []
        self._grown_bytes = 0

    def take(self, items: Sequence[Feedback]) -> list[Outcome]:
        """Keep the items, and forget what is beyond the bounds then."""
        names = [_name(item) for item in items]
        self._load({name for name in names if name is not None})
        self._load_log(items, names)
        outcomes = [self._taken(item, name) for item, name in zip(items, names, strict=True)]
        newest = self._write()
        counts = Counter(
            (item.endpoint, str(outcome)) for item, outcome in zip(items, outcomes, strict=True)
        )
        retention.count(self._connection, counts)
        amended = [e.number for e in self._entries.values() if e.changed and e.log and e.number]
        retention.shorten_logs(self._connection, amended)
        retention.forget(self._connection, newest)
        return outcomes

    def _load(self, names: set[_Name]) -> None:
        by_endpoint: dict[str, list[str]] = {}
        for endpoint, identity in names:
            by_endpoint.setdefault(endpoint, []).append(identity)
        for endpoint, identities in by_endpoint.items():
            for some in parts(identities):
                rows = select(*_KEPT_COLUMNS).where(
                    table.c.endpoint == endpoint,
                    among(self._connection, table.c.identity, some),
                )
                for row in self._connection.execute(rows):
                    self._entries[endpoint, row.identity] = _entry(row)

    def _load_log(self, items: Sequence[Feedback], names: Sequence[_Name | None]) -> None:
        """Read the log of what may have been received before, though another value stands."""
        often = Counter(name for name in names if name is not None)
        by_number: dict[int, _Entry] = {}
        for item, name in zip(items, names, strict=True):
            entry = None if name is None else self._entries.get(name)
            if entry is None or entry.number is None or entry.number in by_number:
                continue
            outcome = standing.added(entry.standing, item, self._at_s).outcome
            if (name is not None and often[name] > 1) or outcome in {"amended", "superseded"}:
                by_number[entry.number] = entry
        for some in parts(sorted(by_number)):
            lines = select(log).where(among(self._connection, log.c.number, some))
            for row in self._connection.execute(lines):
                by = row.request_id if row.label_at_s is None else row.label_at_s
                by_number[row.number].earlier.add((by, row.truth, row.reward))

    def _taken(self, item: Feedback, name: _Name | None) -> Outcome:
        known = None if name is None else self._entries.get(name)
        if known is not None:
            return self._added(known, item)
        begun = standing.begun(item, self._at_s)
        if name is None:
            entry = _Entry(begun, "unmatched", None, NAMES_NONE, first=item)
        else:
            entry = _Entry(begun, "pending", self._at_s, first=item)
        self._log(entry, item, "stored")
        if name is None:
            self._nameless.append(entry)
        else:
            self._entries[name] = entry
        return "stored"

    def _added(self, entry: _Entry, item: Feedback) -> Outcome:
        verdict = standing.added(entry.standing, item, self._at_s)
        if verdict.outcome in {"amended", "superseded"} and _came_before(entry, item):
            return "repeated"
        before, now = entry.standing, verdict.standing
        if verdict.outcome == "repeated" and now == before:
            return "repeated"
        entry.standing, entry.changed = now, True
        if verdict.outcome != "repeated":
            self._log(entry, item, verdict.outcome)
            self._grown_bytes += ROW_BYTES + 2 * len(item.truth_json or "")
        if verdict.outcome in {"completed", "amended"} or _means_another(before, now, item):
            # The matcher looks at it again: another row may be meant, or have a label now.
            entry.state, entry.due_at_s, entry.why = "pending", self._at_s, ""
            entry.revision += 1
        return verdict.outcome

    def _log(self, entry: _Entry, item: Feedback, outcome: Outcome) -> None:
        if item.label_at_s is not None:
            entry.earlier.add((item.label_at_s, item.truth_json, item.reward))
        entry.log.append(self._logged(item, outcome))

    def _logged(self, item: Feedback, outcome: Outcome) -> dict[str, Any]:
        return {
            "outcome": outcome,
            "truth": item.truth_json,
            "reward": item.reward,
            "label_at_s": item.label_at_s,
            "variants": standing.as_json(item.variants),
            "request_id": item.request_id,
            "received_at_s": self._at_s,
        }

    def _write(self) -> int:
        """Write what is new and what changed, and say the number of the newest row."""
        newest = select(table.c.number, table.c.written_bytes).order_by(table.c.number.desc())
        last = self._connection.execute(newest.limit(1)).first()
        number, written = (0, 0) if last is None else (last.number, last.written_bytes)
        entries = [*self._entries.values(), *self._nameless]
        rows = []
        for entry in entries:
            if entry.first is not None:
                number, written = number + 1, written + _size(entry)
                entry.number = number
                rows.append(self._row(entry, entry.first, written))
        changed = [
            {"number": entry.number, **_values(entry)}
            for entry in entries
            if entry.changed and entry.first is None
        ]
        insert_all(self._connection, table, rows)
        update_all(self._connection, table, changed, "number")
        logged = [{"number": entry.number, **line} for entry in entries for line in entry.log]
        insert_all(self._connection, log, logged)
        if self._grown_bytes:
            self._connection.execute(
                update(table)
                .where(table.c.number == number)
                .values(written_bytes=table.c.written_bytes + self._grown_bytes)
            )
        return number

    def _row(self, entry: _Entry, first: Feedback, written_bytes: int) -> dict[str, Any]:
        return {
            "number": entry.number,
            "endpoint": first.endpoint,
            "identity": standing.identity(first),
            "prediction_id": first.prediction_id,
            "row": first.row,
            "request_id": first.request_id,
            "received_at_s": self._at_s,
            "written_bytes": written_bytes,
            **_values(entry),
        }


def _name(item: Feedback) -> _Name | None:
    identity = standing.identity(item)
    return None if identity is None else (item.endpoint, identity)


def _entry(row: Any) -> _Entry:
    return _Entry(
        Standing(
            None if row.truth is None else Value(row.truth, row.truth_at_s),
            None if row.reward is None else Value(row.reward, row.reward_at_s),
            row.before_s,
            row.first_at_s,
            row.variants,
            row.key,
        ),
        row.state,
        row.due_at_s,
        row.why,
        row.revision,
        number=row.number,
    )


def _values(entry: _Entry) -> dict[str, Any]:
    now = entry.standing
    return {
        "key": now.key,
        "variants": now.variants,
        "truth": None if now.truth is None else now.truth.value,
        "truth_at_s": None if now.truth is None else now.truth.at_s,
        "reward": None if now.reward is None else now.reward.value,
        "reward_at_s": None if now.reward is None else now.reward.at_s,
        "first_at_s": now.first_at_s,
        "before_s": now.before_s,
        "state": entry.state,
        "due_at_s": entry.due_at_s,
        "why": entry.why,
        "revision": entry.revision,
    }


def _size(entry: _Entry) -> int:
    """About the bytes of a new row and of its line in the log."""
    truth = "" if entry.standing.truth is None else entry.standing.truth.value
    return ROW_BYTES + len(entry.standing.variants) + 2 * len(truth)


def _came_before(entry: _Entry, item: Feedback) -> bool:
    """Whether the log has an item already: by its time, or by the request that brought it."""
    by = item.request_id if item.label_at_s is None else item.label_at_s
    return by != "" and (by, item.truth_json, item.reward) in entry.earlier


def _means_another(before: Standing, now: Standing, item: Feedback) -> bool:
    """Whether what was known when may lead to another prediction, or make it early."""
    by_key = item.prediction_id is None and now.before_s != before.before_s
    return by_key or now.first_at_s != before.first_at_s
