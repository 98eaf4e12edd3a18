"""What happens to runs of retraining, among the events of the cluster: `serve-app events`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import click

from serve_app.core.events import RETRAINING
from serve_app.errors import ServeError

if TYPE_CHECKING:
    from serve_app.core.events import Event
    from serve_app.lifecycle.retraining.ledger import Event as Happening
    from serve_app.lifecycle.retraining.ledger import Ledger

_RUNS = 2
"""Of the newest runs of a model: those before were complete when these began."""
_LIMIT = 200
_OF_MODELS = frozenset({"freeze", "unfreeze", "rolled back"})
"""What happens to a model and not to a run of it."""


class Log(Protocol):
    """Where events are kept."""

    def append(self, event: Event) -> Event:
        """Keep an event."""
        ...

    def newest(
        self, limit: int = 100, *, kind: str | None = None, subject: str | None = None
    ) -> list[Event]:
        """The newest events."""
        ...


def log_of(state: str) -> Log | None:
    """The events of a state, if it is there already: without a cluster nobody looks for them."""
    from serve_app.storage.events import EventLog
    from serve_app.storage.place import place_of

    file = place_of(state).file
    return EventLog(state) if file is None or file.is_file() else None


def publish(ledger: Ledger, log: Log, model: str) -> None:
    """Keep what happened to a model lately, each of it once, whoever kept the rest before.

    Raises:
        ServeError: it cannot be written, or not be read.
    """
    runs = [one.id for one in ledger.runs(model)[:_RUNS]]
    happened = [*ledger.events(model)]
    for subject in (*reversed(runs), model):
        mine = [one for one in happened if _is_of(one, subject, model)][-_LIMIT:]
        known = {_key(one) for one in log.newest(_LIMIT, kind=RETRAINING, subject=subject)}
        for event in _as_events(mine, subject):
            if _key(event) not in known:
                log.append(event)


def publish_or_warn(ledger: Ledger, state: str, model: str) -> None:
    """As `publish`; who looks at the events has less to see where that fails, and that is all."""
    try:
        log = log_of(state)
        if log is not None:
            publish(ledger, log, model)
    except ServeError as error:
        click.echo(f"{model}: not among the events of {state}: {error.message}", err=True)


def _is_of(one: Happening, subject: str, model: str) -> bool:
    return one.run == subject or (subject == model and one.run is None and one.what in _OF_MODELS)


def _as_events(happened: Sequence[Happening], subject: str) -> Iterator[Event]:
    from serve_app.core.events import Event

    for one in happened:
        of_state = one.what == "state"
        why = one.why if of_state else f"{one.what}{': ' if one.why else ''}{one.why}"
        # What moves a run is a process, of which nobody knows the number later.
        who = RETRAINING if of_state else one.who
        yield Event(one.at_s, who, RETRAINING, subject, why, one.before, one.after)


def _key(event: Event) -> tuple[Any, ...]:
    return (event.at_s, event.before, event.after, event.why)
