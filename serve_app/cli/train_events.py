"""How runs of training ended, among the events of the cluster: `serve-app events`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serve_app.cli.retrain_events import Log, log_of
from serve_app.errors import ServeError
from serve_app.monitoring.training import TRAINING

if TYPE_CHECKING:
    from serve_app.core.events import Event
    from serve_app.lifecycle.ledger import Ledger, Run

_RUNS = 2
"""Of the newest runs: those before had ended when these began."""


def publish(ledger: Ledger, log: Log) -> None:
    """Keep how the newest runs ended, each of it once, whoever kept the rest before.

    Raises:
        ServeError: it cannot be written, or not be read.
    """
    for run in reversed(ledger.runs()[:_RUNS]):
        if run.ended_at is None:
            continue
        event = _ended(ledger, run, run.ended_at)
        known = log.newest(kind=TRAINING, subject=run.id)
        if all((one.at_s, one.after) != (event.at_s, event.after) for one in known):
            log.append(event)


def publish_or_warn(runs: str, state: str) -> None:
    """As `publish`, where there is a cluster's state; who looks there has less to see otherwise."""
    from serve_app.lifecycle.ledger import Ledger

    try:
        log = log_of(state)
        if log is not None:
            publish(Ledger(Path(runs)), log)
    except ServeError as error:
        click.echo(f"not among the events of {state}: {error.message}", err=True)


@contextmanager
def published(runs: str, state: str) -> Iterator[None]:
    """Keep how a run ended that is worked on meanwhile, whatever comes of it."""
    try:
        yield
    finally:
        publish_or_warn(runs, state)


def _ended(ledger: Ledger, run: Run, ended_at: float) -> Event:
    from serve_app.core.events import Event
    from serve_app.registry.user import current_user

    trials = ledger.trials(run.id)
    after = {
        "model": run.model,
        "state": run.state,
        "seconds": round(ended_at - run.created_at, 3),
        "trials": len(trials),
        "failed_trials": sum(one.value is None for one in trials),
    }
    return Event(ended_at, current_user(), TRAINING, run.id, run.error or "", None, after)
