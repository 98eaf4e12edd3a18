"""The state machine of runs: each step is one transition, and may be done again by another process.

What is done outside is intended in the ledger before and settled after. So whoever takes over,
after a process died at any moment, does what is missing and nothing twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.errors import ModelFailed, RegistryFailed, ServeError, Unavailable
from serve_app.lifecycle.digests import digest_of
from serve_app.lifecycle.gates import Gate, all_passed
from serve_app.lifecycle.retraining import decisions, live
from serve_app.lifecycle.retraining.effects import Effects, Ticket
from serve_app.lifecycle.retraining.leases import Lease
from serve_app.lifecycle.retraining.ledger import Change, Ledger
from serve_app.lifecycle.retraining.settings import settings_of
from serve_app.lifecycle.retraining.states import FREEZABLE, Run, State, challenger_of

MOST_ATTEMPTS = 3
"""So often something is begun whose process died; then the run has failed."""
POINTS = (
    "intended",  # the ledger knows that something is about to be done
    "done",  # it was done, and the ledger does not know
    "settled",  # the ledger knows what came of it, and the state is the former one
    "entered",  # the run is in its next state
)
"""Moments at which tests let a process die, after each effect and each state."""
_SMALL: frozenset[State] = frozenset({"DEPLOYING", "SHADOW", "PROMOTING", "ROLLING_BACK"})
"""What is tried until its deadline however often processes die: it moves what is live."""
_LIVE: frozenset[State] = frozenset({"DEPLOYING", "SHADOW", "CANARY"})
"""What is gone back from where it comes to nothing."""
_NOTHING_LIVE: frozenset[State] = frozenset(
    {"QUEUED", "SNAPSHOT", "TRAINING", "EVALUATING", "REGISTERING", "APPROVAL"}
)


_WHO = "retraining"
"""In whose name aliases move; which process it was, the ledger knows."""


def no_fault(point: str) -> None:
    """Go on, whatever the point."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Moves the runs of one model, whose lease it has. `fault` is called at each fault point."""

    ledger: Ledger
    effects: Effects
    lease: Lease
    clock: Callable[[], float]
    fault: Callable[[str], None] = no_fault

    def work(self) -> Run | None:
        """Move the model's run until it is over or waits; gives it, or none where there is none.

        Raises:
            Conflict: another process has taken over.
        """
        decisions.finish_rollbacks(
            self.ledger.database, self.effects.versions, self.lease.model, self.clock
        )
        run = self.ledger.active(self.lease.model)
        while run is not None and not run.is_over:
            following = self.step(run)
            if following is None:
                break
            run = following
        return run

    def step(self, run: Run) -> Run | None:
        """Move a run by one state; none where it waits for a person, for traffic, or for a thaw.

        Raises:
            Conflict: another process has taken over.
        """
        if run.cancel is not None and run.state in _NOTHING_LIVE:
            return self._moved(run, Change("CANCELLED", run.cancel))
        change: Change | None
        try:
            if run.state in FREEZABLE and self._is_frozen(run):
                return None
            change = self._change(run)
            why = "it has come to nothing so far"
        except (Unavailable, RegistryFailed) as error:
            change, why = None, error.message
        if change is None:
            change = self._late(run, why)
        return None if change is None else self._moved(run, change)

    def _moved(self, run: Run, change: Change) -> Run:
        moved = self.ledger.move(run, change, self.lease, self.clock())
        self.fault(f"{moved.state}: entered")
        return moved

    def _is_frozen(self, run: Run) -> bool:
        if decisions.frozen(self.ledger.database, run.model) is None:
            return False
        canaries = self.effects.canaries
        if run.state == "CANARY" and canaries is not None and run.challenger is not None:
            canaries.hold(self.ticket(run), run.challenger)
        return True

    def _late(self, run: Run, why: str) -> Change | None:
        """What becomes of a run that waits for longer than it may."""
        settings = settings_of(run)
        is_shown = run.state in {"SHADOW", "CANARY"}
        allowed_s = settings.canary_deadline if is_shown else settings.deadline
        if run.state == "APPROVAL" or self.clock() - run.entered_s <= allowed_s:
            return None
        words = f"{run.state} took longer than {allowed_s:.0f} s: {why}"
        backwards: State = "ROLLING_BACK" if run.state in _LIVE else "FAILED"
        return Change(backwards, words)

    def _change(self, run: Run) -> Change | None:
        try:
            return _STATES[run.state](self, run)
        except (Unavailable, RegistryFailed, sqlite3.Error):
            raise
        except ServeError as error:
            return _failed(run, error.message)
        except Exception as error:  # noqa: BLE001 - libraries that train raise whatever they like
            return _failed(run, f"{type(error).__name__}: {error}")

    def effect(
        self, run: Run, name: str, work: Callable[[Ticket], Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """Do something outside, unless it was done and settled before."""
        intent = self.ledger.intend(run, name, self.lease, self.clock())
        if intent.result is not None:
            return intent.result
        if intent.attempts > MOST_ATTEMPTS and run.state not in _SMALL:
            msg = f"{name} was begun {MOST_ATTEMPTS} times, and its process died each time"
            raise ModelFailed(msg)
        self.fault(f"{name}: intended")
        try:
            result = work(self.ticket(run))
        except (Unavailable, RegistryFailed):
            self.ledger.forgive(run, name)
            raise
        self.fault(f"{name}: done")
        self.ledger.settle(run, name, result, self.lease, self.clock())
        self.fault(f"{name}: settled")
        return result

    def ticket(self, run: Run) -> Ticket:
        """For whom something is done outside."""
        return Ticket(run.id, run.key, run.model, run.trigger, self.lease.epoch, run.body)

    def queued(self, run: Run) -> Change:  # noqa: ARG002 - states have one shape
        """Nothing is in the way: one process has the lease."""
        return Change("SNAPSHOT")

    def snapshot(self, run: Run) -> Change:
        """Rows are kept and split."""
        return Change("TRAINING", facts=self.effect(run, "snapshot", self.effects.training.prepare))

    def train(self, run: Run) -> Change:
        """Candidates are tried."""
        return Change("EVALUATING", facts=self.effect(run, "search", self.effects.training.search))

    def evaluate(self, run: Run) -> Change:
        """The best is judged by what was held out."""

        def judged(ticket: Ticket) -> dict[str, Any]:
            seen = self.effects.training.judge(ticket)
            return {
                "gates": [one.to_json() for one in seen.gates],
                "champion": seen.champion,
            }

        facts = self.effect(run, "evaluate", judged)
        gates = [Gate(**one) for one in facts["gates"]]
        champion = facts["champion"]
        if not gates:
            words = "the pipeline has no gates, and what nobody judged is not promoted"
            return Change("REJECTED", words, facts, champion)
        lost = _lost(gates)
        return Change("REJECTED" if lost else "REGISTERING", lost, facts, champion)

    def register(self, run: Run) -> Change:
        """A version is made of it, which is loaded and held against the champion."""

        def registered(ticket: Ticket) -> dict[str, Any]:
            return {"version": self.effects.training.register(ticket)}

        version = int(self.effect(run, "register", registered)["version"])

        def inspected(ticket: Ticket) -> dict[str, Any]:
            gates = self.effects.versions.inspect(ticket, version, run.champion)
            return {"gates": [one.to_json() for one in gates]}

        checks = self.effect(run, "inspect", inspected)["gates"]
        gates = [*run.facts["gates"], *checks]
        digest = self._digest(run, version, gates)
        facts = {"gates": gates, "digest": digest}
        lost = _lost([Gate(**one) for one in checks])
        if lost:
            return Change("REJECTED", lost, facts, challenger=version)
        if settings_of(run).approval.required:
            return Change("APPROVAL", "a person has to agree", facts, challenger=version)
        return Change(_onwards(run), "all gates passed", facts, challenger=version)

    def approve(self, run: Run) -> Change | None:
        """A person has agreed, has not, or has said nothing in time."""
        version = challenger_of(run)
        if self.effects.versions.champion(run.model) != run.champion:
            words = "another version became champion, with which this one was not compared"
            return Change("SUPERSEDED", words)
        decision = decisions.decision(self.ledger.database, run.id)
        if decision is None:
            within_s = settings_of(run).approval.within
            if self.clock() - run.entered_s > within_s:
                return Change("EXPIRED", f"nobody decided within {within_s:.0f} s")
            return None
        words = f"{decision.who}: {decision.why}" if decision.why else decision.who
        if not decision.approved:
            return Change("REJECTED", f"rejected by {words}")
        if decision.digest != self._digest(run, version, run.facts["gates"]):
            return Change("REJECTED", "the version is not what was approved any more")
        return Change(_onwards(run), f"approved by {words}")

    def promote(self, run: Run) -> Change:
        """The alias moves, if it still names what the challenger was held against."""
        version = challenger_of(run)

        def promoted(ticket: Ticket) -> dict[str, Any]:
            result = self.effects.versions.promote(
                ticket.model, version, run.champion, mark=mark_of(ticket.key), who=_WHO
            )
            return {"promotion": result}

        result = self.effect(run, "promote", promoted)["promotion"]
        if result == "promoted":
            return Change("PROMOTED", f"{run.model}@{version} is champion")
        words = "another version became champion meanwhile, and that is not undone"
        return Change("ROLLING_BACK" if settings_of(run).endpoint else "SUPERSEDED", words)

    def _digest(self, run: Run, version: int, gates: list[dict[str, Any]]) -> str:
        """Of what a person agrees to: the version as it is stored, and its gates."""
        stored = self.effects.versions.digest(run.model, version)
        return digest_of({"version": version, "stored": stored, "gates": gates})


def mark_of(key: str) -> str:
    """The reason of an alias's move, by which the move of a run is known again."""
    return f"promoted by retraining run {key}"


def _onwards(run: Run) -> State:
    return "DEPLOYING" if settings_of(run).endpoint else "PROMOTING"


def _lost(gates: list[Gate]) -> str:
    """Which gates did not pass, in words; empty where all did."""
    if all_passed(gates):
        return ""
    lost = [
        f"{one.name} {one.verdict}{f' ({one.reason})' if one.reason else ''}"
        for one in gates
        if one.verdict != "passed"
    ]
    return "; ".join(lost)


def _failed(run: Run, words: str) -> Change:
    # What has all requests already, and may not be champion, goes back as well.
    is_live = run.state in _LIVE or (run.state == "PROMOTING" and settings_of(run).endpoint)
    return Change("ROLLING_BACK" if is_live else "FAILED", words)


_STATES: Mapping[State, Callable[[Machine, Run], Change | None]] = {
    "QUEUED": Machine.queued,
    "SNAPSHOT": Machine.snapshot,
    "TRAINING": Machine.train,
    "EVALUATING": Machine.evaluate,
    "REGISTERING": Machine.register,
    "APPROVAL": Machine.approve,
    "DEPLOYING": live.deploy,
    "SHADOW": live.shadow,
    "CANARY": live.canary,
    "PROMOTING": Machine.promote,
    "ROLLING_BACK": live.roll_back,
}
