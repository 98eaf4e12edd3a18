"""From a trigger to a run, or to the guard that kept it away: one transaction, once per reason."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from serve_app.config.retraining import DAY_S, GuardSettings
from serve_app.errors import Conflict
from serve_app.lifecycle.retraining.database import Database
from serve_app.lifecycle.retraining.guards import Refusal, Standing, refusal
from serve_app.lifecycle.retraining.ledger import Event, add_event
from serve_app.lifecycle.retraining.trigger import Recorded, Trigger

_COUNTED = ("REJECTED", "ROLLED_BACK")
"""Ends after which it is waited longer and longer: the challenger was no good."""


COUNTED_AGAIN_S = 300.0
"""How long after a reason came too soon it is counted again: counting reads all rows."""


class Intake:
    """Takes triggers of the models of one ledger.

    `count_new_rows` says how many rows with labels the champion's run did not read; it is asked
    only where a guard wants to know.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float],
        count_new_rows: Callable[[str, Mapping[str, Any]], int | None] = lambda *_: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._count_new_rows = count_new_rows

    def take(
        self, trigger: Trigger, pipeline: str, body: Mapping[str, Any], guards: GuardSettings
    ) -> Recorded:
        """Write a trigger down, and begin a run of `body` where no guard forbids it.

        A reason that was there before gives what came of it then, and begins nothing; but one
        that came before its rows had labels begins a run once enough of them have.

        Raises:
            Conflict: another process began a run at the same moment; take it again.
        """
        now_s = self._clock()
        known = self.known(trigger)
        if known is not None and not _waits(known, now_s):
            return known
        new_rows = self._count_new_rows(trigger.model, body) if _counts(trigger, guards) else None
        try:
            with self._database.writing() as db:
                again = _known(db, trigger)
                if again is not None and not _waits(again, now_s):
                    return again
                why = None
                if trigger.trains:
                    why = refusal(trigger, _standing(db, trigger.model, new_rows, now_s), guards,
                                  now_s)  # fmt: skip
                if again is None:
                    return _kept(db, trigger, why, (pipeline, body), now_s)
                return _tried_again(db, again, why, (pipeline, body), now_s)
        except sqlite3.IntegrityError as error:
            raise Conflict(f"another run of {trigger.model} begins now; try again") from error

    def known(self, trigger: Trigger) -> Recorded | None:
        """What came of the same reason before, if it was there."""
        with self._database.reading() as db:
            return _known(db, trigger)

    def triggers(self, model: str | None = None) -> list[Recorded]:
        """All triggers, of one model or of all, the newest first."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT * FROM trigger_row WHERE ? IS NULL OR model = ? ORDER BY id DESC",
                (model, model),
            ).fetchall()
        return [_recorded(row) for row in rows]

    def newest_s(self, model: str, kind: str) -> float | None:
        """When the newest trigger of a kind was taken, in seconds since 1970."""
        with self._database.reading() as db:
            row = db.execute(
                "SELECT max(at_s) FROM trigger_row WHERE model = ? AND kind = ?", (model, kind)
            ).fetchone()
        return None if row[0] is None else float(row[0])


def _waits(known: Recorded, now_s: float) -> bool:
    """Whether a reason came before enough rows had labels, and it is time to count them again."""
    return known.guard == "new rows" and now_s - known.trigger.at_s >= COUNTED_AGAIN_S


def _counts(trigger: Trigger, guards: GuardSettings) -> bool:
    return trigger.trains and not trigger.forced and guards.new_rows > 0


def _known(db: sqlite3.Connection, trigger: Trigger) -> Recorded | None:
    row = db.execute(
        "SELECT * FROM trigger_row WHERE model = ? AND dedupe_key = ?",
        (trigger.model, trigger.dedupe_key),
    ).fetchone()
    return None if row is None else _recorded(row, is_new=False)


def _kept(
    db: sqlite3.Connection,
    trigger: Trigger,
    why: Refusal | None,
    wanted: tuple[str, Mapping[str, Any]],
    now_s: float,
) -> Recorded:
    starts = trigger.trains and why is None
    outcome = "started" if starts else "dropped" if why is not None else "recorded"
    run = _next_name(db, trigger.model) if starts else None
    words = "" if why is None else why.words
    made = db.execute(
        "INSERT INTO trigger_row (model, kind, reason, evidence, dedupe_key, at_s, who, outcome, "
        "guard, words, run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            trigger.model, trigger.kind, trigger.reason, json.dumps(dict(trigger.evidence)),
            trigger.dedupe_key, trigger.at_s, trigger.who, outcome,
            None if why is None else why.guard, words, run,
        ),
    )  # fmt: skip
    if run is not None:
        _begin(db, run, (trigger.model, made.lastrowid or 0), wanted, now_s)
    what = f"trigger {outcome}" if why is None else f"trigger {outcome} by the guard {why.guard}"
    reason = trigger.reason if why is None else f"{trigger.reason}; {words}"
    after = "QUEUED" if starts else None
    who = trigger.who or trigger.kind
    add_event(db, Event(trigger.model, now_s, who, what, reason, run, after=after))
    row = db.execute("SELECT * FROM trigger_row WHERE id = ?", (made.lastrowid,)).fetchone()
    return _recorded(row)


def _begin(
    db: sqlite3.Connection,
    run: str,
    of: tuple[str, int],
    wanted: tuple[str, Mapping[str, Any]],
    now_s: float,
) -> None:
    """Write a new run down; `of` is its model and its trigger."""
    (model, trigger), (pipeline, body) = of, wanted
    db.execute(
        "INSERT INTO run (id, model, pipeline, body, trigger_id, state, version, epoch, "
        "created_s, entered_s) VALUES (?, ?, ?, ?, ?, 'QUEUED', 1, 0, ?, ?)",
        (run, model, pipeline, json.dumps(dict(body)), trigger, now_s, now_s),
    )


def _tried_again(
    db: sqlite3.Connection,
    known: Recorded,
    why: Refusal | None,
    wanted: tuple[str, Mapping[str, Any]],
    now_s: float,
) -> Recorded:
    """What comes of a reason that came too soon, now that rows were counted again."""
    trigger = known.trigger
    if why is not None:
        db.execute(
            "UPDATE trigger_row SET at_s = ?, words = ? WHERE id = ?", (now_s, why.words, known.id)
        )
    else:
        run = _next_name(db, trigger.model)
        db.execute(
            "UPDATE trigger_row SET at_s = ?, outcome = 'started', guard = NULL, words = '', "
            "run = ? WHERE id = ?",
            (now_s, run, known.id),
        )
        _begin(db, run, (trigger.model, known.id), wanted, now_s)
        who = trigger.who or trigger.kind
        event = Event(trigger.model, now_s, who, "trigger started", trigger.reason, run,
                      after="QUEUED")  # fmt: skip
        add_event(db, event)
    row = db.execute("SELECT * FROM trigger_row WHERE id = ?", (known.id,)).fetchone()
    return _recorded(row, is_new=why is None)


def _next_name(db: sqlite3.Connection, model: str) -> str:
    (count,) = db.execute("SELECT count(*) FROM run WHERE model = ?", (model,)).fetchone()
    return f"{model}-r{int(count) + 1}"


def _standing(db: sqlite3.Connection, model: str, new_rows: int | None, now_s: float) -> Standing:
    rows = db.execute(
        "SELECT id, state, is_over, created_s, entered_s FROM run WHERE model = ? "
        "ORDER BY created_s DESC, rowid DESC",
        (model,),
    ).fetchall()
    frozen = db.execute("SELECT who FROM freeze WHERE model = ?", (model,)).fetchone()
    rejections, rejected_s = 0, 0.0
    for row in rows:
        if row["state"] == "PROMOTED":
            break
        if row["state"] in _COUNTED:
            rejections += 1
            rejected_s = max(rejected_s, row["entered_s"])
    return Standing(
        active_run=next((row["id"] for row in rows if not row["is_over"]), None),
        frozen_by=None if frozen is None else frozen["who"],
        rejections=rejections,
        rejected_s=rejected_s,
        began_s=tuple(row["created_s"] for row in rows if row["created_s"] > now_s - DAY_S),
        new_rows=new_rows,
    )


def _recorded(row: sqlite3.Row, *, is_new: bool = True) -> Recorded:
    trigger = Trigger(
        row["model"], row["kind"], row["reason"], row["dedupe_key"], row["at_s"], row["who"],
        json.loads(row["evidence"]), row["outcome"] != "recorded",
    )  # fmt: skip
    return Recorded(
        row["id"], trigger, row["outcome"], row["guard"], row["words"], row["run"], is_new
    )
