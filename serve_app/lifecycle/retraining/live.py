"""States of a run whose challenger is shown requests, or answers some of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from serve_app.lifecycle.retraining.ledger import Change
from serve_app.lifecycle.retraining.settings import settings_of
from serve_app.lifecycle.retraining.states import Run, State, challenger_of

if TYPE_CHECKING:
    from serve_app.config.retraining import ShadowSettings
    from serve_app.lifecycle.retraining.effects import Effects, Shown, Ticket


class Moves(Protocol):
    """What moves runs: the state machine."""

    @property
    def effects(self) -> Effects:
        """All that is done outside."""
        ...

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since 1970."""
        ...

    def effect(
        self, run: Run, name: str, work: Callable[[Ticket], Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """Do something outside, unless it was done and settled before."""
        ...

    def ticket(self, run: Run) -> Ticket:
        """For whom something is done outside."""
        ...


def deploy(machine: Moves, run: Run) -> Change:
    """The version is the challenger of the endpoint's canary."""
    canaries, version = machine.effects.canaries, challenger_of(run)
    if canaries is None:
        words = "the pipeline names an endpoint, and no cluster is known here"
        return Change("ROLLING_BACK", words)

    def begun(ticket: Ticket) -> dict[str, Any]:
        canaries.begin(ticket, version)
        return {}

    machine.effect(run, "deploy", begun)
    if settings_of(run).shadow is not None:
        return Change("SHADOW", "the challenger is shown requests")
    return Change("CANARY", "the challenger has its first share")


def shadow(machine: Moves, run: Run) -> Change | None:
    """It is shown what others answer; then it has its first share."""
    canaries, version = machine.effects.canaries, challenger_of(run)
    settings = settings_of(run).shadow
    if canaries is None or settings is None:
        return None
    if run.cancel is not None:
        return Change("ROLLING_BACK", run.cancel)
    seen = canaries.shown(machine.ticket(run), version, run.entered_s)
    if seen.superseded:
        return Change("SUPERSEDED", seen.superseded)
    facts = {"shadow": {"rows": seen.rows, "failed": seen.failed, "agreement": seen.agreement}}
    problem = shadow_problem(settings, seen)
    if problem and not seen.has_share:
        return Change("ROLLING_BACK", problem, facts)
    has_lasted = machine.clock() - run.entered_s >= settings.lasts
    if not seen.has_share and not (has_lasted and seen.rows >= settings.rows):
        return None

    def started(ticket: Ticket) -> dict[str, Any]:
        canaries.start(ticket, version)
        return facts

    # Where it has its share already, somebody has begun, or this run before its process died.
    words = f"{seen.rows} rows were shown, and the challenger has its first share"
    return Change("CANARY", words, machine.effect(run, "start", started))


def shadow_problem(settings: ShadowSettings, seen: Shown) -> str:
    """Why a challenger gets no share, by all that it was shown so far; empty where nothing is.

    With too few rows only what is certain counts: that it agrees less often, by the upper bound.
    """
    enough = seen.rows >= settings.rows
    if enough and seen.failed is not None and seen.failed > settings.failed:
        return f"shadow: it failed at {seen.failed:.2%} of the requests ({settings.failed:.2%})"
    if settings.agreement is None:
        return ""
    if enough and seen.agreement is None:
        return "shadow: agreement is of classes, and this model gives none"
    measured = seen.agreement if enough else seen.agreement_upper
    if measured is not None and measured < settings.agreement:
        agreed = 0.0 if seen.agreement is None else seen.agreement
        return f"shadow: it agrees on {agreed:.2%} of {seen.rows} rows ({settings.agreement:.2%})"
    return ""


def canary(machine: Moves, run: Run) -> Change | None:
    """Live traffic judges it."""
    canaries, version = machine.effects.canaries, challenger_of(run)
    if canaries is None:
        return None
    ticket = machine.ticket(run)
    if run.cancel is not None:
        return Change("ROLLING_BACK", run.cancel)
    seen = canaries.state(ticket, version)
    if seen.state == "superseded":
        return Change("SUPERSEDED", seen.words)
    if seen.state == "waiting":
        canaries.go_on(ticket, version)
        return None
    following: State = "PROMOTING" if seen.state == "promoted" else "ROLLING_BACK"
    return Change(following, seen.words)


def roll_back(machine: Moves, run: Run) -> Change:
    """All requests go to the champion again."""
    canaries, version = machine.effects.canaries, challenger_of(run)

    def undone(ticket: Ticket) -> dict[str, Any]:
        if canaries is not None:
            canaries.undo(ticket, version)
        return {}

    machine.effect(run, "undo", undone)
    return Change("ROLLED_BACK", "the champion answers all requests")
