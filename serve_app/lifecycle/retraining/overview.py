"""Runs of retraining for whoever shows them, and decides about those that wait for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serve_app.config.retraining import ApprovalSettings, RetrainSettings
from serve_app.errors import Conflict, NotFound, NotPermitted
from serve_app.lifecycle.retraining import decisions
from serve_app.lifecycle.retraining.database import Database
from serve_app.lifecycle.retraining.decisions import Author, Decision
from serve_app.lifecycle.retraining.ledger import Ledger, run_of
from serve_app.lifecycle.retraining.states import Run

_ROWS = """
SELECT run.*, trigger_row.who AS began_by, trigger_row.kind AS kind,
       trigger_row.reason AS reason
FROM run JOIN trigger_row ON trigger_row.id = run.trigger_id
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides, and why; `is_proven` says whether more than their word tells who they are."""

    name: str
    why: str
    is_proven: bool


class RetrainingRuns:
    """The ledger of retraining in a folder; `clock` is seconds since 1970. Calls block.

    A folder without a ledger has no runs, and gets no ledger.
    """

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self.folder = folder
        self._database = Database(folder)
        self._ledger = Ledger(self._database)
        self._clock = clock

    @property
    def is_there(self) -> bool:
        """Whether anything was ever trained again here."""
        return self._database.path.exists()

    def waiting(self) -> list[dict[str, Any]]:
        """The runs that wait for a person, the oldest first."""
        return self._read("WHERE run.state = 'APPROVAL' ORDER BY run.entered_s", ())

    def page(self, first: int, count: int) -> list[dict[str, Any]]:
        """So many runs from a place on, where 0 is the newest."""
        return self._read(
            "ORDER BY run.created_s DESC, run.rowid DESC LIMIT ? OFFSET ?", (count, first)
        )

    def count(self) -> int:
        """How many runs there are."""
        if not self.is_there:
            return 0
        with self._database.reading() as db:
            return int(db.execute("SELECT count(*) FROM run").fetchone()[0])

    def freezes(self) -> list[dict[str, Any]]:
        """Models of which nothing is begun or promoted, with who wanted that and why."""
        if not self.is_there:
            return []
        return [asdict(one) for one in decisions.freezes(self._database)]

    def show(self, name: str) -> dict[str, Any]:
        """A run, what happened to it, and what a person decided of it, if one did.

        Raises:
            NotFound: there is none of this name.
        """
        self._check_there(name)
        self._ledger.run(name)
        (run,) = self._read("WHERE run.id = ?", (name,))
        decision = decisions.decision(self._database, name)
        return {
            **run,
            "events": [asdict(one) for one in self._ledger.events(run=name)],
            "decision": None if decision is None else asdict(decision),
        }

    def decide(self, name: str, by: Person, *, approved: bool, digest: str) -> Decision:
        """Approve or reject the challenger of a run, of whose gates somebody saw this digest.

        Whoever works on the run goes on with that.

        Raises:
            NotFound: there is no such run.
            Conflict: it does not wait for that, somebody decided, or the digest is another.
            NotPermitted: another person has to.
        """
        self._check_there(name)
        run = self._ledger.run(name)
        if approved and not by.is_proven and _approval(run).by_another:
            msg = (
                f"another person than who began run {name} has to approve it, and nothing proves "
                "here who you are: with `access` in the gateway's args people log in"
            )
            raise NotPermitted(msg)
        author = self._author(by)
        return decisions.decide(self._ledger, run, author, approved=approved, digest=digest)

    def cancel(self, name: str, by: Person) -> float:
        """End a run: at once, or by going back where it has live traffic; says when that was.

        Raises:
            NotFound: there is no such run.
            Conflict: it is over, or its version becomes champion at this moment.
        """
        self._check_there(name)
        author = self._author(by)
        decisions.cancel(self._ledger, self._ledger.run(name), author)
        return author.at_s

    def freeze(self, model: str, by: Person) -> float:
        """Begin no run of a model, take no step of its canary and promote nothing.

        Says since when that is so.
        """
        return decisions.freeze(self._database, model, self._author(by)).at_s

    def unfreeze(self, model: str, by: Person) -> float:
        """Let runs of a model begin and go on again; says when that was.

        Raises:
            Conflict: it is not frozen.
        """
        author = self._author(by)
        if not self.is_there or not decisions.unfreeze(self._database, model, author):
            raise Conflict(f"{model} is not frozen")
        return author.at_s

    def _author(self, by: Person) -> Author:
        return Author(by.name, by.why, self._clock())

    def _read(self, rest: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        if not self.is_there:
            return []
        with self._database.reading() as db:
            rows = db.execute(f"{_ROWS} {rest}", values).fetchall()
        return [
            {**_run_json(run_of(row)), "began_by": row["began_by"], "kind": row["kind"],
             "reason": row["reason"]}
            for row in rows
        ]  # fmt: skip

    def _check_there(self, name: str) -> None:
        if not self.is_there:
            msg = f"there is no run {name!r} of retraining: nothing was trained again yet"
            raise NotFound(msg)


def _run_json(run: Run) -> dict[str, Any]:
    """A run with until when it waits for a person, and whether that has to be another one."""
    approval = _approval(run)
    return {
        **run.to_json(),
        "waits_until_s": run.entered_s + approval.within,
        "by_another": approval.by_another,
    }


def _approval(run: Run) -> ApprovalSettings:
    return RetrainSettings.model_validate(run.body.get("retrain") or {}).approval
