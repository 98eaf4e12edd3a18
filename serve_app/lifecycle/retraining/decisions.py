"""What people decide: approve, reject, cancel, freeze, and go back to a former version."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serve_app.config.retraining import RetrainSettings
from serve_app.errors import Conflict, NotPermitted
from serve_app.lifecycle.retraining.database import Database
from serve_app.lifecycle.retraining.ledger import Event, Ledger, add_event, run_of
from serve_app.lifecycle.retraining.states import FREEZABLE, Run, moment

if TYPE_CHECKING:
    # Effects are done by what trains, which whoever decides does not need.
    from serve_app.lifecycle.retraining.effects import Versions

_SHORTEST_DIGEST = 8
"""A shorter one, such as that of a variable that was never set, would fit what nobody looked at."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided of a run: of what, by its digest, and why."""

    approved: bool
    digest: str
    who: str
    why: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Freeze:
    """Who froze a model, and why."""

    model: str
    who: str
    why: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Author:
    """Who does something now, and why, as they say."""

    who: str
    why: str
    at_s: float


def decision(database: Database, run: str) -> Decision | None:
    """What was decided of a run, if anything was."""
    with database.reading() as db:
        row = db.execute("SELECT * FROM decision WHERE run = ?", (run,)).fetchone()
    return None if row is None else _decision(row)


def decide(
    ledger: Ledger, run: Run, by: Author, *, approved: bool, digest: str | None = None
) -> Decision:
    """Approve a challenger or reject it, once: whoever works on the run goes on with that.

    With `digest` only if the challenger and its gates are those of that digest.

    Raises:
        Conflict: the run does not wait for that, somebody decided, or the digest is another.
        NotPermitted: another person than who began the run has to.
    """
    database = ledger.database
    with database.writing() as db:
        row = db.execute("SELECT * FROM run WHERE id = ?", (run.id,)).fetchone()
        if row is None or row["state"] != "APPROVAL":
            state = run.state if row is None else row["state"]
            raise Conflict(f"run {run.id} waits for no approval: it is {state}")
        run = run_of(row)
        wanted = str(run.facts.get("digest", ""))
        if digest is not None and len(digest) < _SHORTEST_DIGEST:
            msg = (
                f"the digest {digest!r} could be that of anything: give at least "
                f"{_SHORTEST_DIGEST} digits of it, as retrain status {run.id} shows them"
            )
            raise Conflict(msg)
        if digest is not None and not wanted.startswith(digest):
            msg = f"run {run.id} waits for the approval of {wanted[:12]}, and not of {digest}"
            raise Conflict(msg)
        settings = RetrainSettings.model_validate(run.body.get("retrain") or {})
        began = db.execute("SELECT who FROM trigger_row WHERE id = ?", (run.trigger,)).fetchone()[
            "who"
        ]
        if approved and settings.approval.by_another and by.who == began:
            msg = f"{by.who} began run {run.id}, and another person has to approve it"
            raise NotPermitted(msg)
        if by.at_s - run.entered_s > settings.approval.within:
            raise Conflict(f"run {run.id} waited for {settings.approval.within:.0f} s, too long")
        try:
            db.execute(
                "INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?)",
                (run.id, approved, wanted, by.who, by.why, by.at_s),
            )
        except sqlite3.IntegrityError as error:
            raise Conflict(f"somebody has decided about run {run.id} already") from error
        what = "approved" if approved else "rejected"
        add_event(db, Event(run.model, by.at_s, by.who, what, by.why, run.id))
    return Decision(approved, wanted, by.who, by.why, by.at_s)


def cancel(ledger: Ledger, run: Run, by: Author) -> None:
    """Let a run end: before anything is live at once, in a canary by going back.

    Raises:
        Conflict: it is over, or its version becomes champion at this moment.
    """
    with ledger.database.writing() as db:
        changed = db.execute(
            "UPDATE run SET cancel = ? WHERE id = ? AND is_over = 0 "
            "AND state NOT IN ('PROMOTING', 'ROLLING_BACK')",
            (f"cancelled by {by.who}{f': {by.why}' if by.why else ''}", run.id),
        )
        if changed.rowcount != 1:
            raise Conflict(f"run {run.id} cannot be cancelled: it is {run.state}")
        add_event(db, Event(run.model, by.at_s, by.who, "cancel", by.why, run.id))


def freezes(database: Database) -> list[Freeze]:
    """All models that are frozen."""
    with database.reading() as db:
        rows = db.execute("SELECT * FROM freeze ORDER BY model").fetchall()
    return [Freeze(row["model"], row["who"], row["why"], row["at_s"]) for row in rows]


def frozen(database: Database, model: str) -> Freeze | None:
    """The freeze of a model, if it is frozen."""
    return next((one for one in freezes(database) if one.model == model), None)


def freeze(database: Database, model: str, by: Author) -> Freeze:
    """Begin no run, take no step of a canary and promote nothing; going back stays possible.

    Again, it leaves who did so first.
    """
    with database.writing() as db:
        made = db.execute(
            "INSERT OR IGNORE INTO freeze VALUES (?, ?, ?, ?)", (model, by.who, by.why, by.at_s)
        )
        if made.rowcount == 1:
            add_event(db, Event(model, by.at_s, by.who, "freeze", by.why))
        row = db.execute("SELECT * FROM freeze WHERE model = ?", (model,)).fetchone()
    return Freeze(model, row["who"], row["why"], row["at_s"])


def unfreeze(database: Database, model: str, by: Author) -> bool:
    """Let things go on; says whether the model was frozen.

    A run that stood still has the whole time of its state again.
    """
    with database.writing() as db:
        gone = db.execute("DELETE FROM freeze WHERE model = ?", (model,))
        if gone.rowcount != 1:
            return False
        states = ", ".join("?" * len(FREEZABLE))
        db.execute(
            f"UPDATE run SET entered_s = ? WHERE model = ? AND state IN ({states})",  # noqa: S608 - question marks
            (by.at_s, model, *sorted(FREEZABLE)),
        )
        add_event(db, Event(model, by.at_s, by.who, "unfreeze", by.why))
    return True


def roll_back(
    database: Database,
    versions: Versions,
    model: str,
    version: int,
    by: Author,
    before: Callable[[], None] = lambda: None,
) -> str:
    """Let a former version be champion again, whatever is frozen; says what came of it.

    It is written down before and after, so that one that is interrupted is finished by whoever
    works on the model next. `before` is done once the version is known to fit.

    Raises:
        ServeError: the version does not load, or does not fit what clients know.
        Conflict: it is champion already.
    """
    standing = versions.champion(model)
    if standing == version:
        raise Conflict(f"{model}@{version} is champion already")
    versions.check(model, version)
    before()
    with database.writing() as db:
        made = db.execute(
            "INSERT INTO rollback (model, version, expected, who, why, at_s) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (model, version, standing, by.who, by.why, by.at_s),
        )
        what = f"roll back to {model}@{version}"
        add_event(db, Event(model, by.at_s, by.who, what, by.why))
        row = db.execute("SELECT * FROM rollback WHERE id = ?", (made.lastrowid,)).fetchone()
    return _finish(database, versions, row, by.at_s)


def finish_rollbacks(
    database: Database, versions: Versions, model: str, clock: Callable[[], float]
) -> None:
    """Finish what a process left that died while it went back."""
    with database.reading() as db:
        rows = db.execute(
            "SELECT * FROM rollback WHERE model = ? AND result IS NULL ORDER BY id", (model,)
        ).fetchall()
    for row in rows:
        _finish(database, versions, row, clock())


def rollbacks(database: Database, model: str | None = None) -> list[dict[str, Any]]:
    """All that went back, the newest first."""
    with database.reading() as db:
        rows = db.execute(
            "SELECT * FROM rollback WHERE ? IS NULL OR model = ? ORDER BY id DESC", (model, model)
        ).fetchall()
    return [dict(row) for row in rows]


def _finish(database: Database, versions: Versions, row: sqlite3.Row, now_s: float) -> str:
    model, version = str(row["model"]), int(row["version"])
    why = f": {row['why']}" if row["why"] else ""
    mark = f"rollback {row['id']} of {moment(row['at_s'])}{why}"
    result = versions.promote(model, version, row["expected"], mark=mark, who=row["who"])
    words = f"{model}@{version} is champion" if result == "promoted" else result
    with database.writing() as db:
        changed = db.execute(
            "UPDATE rollback SET result = ? WHERE id = ? AND result IS NULL", (words, row["id"])
        )
        if changed.rowcount == 1:
            add_event(db, Event(model, now_s, row["who"], "rolled back", words))
    return words


def _decision(row: sqlite3.Row) -> Decision:
    return Decision(bool(row["approved"]), row["digest"], row["who"], row["why"], row["at_s"])
